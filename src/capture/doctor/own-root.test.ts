import { expect, it } from 'vitest';
import { fakeProbe, processFiles } from '../testing/fake-probe.ts';
import type { NodeProbe } from './node-probe.ts';
import { requireOwnRoot } from './own-root.ts';

function machine(sameAsOurs: boolean): NodeProbe {
  const probe = fakeProbe({ files: processFiles(42, 'containerd', ['containerd']) });
  return { ...probe, isSame: async (path) => path === '/proc/1/root/' || sameAsOurs };
}

it('lets root through where the runtime sees the same files', async () => {
  await requireOwnRoot(machine(true), 0);
});

it('refuses other users, and a root of its own', async () => {
  const refused = { code: 'NOT_ROOT' };
  await expect(requireOwnRoot(machine(true), 1000)).rejects.toMatchObject(refused);
  await expect(requireOwnRoot(machine(false), 0)).rejects.toMatchObject({
    ...refused,
    help: [expect.stringContaining('chroot /proc/42/root')],
  });
});
