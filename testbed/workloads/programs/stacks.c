// flags: -O0 -g
// Four threads that wait some calls deep, each with marks of its own in its vector registers, for debuggers to look at.
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

// A system call keeps these registers. It is made here, so that a debugger needs no symbols of the C library.
#ifdef __aarch64__
static void look_at_processor(void) {}

static void wait_here(long mark) {
  __asm__ volatile(
      "dup v6.2d, %0\n"
      "dup v31.2d, %0\n"
      "1: mov x0, #0\n"
      "mov x1, #0\n"
      "mov x2, #0\n"
      "mov x3, #0\n"
      "mov x8, %1\n"
      "svc #0\n"
      "b 1b\n"
      :
      : "r"(mark), "i"(SYS_ppoll)
      : "x0", "x1", "x2", "x3", "x8", "v6", "v31", "memory");
}
#else
static long has_avx, has_avx512;

static void look_at_processor(void) {
  __builtin_cpu_init();
  has_avx = __builtin_cpu_supports("avx") != 0;
  has_avx512 = __builtin_cpu_supports("avx512f") != 0;
}

static void wait_here(long mark) {
  __asm__ volatile(
      "movq %0, %%xmm6\n"
      "punpcklqdq %%xmm6, %%xmm6\n"
      "test %2, %2\n"
      "jz 1f\n"
      "vinsertf128 $1, %%xmm6, %%ymm6, %%ymm6\n"
      "1: test %3, %3\n"
      "jz 2f\n"
      "vpbroadcastq %0, %%zmm7\n"
      "vpbroadcastq %0, %%zmm17\n"
      "mov $0x5eed, %%eax\n"
      "kmovw %%eax, %%k3\n"
      "2: mov %1, %%eax\n"
      "syscall\n"
      "jmp 2b\n"
      :
      : "r"(mark), "i"(SYS_pause), "r"(has_avx), "r"(has_avx512)
      : "rax", "rcx", "r11", "xmm6", "memory");
}
#endif

static void descend(int depth, long mark) {
  if (depth == 0)
    wait_here(mark);
  else
    descend(depth - 1, mark);
}

static void *worker(void *depth) {
  descend((long)depth, 0x5eed0000 + (long)depth);
  return NULL;
}

static void serve(const char *name) {
  printf("%s is ready\n", name);
  fflush(stdout);
  wait_here(0x5eed0000);
}

int main(int argc, char **argv) {
  look_at_processor();
  for (long depth = 1; depth <= 3; depth++) {
    pthread_t id;
    pthread_create(&id, NULL, worker, (void *)depth);
  }
  serve(argv[argc - 1]);
}
