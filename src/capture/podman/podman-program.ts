/** Runs the podman program: no shell, nothing that ends it before it is done. */
import { spawn } from 'node:child_process';
import { ExhibitError } from '../../bytes/exhibit-error.ts';

export interface PodmanResult {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** `inspect` of a container with thousands of mounts has some MiB. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Throws `NO_ROUTE` where there is no podman, `LIMIT_EXCEEDED` for an output that no podman writes. */
export function runPodman(args: readonly string[]): Promise<PodmanResult> {
  return new Promise((resolve, reject) => {
    // A session of its own: Ctrl-C at the terminal would end it in the middle of a checkpoint.
    const child = spawn('podman', args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'ENOENT' ? 'it is not installed, or not in PATH' : cause.message;
      reject(new ExhibitError('NO_ROUTE', `cannot run podman: ${why}`, { cause }));
    });
    child.once('close', (code) => {
      try {
        resolve({ code: code ?? undefined, stdout: stdout(), stderr: stderr() });
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** Reads on beyond the limit, so that the program is not kept from ending. */
function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_OUTPUT_BYTES) chunks.push(chunk);
  });
  return () => {
    if (length <= MAX_OUTPUT_BYTES) return Buffer.concat(chunks).toString('utf8');
    throw new ExhibitError('LIMIT_EXCEEDED', `podman wrote more than ${MAX_OUTPUT_BYTES} bytes`);
  };
}
