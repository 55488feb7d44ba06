/**
 * `exhibit-capture.json`: what a capture of our own tells beside CRIU's images: how it was taken, when the container stood
 * still, what such a capture cannot show, and what CRIU has no place for. Described in docs/formats/capture-record.md.
 *
 * Written by us, but read from an archive that anybody may have made: each field can be there or not, and of any type. What is
 * not of its type is left out; only a record that is none at all is refused. Names are those of the JSON. Numbers of 64 bits
 * are decimal text.
 */
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type Fields, fieldsOf } from './record-fields.ts';

/** The entry's name in the archive. */
export const CAPTURE_RECORD = 'exhibit-capture.json';
const VERSION = 1;

/** 32,768 processes with all that is told of each are some 20 MiB, 262,144 descriptors as much. */
export const MAX_RECORD_BYTES = 64 * 1024 * 1024;

export interface RecordedSubject {
  readonly namespace?: string | undefined;
  readonly pod?: string | undefined;
  readonly container?: string | undefined;
  /** The runtime's id. */
  readonly id?: string | undefined;
}

/** Nanoseconds since 1970 by the node's clock, as decimal text. */
export interface RecordedStandstill {
  readonly from: string;
  readonly until: string;
  /** It stood still already, and still did so afterwards. */
  readonly before: boolean;
}

export interface RecordedNode {
  readonly hostname: string;
  /** `uname -r`. */
  readonly kernel: string;
  /** `uname -m`. */
  readonly machine: string;
  /** RFC 3339. */
  readonly booted?: string | undefined;
  readonly boot_id?: string | undefined;
}

/** What CRIU's images do not have of a process. */
export interface RecordedProcess {
  /** As the node counts. */
  readonly node_pid: number;
  /** As the container counts, and as the images are named. */
  readonly pid: number;
  /** RFC 3339, by the node's clock: its boot time and field 22 of /proc/PID/stat. */
  readonly started?: string | undefined;
  /** What each thread waits for, by the number of the thread in the container (/proc/PID/task/TID/wchan). */
  readonly waits?: Readonly<Record<string, string>> | undefined;
}

/** A descriptor of a kind that CRIU does not know. */
export interface RecordedDescriptor {
  readonly node_pid: number;
  readonly fd: number;
  /** `anon_inode:[io_uring]` */
  readonly link: string;
  /** What /proc/PID/fdinfo says of it besides position and flags. */
  readonly info: string;
}

/** A socket with bytes or connections that wait. */
export interface RecordedQueue {
  readonly inode: number;
  /** Bytes that are sent and not acknowledged. */
  readonly send: number;
  /** Bytes that are received and not read; of a listening socket, connections that wait. */
  readonly receive: number;
  readonly retransmits: number;
}

export interface RecordedNetwork {
  /** N of netns-N.img. */
  readonly namespace: number;
  readonly queues: readonly RecordedQueue[];
  /** Files of /proc/PID/net by name, as the kernel wrote them. */
  readonly files: Readonly<Record<string, string>>;
}

/** Memory whose place holds zeros because it could not be read. */
export interface UnreadableMemory {
  /** As the container counts; absent for a shared object. */
  readonly pid?: number | undefined;
  /** Inode of the shared object; absent for a process. */
  readonly shared_object?: string | undefined;
  /** Address, or offset in the object: hexadecimal with 0x. */
  readonly start: string;
  readonly pages: number;
}

/** Where in an examination one would look for what is not there. */
export const HIDDEN_TOPICS = [
  'sockets',
  'pipes',
  'terminals',
  'signals',
  'credentials',
  'timers',
  'registers',
  'memory',
] as const;
export type HiddenTopic = (typeof HIDDEN_TOPICS)[number];

/** Something that this kind of capture cannot show. */
export interface Hidden {
  readonly topic: HiddenTopic;
  /** One sentence. */
  readonly text: string;
}

/** Another capture of the same container, taken right after this one by another way. */
export interface RecordedCompanion {
  readonly archive: string;
  readonly route: string;
  /** From the end of this one's standstill to the other's beginning, in seconds. */
  readonly seconds_later: number;
}

export interface CaptureRecord {
  readonly version: typeof VERSION;
  /** `exhibit 0.1.0` */
  readonly program: string;
  /** Never: no process could be started from these images. */
  readonly restorable: false;
  readonly subject: RecordedSubject;
  /** `frozen`: the container stood still while it was read. `running`: it changed meanwhile, and parts contradict each other. */
  readonly consistency: 'frozen' | 'running';
  /** RFC 3339. */
  readonly started: string;
  readonly standstill?: RecordedStandstill | undefined;
  /** Whether pages of mapped files were copied too. */
  readonly all_pages: boolean;
  readonly node: RecordedNode;
  readonly processes: readonly RecordedProcess[];
  readonly descriptors: readonly RecordedDescriptor[];
  readonly networks: readonly RecordedNetwork[];
  readonly hidden: readonly Hidden[];
  /** What was not read, and why. */
  readonly gaps: readonly string[];
  readonly unreadable: readonly UnreadableMemory[];
  readonly companion?: RecordedCompanion | undefined;
}

