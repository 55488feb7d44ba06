/**
 * The file header and the program headers of a 64-bit little-endian core file.
 * Facts: System V ABI, "ELF Header" and "Program Header" (Elf64_Ehdr, Elf64_Phdr); Linux, include/uapi/linux/elf.h
 * (PN_XNUM: with that many program headers or more, section header 0 has their number in sh_info).
 */
import { type Field, structure } from './elf-structure.ts';

export const FILE_HEADER_SIZE = 64;
export const PROGRAM_HEADER_SIZE = 56;
export const SECTION_HEADER_SIZE = 64;

/** Numbers of program headers from here on do not fit into the file header. */
export const PN_XNUM = 0xffff;

const MAGIC = 0x464c457f;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const VERSION = 1;
const TYPE_CORE = 4;

export const SegmentType = { load: 1, note: 4 } as const;

/** p_flags. */
export const SegmentFlag = { execute: 1, write: 2, read: 4 } as const;

export interface FileHeader {
  /** e_machine. */
  readonly machine: number;
  readonly programHeaders: number;
  /** Offset of the section header that PN_XNUM needs; not used below that number. */
  readonly sectionOffset: number;
}

export function encodeFileHeader({ machine, programHeaders, sectionOffset }: FileHeader): Uint8Array {
  const isExtended = programHeaders >= PN_XNUM;
  return structure(FILE_HEADER_SIZE, [
    { offset: 0, size: 4, value: MAGIC },
    { offset: 4, size: 1, value: CLASS_64 },
    { offset: 5, size: 1, value: LITTLE_ENDIAN },
    { offset: 6, size: 1, value: VERSION },
    { offset: 16, size: 2, value: TYPE_CORE },
    { offset: 18, size: 2, value: machine },
    { offset: 20, size: 4, value: VERSION },
    { offset: 32, size: 8, value: FILE_HEADER_SIZE },
    { offset: 40, size: 8, value: isExtended ? sectionOffset : 0 },
    { offset: 52, size: 2, value: FILE_HEADER_SIZE },
    { offset: 54, size: 2, value: PROGRAM_HEADER_SIZE },
    { offset: 56, size: 2, value: Math.min(programHeaders, PN_XNUM) },
    { offset: 58, size: 2, value: isExtended ? SECTION_HEADER_SIZE : 0 },
    { offset: 60, size: 2, value: isExtended ? 1 : 0 },
  ]);
}

/** Section header 0, whose sh_info is the number of program headers. */
export function encodeSectionHeader(programHeaders: number): Uint8Array {
  return structure(SECTION_HEADER_SIZE, [
    { offset: 32, size: 8, value: 1 },
    { offset: 44, size: 4, value: programHeaders },
  ]);
}

export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  /** In the file. */
  readonly offset: number;
  readonly address: bigint;
  readonly fileSize: number;
  readonly memorySize: bigint;
  readonly alignment: number;
}

export function encodeProgramHeader(header: ProgramHeader): Uint8Array {
  const fields: readonly Field[] = [
    { offset: 0, size: 4, value: header.type },
    { offset: 4, size: 4, value: header.flags },
    { offset: 8, size: 8, value: header.offset },
    { offset: 16, size: 8, value: header.address },
    { offset: 32, size: 8, value: header.fileSize },
    { offset: 40, size: 8, value: header.memorySize },
    { offset: 48, size: 8, value: header.alignment },
  ];
  return structure(PROGRAM_HEADER_SIZE, fields);
}
