/**
 * PAX extended headers: the content of an `x` (next entry) or `g` (all entries that follow) member, a sequence of
 * records `LENGTH KEY=VALUE\n`, where LENGTH is decimal and counts the whole record in bytes.
 *
 * Facts: POSIX.1-2017 pax "pax Extended Header"; `SCHILY.xattr.` is star's extension, which Go, GNU tar and libarchive
 * write.
 */
import { decodeName } from './tar-header.ts';

/** An extended header carries names and attributes; the kernel bounds an attribute to 64 KiB. */
export const MAX_PAX_BYTES = 1024 * 1024;

/** Far more than the attributes that a file can have. */
export const MAX_PAX_RECORDS = 4096;

const XATTR_PREFIX = 'SCHILY.xattr.';
const MAX_LENGTH_DIGITS = 8;

/** The records that change an entry; undefined where there was none. */
export interface PaxRecords {
  readonly path?: string | undefined;
  readonly linkpath?: string | undefined;
  readonly size?: number | undefined;
  readonly mtime?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** The file is stored with its holes cut out, in one of GNU's formats. */
  readonly sparse?: boolean | undefined;
  readonly extendedAttributes?: Readonly<Record<string, Uint8Array>> | undefined;
}

export interface PaxResult {
  readonly records: PaxRecords;
  /** What was wrong; the records before it hold. */
  readonly damage: string | undefined;
}

interface MutableRecords {
  path?: string;
  linkpath?: string;
  size?: number;
  mtime?: number;
  uid?: number;
  gid?: number;
  sparse?: boolean;
  extendedAttributes?: Record<string, Uint8Array>;
}

export function parsePax(bytes: Uint8Array): PaxResult {
  const records: MutableRecords = {};
  let count = 0;
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    if (++count > MAX_PAX_RECORDS) return { records, damage: `more than ${MAX_PAX_RECORDS} records` };
    const record = recordAt(bytes, at);
    if (record === undefined) return { records, damage: `a malformed record at byte ${at}` };
    if (!apply(records, record.key, record.value)) {
      return { records, damage: `an unusable value of ${record.key} at byte ${at}` };
    }
    at = record.end;
  }
  return { records, damage: undefined };
}

interface PaxRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly end: number;
}

function recordAt(bytes: Uint8Array, at: number): PaxRecord | undefined {
  const digits = /^([1-9][0-9]*) /.exec(
    String.fromCharCode(...bytes.subarray(at, at + MAX_LENGTH_DIGITS + 1)),
  )?.[1];
  if (digits === undefined) return undefined;
  const end = at + Number(digits);
  const keyStart = at + digits.length + 1;
  const equals = bytes.indexOf(0x3d, keyStart);
  if (end > bytes.length || equals < 0 || equals >= end || bytes[end - 1] !== 0x0a) return undefined;
  return {
    key: decodeName(bytes.subarray(keyStart, equals)),
    value: bytes.subarray(equals + 1, end - 1),
    end,
  };
}

/** Returns false for a value that cannot be meant. */
function apply(records: MutableRecords, key: string, value: Uint8Array): boolean {
  switch (key) {
    case 'path':
    case 'linkpath':
      records[key] = decodeName(value);
      return !value.includes(0);
    case 'GNU.sparse.name':
      records.path = decodeName(value);
      records.sparse = true;
      return !value.includes(0);
    case 'size':
    case 'uid':
    case 'gid':
      return applyNumber(records, key, value, /^[0-9]{1,20}$/);
    case 'mtime':
      return applyNumber(records, key, value, /^-?[0-9]{1,20}(\.[0-9]*)?$/);
    default:
      applyOther(records, key, value);
      return true;
  }
}

function applyNumber(
  records: MutableRecords,
  key: 'size' | 'uid' | 'gid' | 'mtime',
  value: Uint8Array,
  shape: RegExp,
): boolean {
  const text = decodeName(value);
  if (!shape.test(text)) return false;
  const number = Number(text);
  records[key] = key === 'size' && !Number.isSafeInteger(number) ? Number.POSITIVE_INFINITY : number;
  return true;
}

function applyOther(records: MutableRecords, key: string, value: Uint8Array): void {
  if (key.startsWith('GNU.sparse.')) records.sparse = true;
  if (!key.startsWith(XATTR_PREFIX)) return;
  // No prototype: an attribute may be called __proto__.
  records.extendedAttributes ??= Object.create(null) as Record<string, Uint8Array>;
  records.extendedAttributes[key.slice(XATTR_PREFIX.length)] = Uint8Array.from(value);
}
