/** Programs of ours that run beside `exhibit`: each is an entry of scripts/build.mjs. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What `node` is called with to run `dist/programs/NAME.js`, or from source the TypeScript file beside the caller. */
export function ownProgram(name: string, source: URL): readonly string[] {
  // Bundled, this stands in dist/ itself.
  const built = fileURLToPath(new URL(`./programs/${name}.js`, import.meta.url));
  if (existsSync(built)) return [built];
  const tsx = createRequire(import.meta.url).resolve('tsx');
  return ['--import', pathToFileURL(tsx).href, fileURLToPath(source)];
}
