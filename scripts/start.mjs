// `npm start`: the tour on bundled evidence. `npm start -- ARGS`: exhibit with these arguments.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root } from './prepare.mjs';

const DEMO = 'fixtures/containerd-compromised/checkpoint.tar';

await ensureInstalled();
await ensureBuilt();

const given = process.argv.slice(2);
if (given.length > 0) process.chdir(process.env.INIT_CWD ?? process.cwd());
else process.chdir(root);
const argv = given.length > 0 ? given : ['inspect', DEMO];

const program = path.join(root, 'dist/exhibit.cjs');
process.argv = [process.execPath, program, ...argv];
await import(pathToFileURL(program).href);

if (given.length === 0) {
  process.stdout.write(`
Next:
  an archive of yours   npm start -- inspect /path/to/checkpoint.tar
  a pod                 npm start -- capture NAMESPACE/POD        (on its node, or with a kubeconfig)
  this node             npm start -- list                         (archives in /var/lib/kubelet/checkpoints)
`);
}
