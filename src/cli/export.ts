import type { ConfigureCommand } from './command.ts';
import { configure as configureElfCore } from './export-elf-core.ts';

/** A format is a command of its own, since each has options that no other has. */
export const configure: ConfigureCommand = (command, io, finish) => {
  const elfCore = command.command('elf-core').description('a core file of a process, for gdb');
  configureElfCore(elfCore, io, finish);
};
