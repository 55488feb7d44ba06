/** How the container counts its processes and threads: each image is named and joined by these numbers. */
import type { GatheredContainer, GatheredProcess, GatheredThread } from '../look/gathered.ts';
import { containerNumber, parseStatus, pidNamespaceDepth } from '../proc/status.ts';

export class TaskNumbers {
  readonly depth: number;
  readonly #numbers = new Map<number, number>();

  constructor({ processes }: Pick<GatheredContainer, 'processes'>) {
    this.depth = pidNamespaceDepth(processes[0]);
    for (const process of processes) {
      this.#add(process.pid, process.files.status);
      for (const { tid, files } of process.threads) if (tid !== process.pid) this.#add(tid, files.status);
    }
  }

  #add(task: number, status: string | undefined): void {
    this.#numbers.set(task, containerNumber(parseStatus(status), this.depth) ?? task);
  }

  of({ pid }: Pick<GatheredProcess, 'pid'>): number {
    return this.#numbers.get(pid) ?? pid;
  }

  ofThread({ tid }: Pick<GatheredThread, 'tid'>): number {
    return this.#numbers.get(tid) ?? tid;
  }

  /** Undefined for a process or thread that is not the container's. */
  find(task: number): number | undefined {
    return this.#numbers.get(task);
  }
}
