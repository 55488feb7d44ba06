/** Programs of Debian that the testbed calls. */
import { output, run } from './process.ts';

/** Installs `packages` where the program is not there. */
export async function installProgram(
  program: string,
  packages: readonly string[] = [program],
): Promise<void> {
  if ((await run(['which', program])).code === 0) return;
  await output(['apt-get', 'update', '-qq']);
  await output(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages]);
}
