import { ExhibitError } from '../../bytes/exhibit-error.ts';
import type { Registers } from '../../checkpoint/registers.ts';
import { aarch64 } from './aarch64-registers.ts';
import type { Machine } from './machine.ts';
import { x86 } from './x86-registers.ts';

const MACHINES: Readonly<Record<string, Machine>> = { X86_64: x86, AARCH64: aarch64 };

/** The machine that a process ran on. Throws `NOT_EXPORTABLE` for one whose core files are not known here. */
export function machineOf(registers: Registers, pid: number): Machine {
  const machine = Object.hasOwn(MACHINES, registers.architecture)
    ? MACHINES[registers.architecture]
    : undefined;
  if (machine !== undefined && !registers.x86?.isCompat) return machine;
  const what = machine === undefined ? `on ${registers.architecture}` : '32-bit code';
  throw new ExhibitError(
    'NOT_EXPORTABLE',
    `process ${pid} ran ${what}; core files are written of 64-bit processes on x86-64 and aarch64`,
  );
}
