import type { Command } from 'commander';
import type { ExitCode, Io } from './io.ts';

/** What each command's file exports as `configure`: adds arguments, options, help and the action to `command`. */
export type ConfigureCommand = (command: Command, io: Io, finish: (code: ExitCode) => void) => void;
