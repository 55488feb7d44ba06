// hoard MIB: that much memory of pseudo-random bytes, which no compression shortens,
// with the text EXHIBIT-MARKER-<number of the MiB> at each MiB's start; prints where it is.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1 << 20)

int main(int argc, char **argv) {
  size_t mebibytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
  uint64_t random = 0x9e3779b97f4a7c15;
  uint64_t *memory = mmap(NULL, mebibytes * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return 1;
  for (size_t i = 0; i < mebibytes * MIB / sizeof *memory; i++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    memory[i] = random;
  }
  for (size_t i = 0; i < mebibytes; i++)
    snprintf((char *)memory + i * MIB, 32, "EXHIBIT-MARKER-%08zu", i);
  printf("%zu MiB at %p\n", mebibytes, (void *)memory);
  fflush(stdout);
  for (;;)
    pause();
}
