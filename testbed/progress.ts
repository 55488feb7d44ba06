/** Tells a person what is being done and how long it took. */
export interface Progress {
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
}

export function printProgress(print: (line: string) => void = (line) => console.error(line)): Progress {
  return {
    async step(what, work) {
      const begin = performance.now();
      const seconds = () => ((performance.now() - begin) / 1000).toFixed(1);
      const reminder = setInterval(() => print(`  ${what}: ${seconds()} s so far`), 60_000);
      try {
        const result = await work();
        print(`testbed: ${what}: ${seconds()} s`);
        return result;
      } finally {
        clearInterval(reminder);
      }
    },
  };
}

export const silent: Progress = { step: (_, work) => work() };
