/** Who a thread is, from /proc/PID/task/TID/status and /proc/PID/attr/current. */
import type { CredsEntry } from '../../../criu/schemas/process.ts';
import { type Status, statusNumbers } from '../proc/status.ts';

export type SecurityModule = 'NO_LSM' | 'SELINUX' | 'APPARMOR';

export interface SecurityProfile {
  readonly module: SecurityModule;
  /** Undefined for an unconfined process. */
  readonly name: string | undefined;
}

/** AppArmor writes `NAME (MODE)` or `unconfined`, SELinux `USER:ROLE:TYPE:LEVEL`; without either the file cannot be read. */
export function parseSecurityProfile(text: string | undefined): SecurityProfile {
  const line = (text ?? '').replace(/[\0\n]+$/, '');
  if (line === 'unconfined') return { module: 'APPARMOR', name: undefined };
  const name = /^(.+) \((?:enforce|complain|kill|prompt|unconfined|mixed)\)$/.exec(line)?.[1];
  if (name !== undefined) return { module: 'APPARMOR', name };
  if (/^[^:]+:[^:]+:[^:]+/.test(line)) return { module: 'SELINUX', name: line };
  return { module: 'NO_LSM', name: undefined };
}

/** The secure bits (PR_GET_SECUREBITS) are told to the process itself only: none are written. */
export function credentialsOf(status: Status, profile: SecurityProfile): CredsEntry {
  const [uid = 0, euid = 0, suid = 0, fsuid = 0] = statusNumbers(status, 'Uid');
  const [gid = 0, egid = 0, sgid = 0, fsgid = 0] = statusNumbers(status, 'Gid');
  const isRestrained = status.get('NoNewPrivs') === '1';
  return {
    ...{ uid, gid, euid, egid, suid, sgid, fsuid, fsgid },
    cap_inh: capabilities(status, 'CapInh'),
    cap_prm: capabilities(status, 'CapPrm'),
    cap_eff: capabilities(status, 'CapEff'),
    cap_bnd: capabilities(status, 'CapBnd'),
    secbits: 0,
    groups: statusNumbers(status, 'Groups'),
    lsm_profile: profile.name,
    no_new_privs: isRestrained ? 1 : undefined,
    cap_amb: capabilities(status, 'CapAmb'),
  };
}

function capabilities(status: Status, name: string): readonly number[] {
  const set = statusMask(status, name) ?? 0n;
  return [Number(set & 0xffff_ffffn), Number(set >> 32n)];
}

/** A set of 64 bits, such as `CapEff:` and `SigBlk:` are. */
export function statusMask(status: Status, name: string): bigint | undefined {
  const text = status.get(name) ?? '';
  return /^[0-9a-f]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}
