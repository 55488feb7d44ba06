/**
 * /proc/PID/mountinfo (proc_pid_mountinfo(5)): a mount a line,
 * `ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG:VALUE…] - TYPE SOURCE SUPEROPTIONS`, with blanks, line feeds and
 * backslashes in octal (`\040`).
 */

export interface MountLine {
  readonly id: number;
  readonly parent: number;
  readonly major: number;
  readonly minor: number;
  /** The part of the file system that is mounted; ends with `//deleted` where it was removed. */
  readonly root: string;
  /** As the process sees it. */
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** The peer group (`shared:N`), and the one that mounts are received from (`master:N`); 0 for none. */
  readonly shared: number;
  readonly master: number;
  readonly unbindable: boolean;
  readonly type: string;
  readonly source: string;
  /** Of the file system; commas within a value are escaped by some file systems only. */
  readonly superOptions: readonly string[];
}

/** The kernel's default limit is 100,000 a namespace (fs.mount-max). */
const MAX_MOUNTS = 100_000;

const LINE =
  /^(\d{1,10}) (\d{1,10}) (\d{1,10}):(\d{1,10}) (\S+) (\S+) (\S+)((?: [a-z_]+(?::\d{1,10})?)*) - (\S+) (\S*) (\S*)$/;

/** The mounts in the kernel's order; lines that are none are left out. */
export function parseMountInfo(text: string | undefined): readonly MountLine[] {
  const lines = (text ?? '').split('\n', MAX_MOUNTS);
  return lines.flatMap((line) => {
    const match = LINE.exec(line);
    return match === null ? [] : [readLine(match)];
  });
}

function readLine(match: RegExpExecArray): MountLine {
  const [, id, parent, major, minor, root = '', point = '', options = '', tags = '', type = '', source = ''] =
    match;
  const group = (name: string): number => Number(new RegExp(` ${name}:(\\d+)`).exec(tags)?.[1] ?? 0);
  return {
    id: Number(id),
    parent: Number(parent),
    major: Number(major),
    minor: Number(minor),
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(point),
    options: options.split(','),
    shared: group('shared'),
    master: group('master'),
    unbindable: tags.includes(' unbindable'),
    type: unescapeOctal(type),
    source: unescapeOctal(source),
    superOptions: (match[11] ?? '').split(',').map(unescapeOctal),
  };
}

/** The kernel's mangle (seq_escape of fs/proc_namespace.c) writes single bytes below 0x80 only. */
const unescapeOctal = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
