// crowd PROCESSES MIB THREADS: so many processes of so much private memory each, with so many threads in all. Each thread counts
// its steps twice: in memory that all share, then in memory of its process. So at each moment the first number is that of the
// second, or one more. A page that begins with EXHIBIT-SHARED has the first numbers, one that begins with EXHIBIT-PRIVATE the
// second ones of a process, both by thread. Says "ready" when all of them count.
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)
#define PAGE 4096

struct page {
  char mark[16];
  _Atomic uint64_t numbers[(PAGE - 16) / 8];
};

static struct page *shared, *own;

static struct page *map(int sharing, size_t length) {
  void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    exit(1);
  return memory;
}

static void *count(void *slot) {
  const struct timespec while_others_run = {0, 1000000};
  long thread = (long)slot;
  for (uint64_t step = 1;; step++) {
    shared->numbers[thread] = step;
    own->numbers[thread] = step;
    nanosleep(&while_others_run, NULL);
  }
  return NULL;
}

static void run(int index, int processes, size_t mebibytes, int threads) {
  uint64_t random = 0x9e3779b97f4a7c15 + (uint64_t)index;
  uint64_t *memory = (uint64_t *)map(MAP_PRIVATE, mebibytes * MIB);
  for (size_t i = 0; i < mebibytes * MIB / sizeof *memory; i++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    memory[i] = random;
  }
  own = map(MAP_PRIVATE, PAGE);
  memcpy(own->mark, "EXHIBIT-PRIVATE", 16);
  for (long thread = index; thread < threads; thread += processes) {
    pthread_t id;
    pthread_create(&id, NULL, count, (void *)thread);
  }
  if (atomic_fetch_add(&shared->numbers[threads], 1) == (uint64_t)processes - 1) {
    printf("ready\n");
    fflush(stdout);
  }
  for (;;)
    pause();
}

int main(int argc, char **argv) {
  int processes = argc > 1 ? atoi(argv[1]) : 2;
  size_t mebibytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
  int threads = argc > 3 ? atoi(argv[3]) : 2;
  shared = map(MAP_SHARED, PAGE);
  memcpy(shared->mark, "EXHIBIT-SHARED", 15);
  for (int i = 1; i < processes; i++)
    if (fork() == 0)
      run(i, processes, mebibytes, threads);
  run(0, processes, mebibytes, threads);
}
