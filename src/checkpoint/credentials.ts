/**
 * Credentials out of core-TID.img (thread_core.creds), or creds-PID.img of older CRIU.
 * Capability sets are words of 32 bits, lowest first (capabilities(7) numbers the bits).
 */
import type { CredsEntry, ThreadCoreEntry } from '../criu/schemas/process.ts';
import type { Credentials } from './checkpoint.ts';

/** Words of a capability set that count: 64 capabilities are more than any kernel has. */
const CAPABILITY_WORDS = 2;

function capabilitySet(words: readonly number[]): bigint {
  return words
    .slice(0, CAPABILITY_WORDS)
    .reduce((set, word, index) => set | (BigInt(word >>> 0) << BigInt(32 * index)), 0n);
}

/** `fallbackMode` is the seccomp mode of the whole process, which older CRIU recorded instead of each thread's. */
export function toCredentials(
  creds: CredsEntry,
  thread: ThreadCoreEntry | undefined,
  fallbackMode: string | number | undefined,
): Credentials {
  const mode = thread?.seccomp_mode ?? fallbackMode;
  return {
    uid: creds.uid,
    euid: creds.euid,
    suid: creds.suid,
    fsuid: creds.fsuid,
    gid: creds.gid,
    egid: creds.egid,
    sgid: creds.sgid,
    fsgid: creds.fsgid,
    groups: creds.groups,
    capabilities: {
      effective: capabilitySet(creds.cap_eff),
      permitted: capabilitySet(creds.cap_prm),
      inheritable: capabilitySet(creds.cap_inh),
      bounding: capabilitySet(creds.cap_bnd),
      ambient: capabilitySet(creds.cap_amb),
    },
    secureBits: creds.secbits,
    noNewPrivileges: (creds.no_new_privs ?? 0) !== 0,
    seccomp: mode === 'strict' || mode === 'filter' ? mode : 'disabled',
    lsmProfile: creds.lsm_profile || undefined,
  };
}
