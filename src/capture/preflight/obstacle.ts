/** Something about a container or its node that a checkpoint fails on, or that a responder should know beforehand. */
export interface Obstacle {
  readonly id:
    | 'io-uring'
    | 'tcp-connection'
    | 'file-watch'
    | 'file-lock'
    | 'deleted-file'
    | 'unix-socket'
    | 'criu'
    | 'frozen'
    | 'sleep'
    | 'disk-space';
  /**
   * `refusal`: the checkpoint fails as things stand. `likely`: it fails, or does harm, unless things change meanwhile.
   * `note`: worth knowing.
   */
  readonly certainty: 'refusal' | 'likely' | 'note';
  /** One sentence: what it is and what comes of it. */
  readonly what: string;
  /** Where it was seen: process, descriptor, path, address. At most `MAX_EVIDENCE` places and how many more there are. */
  readonly evidence: readonly string[];
  /** What to do, a line each: commands, or lines of a file. */
  readonly cure: readonly string[];
}

/** A server with a thousand connections is told by its first ones. */
const MAX_EVIDENCE = 5;

/** The first places, and the number of those left out. */
export function clipEvidence(places: readonly string[]): readonly string[] {
  if (places.length <= MAX_EVIDENCE) return places;
  return [...places.slice(0, MAX_EVIDENCE), `and ${places.length - MAX_EVIDENCE} more`];
}
