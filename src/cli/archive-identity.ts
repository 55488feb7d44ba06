import { ExhibitError } from '../bytes/exhibit-error.ts';
import { type CaptureTarget, formatTarget } from '../capture/target.ts';
import type { Io } from './io.ts';
import { useCheckpoint } from './open.ts';

/** What an archive is of, by its content: an archive's name can mean several containers. */
export type ArchiveIdentity =
  | {
      readonly namespace?: string | undefined;
      readonly pod?: string | undefined;
      readonly container?: string | undefined;
    }
  | { readonly error: { readonly code: string; readonly message: string } };

/** Reads the small JSON files of the archive only. */
export async function identifyArchive(file: string, io: Io): Promise<ArchiveIdentity> {
  try {
    let identity: ArchiveIdentity | undefined;
    await useCheckpoint(file, { ...io, interactive: false }, async ({ pod, container }) => {
      identity = {
        namespace: pod?.namespace,
        pod: pod?.name,
        container: container.name,
      };
    });
    if (identity) return identity;
    throw new TypeError('an opened checkpoint has a container');
  } catch (error) {
    if (!(error instanceof ExhibitError)) throw error;
    return { error: { code: error.code, message: error.message } };
  }
}

/** Whether it is certainly of something else than what was wanted. */
export function isOfAnother(identity: ArchiveIdentity, target: CaptureTarget): boolean {
  if ('error' in identity) return false;
  const { namespace, pod, container } = identity;
  const isOther = (wanted: string | undefined, found: string | undefined): boolean =>
    wanted !== undefined && found !== undefined && wanted !== found;
  return (
    isOther(target.namespace, namespace) || isOther(target.pod, pod) || isOther(target.container, container)
  );
}

export function formatIdentity(identity: ArchiveIdentity): string {
  if ('error' in identity) return `what cannot be read as a checkpoint: ${identity.error.message}`;
  const { namespace, pod, container } = identity;
  if (namespace !== undefined && pod !== undefined) return formatTarget({ namespace, pod, container });
  return container ?? 'a container that it does not name';
}
