// Plays a coin miner: its pool and wallet are in memory, where an examiner finds them. It talks to nobody.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char job[256];

int main(void) {
  const char *wallet = "44EXHIBITfakeWALLETnotARealMoneroAddress";
  unsigned hashes = 0;
  for (;;) {
    snprintf(job, sizeof job, "stratum+tcp://pool.example.invalid:3333 user=%s hashes=%u", wallet, hashes++);
    usleep(200 * 1000);
  }
}
