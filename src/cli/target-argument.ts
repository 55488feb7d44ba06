import type { Command } from 'commander';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type CaptureTarget, parseTarget } from '../capture/target.ts';

/** What commands that take a container call it by. */
export interface TargetFlags {
  readonly namespace?: string;
  readonly container?: string;
}

/** Reads a container's name off the command line; one that cannot be read is a usage error. */
export function readTarget(
  text: string,
  { namespace, container }: TargetFlags,
  defaultNamespace: string | undefined,
  command: Command,
): CaptureTarget {
  return asArgument(command, () => parseTarget(text, { namespace, container, defaultNamespace }));
}

/** What `read` returns; a name that it cannot read is an error of the command line. */
export function asArgument<T>(command: Command, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ExhibitError && error.code === 'BAD_TARGET')
      command.error(`error: ${error.message}`);
    throw error;
  }
}
