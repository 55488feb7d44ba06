/**
 * Seccomp filters: seccomp.img has each program once; a filter stands on the one that was there before it, and all are
 * asked at each system call. A program reads `struct seccomp_data` (linux/seccomp.h): `u32 number, u32 architecture, u64
 * instruction pointer, u64 arguments[6]`, little-endian, and returns an action in the upper half of a word.
 */
import type { SourceLocation } from '../bytes/source-location.ts';
import {
  type BpfInstruction,
  disassembleBpf,
  INSTRUCTION_LENGTH,
  MAX_INSTRUCTIONS,
} from '../criu/bpf-disassembly.ts';
import { imageKinds } from '../criu/image-kinds.ts';
import { fieldLocation } from '../criu/wire.ts';
import type { ImageSet } from './image-set.ts';

export interface SeccompFilter {
  /** Its place in seccomp.img, which threads and other filters call it by. */
  readonly index: number;
  /** The filter below it. */
  readonly previous: number | undefined;
  /** SECCOMP_FILTER_FLAG_* bits. */
  readonly flags: number;
  readonly program: readonly SeccompInstruction[];
  readonly location: SourceLocation;
}

export interface SeccompInstruction {
  /** As `disassembleBpf` writes it. */
  readonly text: string;
  /** What is loaded, compared or returned, in words; undefined where it is a number like any other. */
  readonly meaning: string | undefined;
}

/** Filters of one checkpoint; a container stacks a handful. */
const MAX_FILTERS = 4096;

/** Instructions of all filters together: eight times what the kernel allows for one thread (MAX_INSNS_PER_PATH). */
const MAX_ALL_INSTRUCTIONS = 262_144;

/** All filters, in the order of the image. */
export async function readSeccompFilters(images: ImageSet): Promise<readonly SeccompFilter[]> {
  const filters: SeccompFilter[] = [];
  const name = 'seccomp.img';
  let budget = MAX_ALL_INSTRUCTIONS;
  for (const entry of await images.read(name, imageKinds.seccomp)) {
    for (const filter of entry.message.seccomp_filters) {
      budget -= Math.ceil(filter.filter.length / INSTRUCTION_LENGTH);
      if (filters.length === MAX_FILTERS || budget < 0) {
        const what = `more than ${MAX_FILTERS} seccomp filters, or than ${MAX_ALL_INSTRUCTIONS} instructions in them`;
        images.notes.warn(`${what}; the rest is not told`, images.pathOf(name));
        return filters;
      }
      const location = images.locate(name, fieldLocation(filter, 'filter') ?? entry);
      if (!isWhole(filter.filter)) {
        const what = `seccomp filter ${filters.length} is longer than a program may be, or cut short in an instruction`;
        images.notes.warn(what, location.entry, location.offset);
      }
      filters.push({
        index: filters.length,
        previous: filter.prev,
        flags: filter.flags ?? 0,
        program: withMeanings(disassembleBpf(filter.filter)),
        location,
      });
    }
  }
  return filters;
}

const isWhole = ({ length }: Uint8Array): boolean =>
  length % INSTRUCTION_LENGTH === 0 && length <= MAX_INSTRUCTIONS * INSTRUCTION_LENGTH;

const LOAD_WORD = 0x20;
const COMPARE_EQUAL = 0x15;
const RETURN = 0x06;
const NUMBER_AT = 0;
const ARCHITECTURE_AT = 4;
const ARGUMENTS_AT = 16;

/** AUDIT_ARCH_* of linux/audit.h. */
const ARCHITECTURES: Readonly<Record<number, string>> = {
  3221225534: 'x86_64',
  1073741827: 'i386',
  3221225655: 'aarch64',
  1073741864: 'arm',
  3221225715: 'riscv64',
  3221225493: 'ppc64le',
  2147483670: 's390x',
  22: 's390',
  2147483669: 'ppc64',
  3221225730: 'loongarch64',
  3221225480: 'mipsel64',
  1073741832: 'mipsel',
  3758096392: 'mipsel64n32',
};

/** SECCOMP_RET_* of linux/seccomp.h, by the upper half of the word. */
const ACTIONS: Readonly<Record<number, string>> = {
  32768: 'kill the process',
  0: 'kill the thread',
  3: 'trap',
  5: 'fail with errno',
  32704: 'ask the supervisor',
  32752: 'ask the tracer',
  32764: 'log and allow',
  32767: 'allow',
};

/** What is compared is what was loaded last before it in the program: compilers load the architecture first, and once. */
function withMeanings(program: readonly BpfInstruction[]): readonly SeccompInstruction[] {
  let loaded: number | undefined;
  return program.map((each) => {
    if (each.code === LOAD_WORD) loaded = each.k;
    return { text: each.text, meaning: meaningOf(each, loaded) };
  });
}

function meaningOf({ code, k }: BpfInstruction, loaded: number | undefined): string | undefined {
  if (code === LOAD_WORD) return loadMeaning(k);
  if (code === RETURN) return returnMeaning(k);
  return code === COMPARE_EQUAL && loaded === ARCHITECTURE_AT ? ARCHITECTURES[k] : undefined;
}

function loadMeaning(offset: number): string | undefined {
  if (offset === NUMBER_AT) return 'system call number';
  if (offset === ARCHITECTURE_AT) return 'architecture';
  if (offset < ARGUMENTS_AT) return `instruction pointer, ${offset % 8 === 0 ? 'low' : 'high'} half`;
  const argument = Math.floor((offset - ARGUMENTS_AT) / 8);
  if (argument > 5) return undefined;
  return `argument ${argument}, ${offset % 8 === 0 ? 'low' : 'high'} half`;
}

function returnMeaning(value: number): string | undefined {
  const action = ACTIONS[value >>> 16];
  const data = value & 0xffff;
  return action !== undefined && data !== 0 ? `${action} ${data}` : action;
}
