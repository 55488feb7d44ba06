/** Who is signalled when a file becomes ready, as the container counts. */
import type { MessageOf } from '../../../criu/schema.ts';
import type { fownEntry } from '../../../criu/schemas/file-owners.ts';
import type { FileOwner } from '../look/file-owner.ts';
import { UNKNOWN_OWNER } from './file-book.ts';

export type OwnerOf = (owner: FileOwner | undefined) => MessageOf<typeof fownEntry>;

/** `numberOf` says how the container counts a process or thread of its own. One of another container is nobody in there: 0. */
export function fileOwners(numberOf: (pid: number) => number | undefined): OwnerOf {
  return (owner) => {
    if (owner === undefined) return UNKNOWN_OWNER;
    const { type, pid, signal, uid, euid } = owner;
    // Nobody has set anything, or the one who was signalled is gone.
    if (pid === 0) return { ...UNKNOWN_OWNER, signum: signal };
    return { uid, euid, signum: signal, pid_type: type, pid: numberOf(pid) ?? 0 };
  };
}
