/** The parts of the JSON of `exhibit inspect` that tell of objects of the kernel; inspection-shape.ts has the rest. */
import type { SourceLocation } from '../bytes/source-location.ts';
import type { NetworkNamespace } from '../checkpoint/networks.ts';

export interface InspectedTimer {
  readonly kind: 'interval' | 'posix';
  /** `real`, `virtual`, `profiling`, or a clock such as `CLOCK_MONOTONIC`. */
  readonly clock: string;
  /** Nanoseconds; 0 for a timer that expires once. */
  readonly interval: bigint;
  /** Nanoseconds; 0 for one that is not armed. */
  readonly remaining: bigint;
  readonly id?: number;
  readonly signal?: number;
  /** `signal`, `none`, `thread`, `thread-id`, or the number of another. */
  readonly notification: string | number;
  readonly thread?: number;
  readonly value?: string;
  readonly overruns: number;
}

export interface InspectedRegisters {
  readonly architecture: string;
  /** By the debugger's names, as `0x…`. */
  readonly general: Readonly<Record<string, string>>;
  readonly vector: Readonly<Record<string, string>>;
  readonly source: SourceLocation;
}

export interface InspectedControlGroupSet {
  readonly id: number;
  /** TIDs of those that were in these groups. */
  readonly tasks: readonly number[];
  readonly members: readonly { readonly controller: string; readonly path: string }[];
}

export interface InspectedControlGroup {
  readonly controllers: readonly string[];
  readonly path: string;
  readonly properties: readonly { readonly name: string; readonly value: string }[];
}

export interface InspectedIpcNamespace {
  readonly id: number;
  readonly shared_memory: readonly (InspectedIpcObject & { readonly size: bigint })[];
  readonly message_queues: readonly (InspectedIpcObject & {
    readonly capacity: number;
    readonly messages: readonly {
      readonly type: bigint;
      readonly size: number;
      readonly source: SourceLocation;
    }[];
  })[];
  readonly semaphores: readonly (InspectedIpcObject & { readonly values: readonly number[] })[];
}

export interface InspectedIpcObject {
  readonly key: string;
  readonly id: number;
  /** In octal. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly creator_uid: number;
  readonly creator_gid: number;
  readonly source: SourceLocation;
}

export interface InspectedSeccompFilter {
  readonly index: number;
  /** The filter that this one stands on. */
  readonly previous?: number;
  readonly flags: number;
  /** TIDs of those whose last filter this is; the filters below it hold for them, too. */
  readonly tasks: readonly number[];
  /** One instruction each, `meaning` where it has one in words. */
  readonly program: readonly { readonly text: string; readonly meaning?: string }[];
  readonly source: SourceLocation;
}

/** Devices with the kernel's flags; messages as `exhibit decode` prints them. */
export interface InspectedNetwork {
  readonly id: number;
  readonly external_key?: string;
  readonly devices: readonly {
    readonly index: number;
    readonly name: string;
    readonly type: string;
    readonly mtu: number;
    readonly flags: string;
    readonly hardware_address?: string;
  }[];
  readonly addresses: NetworkNamespace['addresses'];
  readonly routes: NetworkNamespace['routes'];
  readonly rules: NetworkNamespace['rules'];
  readonly connections: NetworkNamespace['connections'];
  readonly expected_connections: NetworkNamespace['expectedConnections'];
  readonly firewalls: NetworkNamespace['firewalls'];
}
