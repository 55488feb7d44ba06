// Five threads in system calls that a freezer or a tracer interrupts. Each says what its call returned; when "ready" is said
// all are about to wait, and "done" comes last.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FUTEX_WAIT_PRIVATE 128

static const struct timespec WAIT = {6, 0};
static int quiet[2];
static int written[2];

static void say(const char *call, long result) {
  printf("%s: %s\n", call, result < 0 ? strerror(errno) : "returned");
}

static void *sleeps(void *unused) {
  say("nanosleep", nanosleep(&WAIT, NULL));
  return NULL;
}

static void *locks(void *unused) {
  static int word = 1;
  say("futex", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &WAIT, NULL, 0));
  return NULL;
}

static void *polls(void *unused) {
  struct epoll_event event = {.events = EPOLLIN};
  int epoll = epoll_create1(0);
  epoll_ctl(epoll, EPOLL_CTL_ADD, quiet[0], &event);
  say("epoll_wait", epoll_wait(epoll, &event, 1, 6000));
  return NULL;
}

static void *listens(void *unused) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR2);
  say("sigtimedwait", sigtimedwait(&signals, NULL, &WAIT));
  return NULL;
}

static void *reads(void *unused) {
  char byte;
  say("read", read(written[0], &byte, 1));
  return NULL;
}

int main(void) {
  void *(*const waits[])(void *) = {sleeps, locks, polls, listens, reads};
  pthread_t threads[5];
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (pipe(quiet) || pipe(written)) return 1;
  for (int i = 0; i < 5; i++) pthread_create(&threads[i], NULL, waits[i], NULL);
  puts("ready");
  nanosleep(&WAIT, NULL);
  if (write(written[1], "x", 1) != 1) return 1;
  for (int i = 0; i < 5; i++) pthread_join(threads[i], NULL);
  puts("done");
  for (;;) pause();
}
