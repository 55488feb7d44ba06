import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestNode } from '../../../testbed/node.ts';
import { output, succeeded } from '../../../testbed/process.ts';

const ROOT = join(import.meta.dirname, '../../..');
export const EXHIBIT_IMAGE = 'localhost/exhibit:test';

/** Makes the container image of what is built, as `npm run image` does, and gives it to the node's runtime. */
export async function importExhibitImage(node: TestNode): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'exhibit-image-'));
  const file = join(scratch, 'image.tar');
  const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs');
  const program = join(ROOT, 'scripts/image/main.ts');
  await output([process.execPath, tsx, program, '--name', EXHIBIT_IMAGE, '--output', file]);
  const inside = '/var/lib/exhibit-image.tar';
  copyFileSync(file, node.hostPath(inside));
  rmSync(scratch, { recursive: true });
  const argv = ['ctr', '-n', 'k8s.io', 'image', 'import', '--local', inside];
  succeeded(argv, await node.exec(argv));
  rmSync(node.hostPath(inside));
}
