// Sockets with options, most of them bound to nothing, whose signals go to a process of their own; and a process that shares
// the table of descriptors of the first one.
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define CHECK(call) \
  do { \
    if ((long)(call) < 0) { \
      perror(#call); \
      return 1; \
    } \
  } while (0)

static int set(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value);
}

static int sockets(void) {
  struct timeval wait = {7, 500000};
  struct linger linger = {1, 30};
  int fd;
  CHECK(fd = socket(AF_INET, SOCK_STREAM, 0));
  CHECK(set(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
  CHECK(set(fd, SOL_SOCKET, SO_REUSEADDR, 1));
  CHECK(set(fd, SOL_SOCKET, SO_PRIORITY, 5));
  CHECK(set(fd, SOL_SOCKET, SO_RCVBUF, 65536));
  CHECK(set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 600));
  CHECK(set(fd, IPPROTO_TCP, TCP_NODELAY, 1));
  CHECK(set(fd, IPPROTO_IP, IP_TTL, 33));
  CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait));
  CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  CHECK(fd = socket(AF_INET6, SOCK_DGRAM, 0));
  CHECK(set(fd, SOL_SOCKET, SO_BROADCAST, 1));
  CHECK(fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  CHECK(fd = socket(AF_UNIX, SOCK_DGRAM, 0));
  CHECK(set(fd, SOL_SOCKET, SO_PASSCRED, 1));
  CHECK(fcntl(fd, F_SETOWN, getpid()));
  CHECK(fcntl(fd, F_SETSIG, SIGUSR1));
  CHECK(socket(AF_NETLINK, SOCK_RAW, 15 /* NETLINK_KOBJECT_UEVENT */));
  CHECK(fd = socket(AF_PACKET, SOCK_DGRAM, 0));
  CHECK(set(fd, SOL_PACKET, PACKET_AUXDATA, 1));
  return 0;
}

int main(void) {
  if (sockets())
    return 1;
  long child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  CHECK(child);
  if (child > 0) {
    puts("ready");
    fflush(stdout);
  }
  for (;;)
    pause();
}
