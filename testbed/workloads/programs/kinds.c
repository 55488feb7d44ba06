// One of each: System V and POSIX shared memory, shared anonymous memory, semaphores, a message queue, a memfd,
// eventfd, epoll, timerfd, signalfd, file locks, a FIFO, a UDP and a netlink socket, a deleted file still open.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CHECK(call) \
  do { \
    if ((long)(call) < 0) { \
      perror(#call); \
      return 1; \
    } \
  } while (0)

static int memory(void) {
  int id, fd;
  char *at;
  CHECK(id = shmget(0x45584849, 8192, IPC_CREAT | 0600));
  CHECK(at = shmat(id, NULL, 0));
  strcpy(at, "in-sysv-shared-memory");
  CHECK(fd = shm_open("/exhibit", O_CREAT | O_RDWR, 0600));
  CHECK(ftruncate(fd, 8192));
  at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  strcpy(at, "in-posix-shared-memory");
  at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  strcpy(at, "in-shared-anonymous-memory");
  CHECK(fd = memfd_create("notes", 0));
  CHECK(write(fd, "in-a-memfd\n", 11));
  return 0;
}

static int queues(void) {
  struct { long type; char text[32]; } message = {1, "in-a-message-queue"};
  int id;
  CHECK(id = msgget(0x4d534751, IPC_CREAT | 0600));
  CHECK(msgsnd(id, &message, sizeof message.text, 0));
  CHECK(semget(0x53454d41, 3, IPC_CREAT | 0600));
  return 0;
}

static int events(void) {
  struct itimerspec hourly = {{3600, 0}, {3600, 0}};
  struct epoll_event readable = {.events = EPOLLIN, .data.u64 = 0xfeedface};
  sigset_t signals;
  int event, timer, poll;
  CHECK(event = eventfd(42, EFD_NONBLOCK));
  CHECK(timer = timerfd_create(CLOCK_MONOTONIC, 0));
  CHECK(timerfd_settime(timer, 0, &hourly, NULL));
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  CHECK(signalfd(-1, &signals, 0));
  CHECK(poll = epoll_create1(0));
  CHECK(epoll_ctl(poll, EPOLL_CTL_ADD, event, &readable));
  CHECK(epoll_ctl(poll, EPOLL_CTL_ADD, timer, &readable));
  return 0;
}

static int files(void) {
  struct flock region = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20};
  int fd;
  CHECK(fd = open("/tmp/locked", O_CREAT | O_RDWR, 0600));
  CHECK(flock(fd, LOCK_EX));
  CHECK(fd = open("/tmp/locked-region", O_CREAT | O_RDWR, 0600));
  CHECK(fcntl(fd, F_SETLK, &region));
  CHECK(fd = open("/tmp/dropped", O_CREAT | O_RDWR, 0600));
  CHECK(write(fd, "content-of-a-deleted-file\n", 26));
  CHECK(unlink("/tmp/dropped"));
  CHECK(mkfifo("/tmp/fifo", 0600));
  CHECK(fd = open("/tmp/fifo", O_RDWR));
  CHECK(write(fd, "unread-in-the-fifo\n", 19));
  // /dev is the container's own tmpfs: CRIU saves what is in it, and so hides nothing there.
  CHECK(fd = open("/dev/.hidden", O_CREAT | O_RDWR, 0600));
  CHECK(write(fd, "content-of-a-tmpfs-file\n", 24));
  return 0;
}

static int sockets(void) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(5353)};
  int fd;
  CHECK(fd = socket(AF_INET, SOCK_DGRAM, 0));
  CHECK(bind(fd, (struct sockaddr *)&any, sizeof any));
  CHECK(socket(AF_NETLINK, SOCK_RAW, 0 /* NETLINK_ROUTE; musl has no kernel headers */));
  return 0;
}

int main(void) {
  if (memory() || queues() || events() || files() || sockets())
    return 1;
  puts("ready");
  fflush(stdout);
  for (;;)
    pause();
}
