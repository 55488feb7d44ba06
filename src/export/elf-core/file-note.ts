/**
 * NT_FILE: which file is mapped where, from which a debugger takes what is not in the core.
 * Facts: Linux, fs/binfmt_elf.c (fill_files_note): a count, the page size, then start, end and offset in pages of each
 * mapping, then the names, each ended by a zero.
 */
import type { AddressSpace, Region } from '../../checkpoint/address-space.ts';
import { type ElfNote, NoteType } from './elf-note.ts';

/** Bytes of all names: a quarter of a million mappings of files with names of 64 characters. The kernel stops at 4 MiB. */
const MAX_NAMES = 16 * 1024 * 1024;

/** Bytes of a mapping's three words. */
const ROW = 24;

export interface FileNote {
  /** Undefined for a process that maps no file. */
  readonly note: ElfNote | undefined;
  /** Mappings that found no room. */
  readonly omitted: number;
}

export function fileNote({ pageSize, regions }: AddressSpace): FileNote {
  const files = regions.filter(isOfFile);
  const named: { readonly region: Region; readonly name: Uint8Array }[] = [];
  let length = 0;
  for (const region of files) {
    const name = new TextEncoder().encode(`${region.name.replaceAll('\0', '')}\0`);
    if (length + name.length > MAX_NAMES) break;
    length += name.length;
    named.push({ region, name });
  }
  if (named.length === 0) return { note: undefined, omitted: files.length };
  const tableLength = 16 + named.length * ROW;
  const descriptor = new Uint8Array(tableLength + length);
  const view = new DataView(descriptor.buffer);
  view.setBigUint64(0, BigInt(named.length), true);
  view.setBigUint64(8, BigInt(pageSize), true);
  let nameAt = tableLength;
  for (const [index, { region, name }] of named.entries()) {
    const row = 16 + index * ROW;
    view.setBigUint64(row, region.start, true);
    view.setBigUint64(row + 8, region.end, true);
    view.setBigUint64(row + 16, region.fileOffset / BigInt(pageSize), true);
    descriptor.set(name, nameAt);
    nameAt += name.length;
  }
  const note: ElfNote = { owner: 'CORE', type: NoteType.file, descriptor };
  return { note, omitted: files.length - named.length };
}

const isOfFile = ({ kind, name }: Region): boolean =>
  (kind === 'file' || kind === 'shared-memory') && name !== '';
