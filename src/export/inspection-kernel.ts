/** Objects of the kernel in the shape of `exhibit inspect --json`. */
import { formatAddress } from '../bytes/brand.ts';
import type { Process, Thread } from '../checkpoint/checkpoint.ts';
import type { ControlGroups } from '../checkpoint/control-groups.ts';
import type { IpcNamespace, IpcObject } from '../checkpoint/ipc.ts';
import type { NetworkNamespace } from '../checkpoint/networks.ts';
import type { Register, Registers } from '../checkpoint/registers.ts';
import type { SeccompFilter } from '../checkpoint/seccomp-programs.ts';
import type { Timer } from '../checkpoint/timers.ts';
import type {
  InspectedControlGroupSet,
  InspectedIpcNamespace,
  InspectedIpcObject,
  InspectedNetwork,
  InspectedRegisters,
  InspectedSeccompFilter,
  InspectedTimer,
} from './inspection-kernel-shape.ts';

export function inspectTimer(timer: Timer): InspectedTimer {
  const { kind, clock, interval, remaining, id, signal, notification, thread, value, overruns } = timer;
  return {
    kind,
    clock,
    interval,
    remaining,
    ...(id !== undefined && { id }),
    ...(signal !== undefined && { signal }),
    notification,
    ...(thread !== undefined && { thread }),
    ...(value !== undefined && { value: formatAddress(value) }),
    overruns,
  };
}

export function inspectRegisters({ architecture, general, vector, location }: Registers): InspectedRegisters {
  return { architecture, general: byName(general), vector: byName(vector), source: location };
}

/** Names are the program's own, never the archive's. */
const byName = (registers: readonly Register[]): Readonly<Record<string, string>> =>
  Object.fromEntries(registers.map(({ name, value }) => [name, formatAddress(value)]));

/** All sets, each with those tasks of the processes that were in it. */
export function inspectControlGroupSets(
  { sets }: ControlGroups,
  processes: readonly Process[],
): readonly InspectedControlGroupSet[] {
  return sets.map(({ id, members }) => ({
    id,
    tasks: tasksWhere(processes, (thread) => thread.controlGroupSet === id),
    members,
  }));
}

function tasksWhere(processes: readonly Process[], holds: (thread: Thread) => boolean): readonly number[] {
  return processes.flatMap(({ threads }) => threads.filter(holds).map(({ tid }) => tid));
}

export function inspectIpc({ id, segments, queues, semaphores }: IpcNamespace): InspectedIpcNamespace {
  return {
    id,
    shared_memory: segments.map((segment) => ({ ...inspectIpcObject(segment), size: segment.size })),
    message_queues: queues.map((queue) => ({
      ...inspectIpcObject(queue),
      capacity: queue.capacity,
      messages: queue.messages.map(({ type, size, location }) => ({ type, size, source: location })),
    })),
    semaphores: semaphores.map((set) => ({ ...inspectIpcObject(set), values: set.values })),
  };
}

function inspectIpcObject(object: IpcObject): InspectedIpcObject {
  return {
    key: `0x${object.key.toString(16).padStart(8, '0')}`,
    id: object.id,
    mode: object.mode.toString(8).padStart(4, '0'),
    uid: object.uid,
    gid: object.gid,
    creator_uid: object.creatorUid,
    creator_gid: object.creatorGid,
    source: object.location,
  };
}

export function inspectSeccomp(
  filters: readonly SeccompFilter[],
  processes: readonly Process[],
): readonly InspectedSeccompFilter[] {
  return filters.map(({ index, previous, flags, program, location }) => ({
    index,
    ...(previous !== undefined && { previous }),
    flags,
    tasks: tasksWhere(processes, (thread) => thread.seccompFilter === index),
    program: program.map(({ text, meaning }) => ({ text, ...(meaning !== undefined && { meaning }) })),
    source: location,
  }));
}

export function inspectNetwork(network: NetworkNamespace): InspectedNetwork {
  const { id, externalKey, devices, addresses, routes, rules, connections, firewalls } = network;
  return {
    id,
    ...(externalKey !== undefined && { external_key: externalKey }),
    devices: devices.map(({ flags, hardwareAddress, ...device }) => ({
      ...device,
      flags: `0x${flags.toString(16)}`,
      ...(hardwareAddress !== undefined && { hardware_address: hardwareAddress }),
    })),
    addresses,
    routes,
    rules,
    connections,
    expected_connections: network.expectedConnections,
    firewalls,
  };
}
