/**
 * Tells a helper pod that a run left behind from one that is in use. A pod says whose it is: machine, process and the
 * process's start. Only what this machine can know to be left is removed; the pods of other machines end by themselves.
 */
import { createHash } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { startOf } from '../capture-lock.ts';

/** This process, as an annotation of its pods. */
export async function ownOwner(): Promise<string> {
  return `${await machine()}/${process.pid}/${await startOf(process.pid)}`;
}

/** Whether the process that an annotation names was of this machine and has ended. */
export async function isLeft(owner: string): Promise<boolean> {
  const [where, pid = '', start] = owner.split('/');
  if (where !== (await machine()) || !/^\d{1,10}$/.test(pid)) return false;
  return (await startOf(Number(pid))) !== start;
}

/** Process numbers count within one PID namespace of one machine. The cluster need not know the machine's name. */
async function machine(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return createHash('sha256').update(`${hostname()}\n${namespace}`).digest('hex').slice(0, 16);
}
