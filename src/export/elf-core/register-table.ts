import type { Register } from '../../checkpoint/registers.ts';
import type { Field } from './elf-structure.ts';

/** Registers by name; one that the checkpoint does not have is 0. */
export type RegisterValues = ReadonlyMap<string, bigint>;

export const byName = (registers: readonly Register[]): RegisterValues =>
  new Map(registers.map(({ name, value }) => [name, value]));

/** Where a register, or a row of numbered ones, lies in a structure; offsets and sizes in bytes. */
export interface RegisterPlace {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  /** Without it, the one register is called `name`; with it, `name` and numbers from `first` on. */
  readonly count?: number;
  readonly first?: number;
  /** From one register of a row to the next. Default: `size`. */
  readonly stride?: number;
}

/** The fields that places stand for, with their registers' values. */
export function registerFields(places: readonly RegisterPlace[], values: RegisterValues): readonly Field[] {
  return places.flatMap(({ name, offset, size, count, first = 0, stride = size }) => {
    if (count === undefined) return [{ offset, size, value: values.get(name) ?? 0n }];
    return Array.from({ length: count }, (_, index) => ({
      offset: offset + index * stride,
      size,
      value: values.get(`${name}${first + index}`) ?? 0n,
    }));
  });
}
