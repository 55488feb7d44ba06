// `npm run test:kubelet-1.34`: the captures again, on the kubelet and API server of another version of Kubernetes. The
// first time they are built, which takes some five minutes. It is no part of `npm test`.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { ensureBuilt, ensureInstalled, root } from './prepare.mjs';

/** What a kubelet's version can change. */
const TESTS = ['test/node/capture', 'test/node/pods', 'test/node/doctor-cluster', 'test/node/rbac'];

const version = process.argv[2];
if (version === undefined) {
  console.error('usage: node scripts/test-kubelet.mjs VERSION    (testbed/parts.ts has the versions)');
  process.exit(2);
}
await ensureInstalled();
await ensureBuilt();
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
const args = [vitest, 'run', '--config', 'vitest.node.config.ts', ...TESTS];
const env = { ...process.env, EXHIBIT_KUBERNETES: version };
process.exitCode = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' }).status ?? 1;
