/**
 * What CRIU needs of a node and of the options that it is given: said of a node by `exhibit doctor` and of a capture that
 * failed by what its log says. Each fact is here once.
 *
 * `force-irmap` is not among the options: for a watch on an overlay, of which containers are made, it changes nothing, and
 * what helps, an `irmap-scan-path` per watched folder, a node cannot know beforehand; `/` does not help (measured with
 * 4.2.1).
 */

/** Options that containers which have something cannot be captured without. None changes a capture that succeeds without. */
export const CRIU_OPTIONS = {
  tcpEstablished: { name: 'tcp-established', line: 'tcp-established', for: 'open TCP connections' },
  fileLocks: { name: 'file-locks', line: 'file-locks', for: 'file locks' },
  // CRIU's own limit is 1 MiB. It takes M for MiB (measured with 4.2.1).
  ghostLimit: {
    name: 'ghost-limit',
    line: 'ghost-limit 512M',
    for: 'deleted files over 1 MiB that are held open',
  },
  unixSockets: { name: 'ext-unix-sk', line: 'ext-unix-sk', for: 'unix sockets that lead out' },
} as const;

/** The option that lets CRIU find the file behind a watch. */
export const watchLine = (folder: string): string => `irmap-scan-path=${folder}`;

/**
 * Linux 6.13 split the vDSO's data in two; CRIU knows it from 4.1 on (checkpoint-restore/criu#2539). `said` is what older
 * ones say of such a kernel (measured with 3.17 on 6.18; distributions may have put it right in theirs).
 */
export const TOO_OLD_FOR_KERNEL = {
  said: 'Unexpected rt vDSO area bounds',
  cause: "CRIU is too old for the node's kernel",
  cure: 'install CRIU 4.1 or later, which Linux 6.13 and later need',
} as const;
