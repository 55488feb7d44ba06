// whisper SOCKET: connects to a unix socket and stays connected, as what was given the runtime's socket does.
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct sockaddr_un peer = {.sun_family = AF_UNIX};
  if (argc < 2)
    return 2;
  strncpy(peer.sun_path, argv[1], sizeof peer.sun_path - 1);
  if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&peer, sizeof peer) != 0)
    return 1;
  for (;;)
    pause();
}
