/** Who is signalled when a file becomes ready: fcntl(2), F_SETOWN and F_SETSIG. */
import type { CLibrary } from './c-library.ts';

export interface FileOwner {
  /** F_OWNER_TID 0, F_OWNER_PID 1, F_OWNER_PGRP 2. */
  readonly type: number;
  /** As the node counts; 0 for nobody. */
  readonly pid: number;
  /** 0 stands for SIGIO. */
  readonly signal: number;
  /** Of who set it. */
  readonly uid: number;
  readonly euid: number;
}

const F_GETSIG = 11;
const F_GETOWN_EX = 16;
const F_GETOWNER_UIDS = 17;

/** Asks with a descriptor of one's own. */
export function ownerQuestion(library: CLibrary): (own: number) => FileOwner {
  const fcntl = library.function('int fcntl(int, int, void *)');
  const owner = new Int32Array(2);
  const users = new Uint32Array(2);
  const none = new Uint8Array(8);
  return (own) => {
    owner.fill(0);
    users.fill(0);
    const signal = Math.max(0, Number(fcntl(own, F_GETSIG, none)));
    fcntl(own, F_GETOWN_EX, new Uint8Array(owner.buffer));
    fcntl(own, F_GETOWNER_UIDS, new Uint8Array(users.buffer));
    const [type = 0, pid = 0] = owner;
    const [uid = 0, euid = 0] = users;
    return { type, pid, signal, uid, euid };
  };
}
