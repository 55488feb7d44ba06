// Watches /etc with inotify. On overlayfs CRIU needs force-irmap and irmap-scan-path=/etc for it.
#include <sys/inotify.h>
#include <unistd.h>

int main(void) {
  if (inotify_add_watch(inotify_init(), "/etc", IN_CREATE | IN_MODIFY) < 0)
    return 1;
  for (;;)
    pause();
}
