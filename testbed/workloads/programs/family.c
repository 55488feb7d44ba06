// A process tree: family (threads net-0 to net-2) -> parent -> child, a zombie of parent's, and a process of uid 33.
// uid 33 only with the argument "users": CRIU needs CAP_SYS_RESOURCE for it, which sandboxed hosts lack.
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void rest(const char *name) {
  prctl(PR_SET_NAME, name);
  for (;;)
    pause();
}

static void *thread(void *name) {
  rest(name);
  return NULL;
}

static void parent(void) {
  if (fork() == 0)
    rest("child");
  if (fork() == 0) {
    prctl(PR_SET_NAME, "gone");
    _exit(7);
  }
  rest("parent");
}

int main(int argc, char **argv) {
  static char names[3][8] = {"net-0", "net-1", "net-2"};
  if (fork() == 0)
    parent();
  if (argc > 1 && strcmp(argv[1], "users") == 0 && fork() == 0) {
    if (setgid(33) || setuid(33))
      perror("setuid");
    rest("www");
  }
  for (int i = 0; i < 3; i++) {
    pthread_t id;
    pthread_create(&id, NULL, thread, names[i]);
  }
  rest("family");
}
