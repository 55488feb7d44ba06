/**
 * Files that report events, from what the kernel adds to their fdinfo (Documentation/filesystems/proc.rst). Numbers there are
 * hexadecimal but for those of timers; devices are in the kernel's encoding, as CRIU has them.
 */
import type { MessageOf } from '../../../criu/schema.ts';
import type * as schemas from '../../../criu/schemas/event-files.ts';
import type { FileEntry } from '../../../criu/schemas/files.ts';
import { type DescriptorInfo, hexNumber, lineValue, wholeNumber } from '../proc/descriptor-info.ts';
import { UNKNOWN_OWNER } from './file-book.ts';

type Entry = Omit<FileEntry, 'id'>;

/** A container may watch a whole tree: fs.inotify.max_user_watches is 1,048,576 at most by default. */
const MAX_WATCHES = 1_048_576;
/** Words of a file handle in CRIU's image; MAX_HANDLE_SZ of the kernel is 128 bytes. */
const HANDLE_WORDS = 16;

/** The kinds of anonymous inodes that CRIU has a message for, by the link of their descriptors. */
export const EVENT_FILES: Readonly<Record<string, (id: number, info: DescriptorInfo) => Entry>> = {
  'anon_inode:[eventfd]': eventfd,
  'anon_inode:[eventpoll]': eventpoll,
  'anon_inode:[signalfd]': signalfd,
  'anon_inode:[timerfd]': timerfd,
  'anon_inode:inotify': inotify,
  'anon_inode:[fanotify]': fanotify,
};

/** The number of an eventfd: each has one of its own, so that equal ones are one file. */
export const eventfdNumber = ({ lines }: DescriptorInfo): string | undefined =>
  lineValue(lines, 'eventfd-id:');

function base(id: number, { flags }: DescriptorInfo) {
  return { id, flags, fown: UNKNOWN_OWNER };
}

function eventfd(id: number, info: DescriptorInfo): Entry {
  const counter = hexNumber(lineValue(info.lines, 'eventfd-count:'));
  return { type: 'EVENTFD', efd: { ...base(id, info), counter } };
}

function signalfd(id: number, info: DescriptorInfo): Entry {
  const sigmask = hexNumber(lineValue(info.lines, 'sigmask:'));
  return { type: 'SIGNALFD', sgfd: { ...base(id, info), sigmask } };
}

const TARGET =
  /^tfd: +(\d+) events: +([0-9a-f]+) data: +([0-9a-f]+)(?: +pos:(\d+) ino:([0-9a-f]+) sdev:([0-9a-f]+))?/;

function eventpoll(id: number, info: DescriptorInfo): Entry {
  const tfd = info.lines.slice(0, MAX_WATCHES).flatMap((line) => {
    const match = TARGET.exec(line);
    if (match === null) return [];
    const [, target, events, data, pos, inode, dev] = match;
    // CRIU writes 0 for the id: whose entry it is stands around it.
    const entry = { id: 0, tfd: Number(target), events: word(events), data: hexNumber(data) };
    const place = { pos: wholeNumber(pos), inode: hexNumber(inode), dev: word(dev) };
    return [inode === undefined ? entry : { ...entry, ...place }];
  });
  return { type: 'EVENTPOLL', epfd: { ...base(id, info), tfd } };
}

function timerfd(id: number, info: DescriptorInfo): Entry {
  const value = (name: string): string | undefined => lineValue(info.lines, name);
  const [vsec, vnsec] = timePair(value('it_value:'));
  const [isec, insec] = timePair(value('it_interval:'));
  const settime = Number.parseInt(value('settime flags:') ?? '0', 8) || 0;
  const times = { ticks: wholeNumber(value('ticks:')), settime_flags: settime, vsec, vnsec, isec, insec };
  const clockid = Number(wholeNumber(value('clockid:')));
  return { type: 'TIMERFD', tfd: { ...base(id, info), clockid, ...times } };
}

/** `(SECONDS, NANOSECONDS)` */
function timePair(text = ''): readonly [bigint, bigint] {
  const match = /^\((\d+), (\d+)\)$/.exec(text);
  return [wholeNumber(match?.[1]), wholeNumber(match?.[2])];
}

function inotify(id: number, info: DescriptorInfo): Entry {
  const wd = info.lines
    .slice(0, MAX_WATCHES)
    .filter((line) => line.startsWith('inotify wd:'))
    .map((line): MessageOf<typeof schemas.inotifyWdEntry> => {
      const values = namedValues(line);
      return {
        id,
        i_ino: hexNumber(values.get('ino')),
        mask: word(values.get('mask')),
        ignored_mask: word(values.get('ignored_mask')),
        s_dev: word(values.get('sdev')),
        wd: word(values.get('wd')),
        f_handle: fileHandle(values),
      };
    });
  return { type: 'INOTIFY', ify: { ...base(id, info), wd } };
}

function fanotify(id: number, info: DescriptorInfo): Entry {
  const lines = info.lines.slice(0, MAX_WATCHES).filter((line) => line.startsWith('fanotify '));
  const head = namedValues(lines.find((line) => line.startsWith('fanotify flags:')) ?? '');
  const mark = lines.flatMap((line) => fanotifyMark(id, namedValues(line)) ?? []);
  const flags = { faflags: word(head.get('flags')), evflags: word(head.get('event-flags')) };
  return { type: 'FANOTIFY', ffy: { ...base(id, info), ...flags, mark } };
}

/** Undefined for marks on whole file systems, which CRIU has no message for. */
function fanotifyMark(
  id: number,
  values: ReadonlyMap<string, string>,
): MessageOf<typeof schemas.fanotifyMarkEntry> | undefined {
  const common = {
    id,
    mflags: word(values.get('mflags')),
    mask: word(values.get('mask')),
    ignored_mask: word(values.get('ignored_mask')),
    s_dev: word(values.get('sdev')),
  };
  const inode = values.get('ino');
  if (inode !== undefined)
    return { ...common, type: 'INODE', ie: { i_ino: hexNumber(inode), f_handle: fileHandle(values) } };
  const mount = values.get('mnt_id');
  return mount === undefined ? undefined : { ...common, type: 'MOUNT', me: { mnt_id: word(mount) } };
}

/** `KIND name:value name:value…` */
function namedValues(line: string): ReadonlyMap<string, string> {
  const words = line.split(' ').map((each) => each.split(':'));
  return new Map(words.flatMap(([name, value]) => (name && value !== undefined ? [[name, value]] : [])));
}

function fileHandle(values: ReadonlyMap<string, string>): MessageOf<typeof schemas.fhEntry> {
  const bytes = Buffer.alloc(HANDLE_WORDS * 8);
  bytes.write((values.get('f_handle') ?? '').slice(0, HANDLE_WORDS * 16), 'hex');
  const handle = Array.from({ length: HANDLE_WORDS }, (_, at) => bytes.readBigUInt64LE(at * 8));
  return { bytes: word(values.get('fhandle-bytes')), type: word(values.get('fhandle-type')), handle };
}

const word = (text: string | undefined): number => Number(BigInt.asUintN(32, hexNumber(text)));
