/**
 * CRIU's dump.log after a failed dump, as causes and cures. The log is lines of `(seconds.micros) PID: text`, errors
 * with `Error (file:line): `. Sources: CRIU's sources for the texts; those marked measured were seen with 4.2.1.
 */
import { CRIU_OPTIONS, TOO_OLD_FOR_KERNEL, watchLine } from './criu-advice.ts';

/** What stopped CRIU, in the examiner's words. */
export interface DumpFailure {
  readonly cause: string;
  readonly cure: string;
  /** The line of the log that says so. */
  readonly line: string;
}

interface DumpLogRule {
  readonly line: RegExp;
  readonly cause: string;
  readonly cure: string;
}

/** runc reads it at each checkpoint, so that a change needs no restart; crun reads /etc/criu/crun.conf. */
const RUNC_CONF = '/etc/criu/runc.conf on the node (crun: crun.conf)';

const { tcpEstablished, fileLocks, ghostLimit, unixSockets } = CRIU_OPTIONS;

const addLine = (line: string): string => `add the line "${line}" to ${RUNC_CONF}`;

const RULES: readonly DumpLogRule[] = [
  {
    line: /Connected TCP socket, consider using --tcp-established/,
    cause: 'the container holds an established TCP connection, as a live reverse shell does',
    cure: addLine(tcpEstablished.line),
  },
  {
    line: /Some file locks are hold/,
    cause: 'a process holds a file lock',
    cure: addLine(fileLocks.line),
  },
  {
    line: /External socket is used/,
    cause: 'a unix socket leads out of the container',
    cure: addLine(unixSockets.line),
  },
  {
    // Measured: ext-unix-sk alone passes datagram sockets only.
    line: /Can't dump half of stream unix connection/,
    cause:
      'a process is connected to a unix socket outside of the container, which ext-unix-sk alone does not pass',
    cure: `"exhibit preflight" on the node names the lines "external unix[NUMBER]" for ${RUNC_CONF}`,
  },
  {
    line: /Can't dump tmpfs content|unrecognized option ['‘]--no-unquote/,
    cause: "the tar that the runtime finds is not GNU tar (k3s puts BusyBox's first)",
    cure: "put GNU tar into the runtime's PATH; on k3s in place of /var/lib/rancher/k3s/data/current/bin/tar",
  },
  {
    line: /Can't dump ghost file.*(?:increase limit|too big)/,
    cause: 'a process holds a deleted file that is larger than CRIU copies',
    cure: `${addLine(ghostLimit.line)}, or more for a larger file`,
  },
  {
    line: /ip6?tables-restore.*failed|can't run iptables/i,
    cause: 'CRIU could not lock the network: iptables is missing or fails on the node',
    cure: `install iptables on the node, or add the line "network-lock skip" to ${RUNC_CONF}`,
  },
  {
    line: /suspending seccomp failed/i,
    cause: 'the kernel of the node lacks CONFIG_CHECKPOINT_RESTORE',
    cure: 'none on this node: it needs a kernel that has it',
  },
  {
    line: new RegExp(TOO_OLD_FOR_KERNEL.said),
    cause: TOO_OLD_FOR_KERNEL.cause,
    cure: TOO_OLD_FOR_KERNEL.cure,
  },
  {
    line: /fsnotify:.*Can't dump that handle/,
    cause: 'a process watches files with inotify on an overlay file system',
    cure: `add, per watched folder, the line "${watchLine('FOLDER')}" to ${RUNC_CONF}`,
  },
  {
    // Measured: Node.js from 20 on holds one where seccomp lets it. Kernels from 6.7 on let nobody pass one on (net/core/scm.c).
    line: /anon_inode:\[io_uring\]|send_fds failed \(-22\)/,
    cause: 'a process holds an io_uring, which CRIU cannot dump (Node.js does where seccomp allows it)',
    cure: 'none while it runs; "seccompProfile: {type: RuntimeDefault}" keeps later pods from using io_uring',
  },
  {
    // Measured on sandboxed hosts.
    line: /Can't get rlimit \d+: Operation not permitted/,
    cause: 'CRIU may not read a process of another user: it lacks CAP_SYS_RESOURCE',
    cure: 'run the container runtime with CAP_SYS_RESOURCE, as a node does that is not itself in a sandbox',
  },
  {
    // Measured with php-cli 8.4.
    line: /POKEDATA failed|Can't infect \(pid: \d+\) with parasite/,
    cause: 'CRIU could not write its parasite into a process',
    cure: 'none: CRIU cannot dump this process',
  },
];

/** A reason is in the last lines; whoever reads a log passes at most this many bytes of its end. */
export const MAX_DUMP_LOG_BYTES = 1024 * 1024;

const MAX_QUOTED_LENGTH = 300;

/** The known causes that the log names, each once, in the order of the log. */
export function explainDumpLog(log: string): readonly DumpFailure[] {
  const lines = log.slice(-MAX_DUMP_LOG_BYTES).split('\n');
  const found = new Map<DumpLogRule, DumpFailure>();
  for (const line of lines) {
    const rule = RULES.find((candidate) => candidate.line.test(line));
    if (rule === undefined || found.has(rule)) continue;
    found.set(rule, { cause: rule.cause, cure: rule.cure, line: clip(line) });
  }
  return [...found.values()];
}

/** The log's first errors in CRIU's own words, for a cause that the table does not know. */
export function dumpLogErrors(log: string, limit = 3): readonly string[] {
  const lines = log.slice(-MAX_DUMP_LOG_BYTES).split('\n');
  return lines
    .filter((line) => /\bError \(/.test(line))
    .slice(0, limit)
    .map(clip);
}

function clip(line: string): string {
  const text = line.trim();
  return text.length > MAX_QUOTED_LENGTH ? `${text.slice(0, MAX_QUOTED_LENGTH)}…` : text;
}
