// Counts, so that a test can see that a captured container goes on.
#include <stdio.h>
#include <unistd.h>

static volatile struct {
  char marker[24];
  unsigned long long count;
} state = {"EXHIBIT-COUNTER-STATE", 0};

int main(void) {
  for (;;) {
    printf("%llu\n", ++state.count);
    fflush(stdout);
    usleep(100 * 1000);
  }
}