/** Reads a record. Throws `LIMIT_EXCEEDED` for one that is too long, `MALFORMED` for what is none or of a later version. */
export function parseCaptureRecord(bytes: Uint8Array): CaptureRecord {
  if (bytes.length > MAX_RECORD_BYTES)
    throw new ExhibitError('LIMIT_EXCEEDED', `is ${bytes.length} bytes, the limit is ${MAX_RECORD_BYTES}`, {
      source: CAPTURE_RECORD,
    });
  const record = fieldsOf(parse(bytes));
  const version = record?.number('version');
  if (record === undefined || version !== VERSION)
    throw malformed(`is of version ${version ?? '(none)'}, this program reads version ${VERSION}`);
  return {
    version: VERSION,
    program: record.text('program') ?? '',
    restorable: false,
    subject: readSubject(record.fields('subject')),
    // What does not say that it stood still is not believed to have.
    consistency: record.text('consistency') === 'frozen' ? 'frozen' : 'running',
    started: record.text('started') ?? '',
    standstill: readStandstill(record.fields('standstill')),
    all_pages: record.flag('all_pages'),
    node: readNode(record.fields('node')),
    processes: record.list('processes', readProcess),
    descriptors: record.list('descriptors', readDescriptor),
    networks: record.list('networks', readNetwork),
    hidden: record.list('hidden', readHidden),
    gaps: record.texts('gaps'),
    unreadable: record.list('unreadable', readUnreadable),
    companion: readCompanion(record.fields('companion')),
  };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw malformed(`is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}

const malformed = (what: string): ExhibitError =>
  new ExhibitError('MALFORMED', what, { source: CAPTURE_RECORD });

const readSubject = (from: Fields | undefined): RecordedSubject => ({
  namespace: from?.text('namespace'),
  pod: from?.text('pod'),
  container: from?.text('container'),
  id: from?.text('id'),
});

const NANOSECONDS = /^\d{1,20}$/;

function readStandstill(from: Fields | undefined): RecordedStandstill | undefined {
  const [begin, end] = [from?.text('from') ?? '', from?.text('until') ?? ''];
  if (from === undefined || !NANOSECONDS.test(begin) || !NANOSECONDS.test(end)) return undefined;
  return { from: begin, until: end, before: from.flag('before') };
}

const readNode = (from: Fields | undefined): RecordedNode => ({
  hostname: from?.text('hostname') ?? '',
  kernel: from?.text('kernel') ?? '',
  machine: from?.text('machine') ?? '',
  booted: from?.text('booted'),
  boot_id: from?.text('boot_id'),
});

function readProcess(from: Fields): RecordedProcess | undefined {
  const [node_pid, pid] = [from.number('node_pid'), from.number('pid')];
  if (node_pid === undefined || pid === undefined) return undefined;
  return { node_pid, pid, started: from.text('started'), waits: from.textsByName('waits') };
}

function readDescriptor(from: Fields): RecordedDescriptor | undefined {
  const [node_pid, fd] = [from.number('node_pid'), from.number('fd')];
  if (node_pid === undefined || fd === undefined) return undefined;
  return { node_pid, fd, link: from.text('link') ?? '', info: from.text('info') ?? '' };
}

function readNetwork(from: Fields): RecordedNetwork | undefined {
  const namespace = from.number('namespace');
  if (namespace === undefined) return undefined;
  return { namespace, queues: from.list('queues', readQueue), files: from.textsByName('files') };
}

function readQueue(from: Fields): RecordedQueue | undefined {
  const inode = from.number('inode');
  if (inode === undefined) return undefined;
  return {
    inode,
    send: from.number('send') ?? 0,
    receive: from.number('receive') ?? 0,
    retransmits: from.number('retransmits') ?? 0,
  };
}

function readHidden(from: Fields): Hidden | undefined {
  const topic = HIDDEN_TOPICS.find((name) => name === from.text('topic'));
  const text = from.text('text');
  return topic === undefined || text === undefined ? undefined : { topic, text };
}

function readUnreadable(from: Fields): UnreadableMemory | undefined {
  const [start, pages] = [from.text('start') ?? '', from.number('pages')];
  if (pages === undefined || !/^0x[0-9a-f]{1,16}$/.test(start)) return undefined;
  return { pid: from.number('pid'), shared_object: from.text('shared_object'), start, pages };
}

function readCompanion(from: Fields | undefined): RecordedCompanion | undefined {
  const archive = from?.text('archive');
  if (from === undefined || archive === undefined) return undefined;
  return {
    archive,
    route: from.text('route') ?? '',
    seconds_later: from.number('seconds_later') ?? 0,
  };
}
