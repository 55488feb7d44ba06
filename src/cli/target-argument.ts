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
  try {
    return parseTarget(text, { namespace, container, defaultNamespace });
  } catch (error) {
    if (error instanceof ExhibitError && error.code === 'BAD_TARGET')
      command.error(`error: ${error.message}`);
    throw error;
  }
}
