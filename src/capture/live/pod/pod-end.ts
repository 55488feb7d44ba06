/** How the capture in a pod ended, as the pod tells it. A node under suspicion tells it: nothing of it is believed unseen. */
import { ExhibitError } from '../../../bytes/exhibit-error.ts';
import { record, text } from '../../cluster/api-client.ts';
import { isSafeName } from '../../collect/naming.ts';

/** A report is some 3 KiB, with notes more. */
export const MAX_REPORT_BYTES = 1024 * 1024;

/** What the pod's program writes when its capture has ended. */
export interface PodEnd {
  /** Exit code of `exhibit capture`; undefined where a signal ended it. */
  readonly code: number | undefined;
  /** Its report. */
  readonly output: string;
}

export interface PodArchive {
  /** In the pod's folder. */
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
}

/** The archive of a capture that succeeded. Throws `LIVE_CAPTURE_FAILED` with `said`, the end of what it said, and for what is no report. */
export function readPodEnd(json: string, said: string): PodArchive {
  const { code, output } = parse(json);
  // 3: done, and there is something to look at, which it has said.
  if (code !== 0 && code !== 3) throw captureFailed(code, said);
  const archive = record(parse(typeof output === 'string' ? output : '').archive);
  const name = text(archive.path)?.split('/').at(-1) ?? '';
  const { size } = archive;
  const sha256 = text(archive.sha256) ?? '';
  const isSize = typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
  if (!isSafeName(name) || !/^[0-9a-f]{64}$/.test(sha256) || !isSize) throw noReport();
  return { name, sha256, size };
}

function parse(json: string) {
  try {
    return record(JSON.parse(json));
  } catch {
    throw noReport();
  }
}

const noReport = (): ExhibitError =>
  new ExhibitError(
    'LIVE_CAPTURE_FAILED',
    'what the capture pod tells of its capture is no report of exhibit',
  );

/** The kernel counts what is written to a disk that is memory as memory of the pod. */
const OUT_OF_MEMORY = [
  "Most likely the pod's memory limit: does the node keep its disk in memory (tmpfs)? Then: --keep-on-node on a folder that",
  'is on a disk, or the same command as root on the node.',
];

/** Its last words begin with the program's name. */
function captureFailed(code: unknown, said: string): ExhibitError {
  const at = said.lastIndexOf('exhibit: ');
  const [message = '', ...help] = said
    .slice(at < 0 ? said.length : at + 'exhibit: '.length)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const why =
    message === '' ? `it ended ${typeof code === 'number' ? `with ${code}` : 'by a signal'}` : message;
  return new ExhibitError('LIVE_CAPTURE_FAILED', `the capture on the node failed: ${why}`, {
    help: message === '' && code === undefined ? OUT_OF_MEMORY : help,
  });
}
