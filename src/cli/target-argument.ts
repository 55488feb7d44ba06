import type { Command } from 'commander';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { findAccess } from '../capture/access.ts';
import { planCapture } from '../capture/capture-plan.ts';
import { findContainerId } from '../capture/node-container.ts';
import { type CaptureSubject, type CaptureTarget, parseTarget } from '../capture/target.ts';
import { type AccessFlags, accessOptions } from './access-options.ts';
import type { Io } from './io.ts';

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

/** The container's full name and id: by the runtime's files on this node, else its pod is looked up as for a capture. */
export async function findContainer(
  text: string,
  options: TargetFlags & AccessFlags,
  command: Command,
  io: Io,
): Promise<{ readonly target: CaptureSubject; readonly id: string | undefined }> {
  const { container, ...pod } = readTarget(text, options, undefined, command);
  const named = container === undefined ? undefined : { ...pod, container };
  const id = named && (await findContainerId(named));
  if (named !== undefined && id !== undefined) return { target: named, id };
  const access = await findAccess(accessOptions(options, io), io.environment);
  const wanted = readTarget(text, options, access.cluster?.namespace, command);
  const { target, containerId } = await planCapture(wanted, access, options);
  return { target, id: containerId };
}
