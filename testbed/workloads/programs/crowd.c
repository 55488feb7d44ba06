// crowd PROCESSES MIB THREADS: so many processes of so much private memory each, with so many threads in all. Each thread takes
// the next number of a counter that all share and writes it down in memory of its process. A page that begins with
// EXHIBIT-COUNTER has the counter behind it, a page that begins with EXHIBIT-NUMBERS what the threads of a process wrote.
// Says "ready" when all of them count.
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

static struct page *counter, *own;

static struct page *map(int sharing, size_t length) {
  void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    exit(1);
  return memory;
}

static void *count(void *slot) {
  const struct timespec while_others_run = {0, 1000000};
  for (;;) {
    *(_Atomic uint64_t *)slot = atomic_fetch_add(counter->numbers, 1) + 1;
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
  for (int i = 0; i < threads; i++) {
    pthread_t id;
    pthread_create(&id, NULL, count, &own->numbers[i]);
  }
  memcpy(own->mark, "EXHIBIT-NUMBERS", 16);
  if (atomic_fetch_add(&counter->numbers[1], 1) == (uint64_t)processes - 1) {
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
  counter = map(MAP_SHARED, PAGE);
  memcpy(counter->mark, "EXHIBIT-COUNTER", 16);
  for (int i = 1; i < processes; i++)
    if (fork() == 0)
      run(i, processes, mebibytes, threads / processes + (i < threads % processes));
  run(0, processes, mebibytes, threads / processes + (threads % processes > 0));
}
