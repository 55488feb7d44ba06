// Bytes that were written and not read yet: in a pipe, a stream and a datagram socket pair, and a terminal.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static void say(int fd, const char *text) {
  if (write(fd, text, strlen(text)) < 0)
    _exit(1);
}

static void terminal(void) {
  struct termios raw;
  int leader = posix_openpt(O_RDWR | O_NOCTTY);
  if (grantpt(leader) || unlockpt(leader))
    _exit(1);
  int follower = open(ptsname(leader), O_RDWR | O_NOCTTY);
  tcgetattr(follower, &raw);
  cfmakeraw(&raw);
  tcsetattr(follower, TCSANOW, &raw);
  say(leader, "typed-into-the-terminal\n");
}

int main(void) {
  int ends[2];
  if (pipe(ends))
    return 1;
  say(ends[1], "unread-in-the-pipe\n");
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
    return 1;
  say(ends[0], "unread-in-the-stream-pair\n");
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends))
    return 1;
  say(ends[0], "first datagram");
  say(ends[0], "second datagram");
  terminal();
  for (;;)
    pause();
}
