import type { Io } from '../io.ts';

/** Whether the person at the terminal typed `yes` or `y`. False where nobody can be asked. `question`: safe to print. */
export async function confirm(question: string, io: Io): Promise<boolean> {
  const answer = await io.ask(`${question} [yes/no] `);
  return /^\s*y(es)?\s*$/i.test(answer ?? '');
}
