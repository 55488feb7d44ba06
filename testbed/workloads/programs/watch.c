// watch [DIRECTORY]: watches it with inotify; without one, /etc, where CRIU looks for what is watched without being told.
#include <sys/inotify.h>
#include <unistd.h>

int main(int argc, char **argv) {
  const char *directory = argc > 1 ? argv[1] : "/etc";
  if (inotify_add_watch(inotify_init(), directory, IN_CREATE | IN_MODIFY) < 0)
    return 1;
  for (;;)
    pause();
}
