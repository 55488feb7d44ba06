/** Which socket the node's runtime listens on. */
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { type ContainerRuntime, openRuntime } from './runtime.ts';

/** k3s and RKE2 run a containerd of their own, which may stand beside Docker's; then containerd's default. */
export const CONTAINERD_SOCKETS: readonly string[] = [
  '/run/k3s/containerd/containerd.sock',
  '/run/containerd/containerd.sock',
];

/** CRI-O's default too, as crictl has them. /var/run is /run on every distribution with Kubernetes. */
export const RUNTIME_SOCKETS: readonly string[] = [...CONTAINERD_SOCKETS, '/run/crio/crio.sock'];

/** sun_path in unix(7) holds this many bytes and a zero. */
const MAX_SOCKET_PATH = 107;

/**
 * The runtime at `endpoint` (`unix:///PATH` or `/PATH`, as crictl takes it), else the first of the known places that
 * answers. Throws `BAD_TARGET`, `NO_ROUTE` where there is none here, or what keeps the first one that is there from
 * being asked.
 */
export async function findRuntime(endpoint: string | undefined, root = '/'): Promise<ContainerRuntime> {
  if (endpoint !== undefined) return openRuntime(readEndpoint(endpoint));
  const failures: unknown[] = [];
  for (const place of RUNTIME_SOCKETS) {
    const socket = path.join(root, place);
    if (!(await isThere(socket))) continue;
    try {
      return await openRuntime(socket);
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures[0] ?? noSocket();
}

function readEndpoint(text: string): string {
  const file = text.replace(/^unix:\/\//, '');
  if (path.isAbsolute(file) && Buffer.byteLength(file) <= MAX_SOCKET_PATH && !file.includes('\0'))
    return file;
  throw new ExhibitError('BAD_TARGET', `cannot read "${text}" as a runtime's socket: write unix:///PATH`);
}

/** A folder on the way may be closed to this user: then nobody can say, and opening it tells. */
async function isThere(file: string): Promise<boolean> {
  try {
    await access(file, constants.F_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}

function noSocket(): ExhibitError {
  return new ExhibitError('NO_ROUTE', "no container runtime's socket is on this machine", {
    help: [
      'looked for:',
      ...RUNTIME_SOCKETS,
      'one that lies elsewhere is named with --runtime-endpoint unix:///PATH',
    ],
  });
}
