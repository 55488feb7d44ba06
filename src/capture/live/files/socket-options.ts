/**
 * Options of sockets as CRIU 4.2 writes them, from what getsockopt(2) told: some always, some only where they are set.
 * Facts: recorded images, and /proc of the same sockets.
 */
import type { MessageOf } from '../../../criu/schema.ts';
import type {
  ipOptsEntry,
  ipOptsRawEntry,
  skOptsEntry,
  tcpOptsEntry,
} from '../../../criu/schemas/sockets.ts';
import type { SocketOption, SocketOptions } from '../look/socket-options.ts';

type Values = SocketOptions['values'];

const flag = (values: Values, name: SocketOption): boolean | undefined => {
  const value = values.get(name);
  return value === undefined ? undefined : value !== 0;
};
/** A value that CRIU leaves out where it is 0. */
const ifSet = (values: Values, name: SocketOption): number | undefined => values.get(name) || undefined;
const flagIfSet = (values: Values, name: SocketOption): boolean | undefined =>
  flag(values, name) || undefined;

export function socketOptions({
  values,
  sendTimeout,
  receiveTimeout,
  linger,
  device,
  filter,
}: SocketOptions): MessageOf<typeof skOptsEntry> {
  return {
    so_sndbuf: values.get('sndbuf') ?? 0,
    so_rcvbuf: values.get('rcvbuf') ?? 0,
    so_snd_tmo_sec: sendTimeout[0],
    so_snd_tmo_usec: sendTimeout[1],
    so_rcv_tmo_sec: receiveTimeout[0],
    so_rcv_tmo_usec: receiveTimeout[1],
    reuseaddr: flag(values, 'reuseaddr'),
    so_priority: values.get('priority'),
    so_rcvlowat: values.get('rcvlowat'),
    so_mark: ifSet(values, 'mark'),
    so_passcred: flag(values, 'passcred'),
    so_passsec: flag(values, 'passsec'),
    so_dontroute: flag(values, 'dontroute'),
    so_no_check: flag(values, 'no_check'),
    so_bound_dev: device || undefined,
    so_filter: filter,
    so_reuseport: flag(values, 'reuseport'),
    so_broadcast: flag(values, 'broadcast'),
    so_keepalive: flag(values, 'keepalive'),
    so_oobinline: values.get('oobinline'),
    so_linger: linger,
    so_buf_lock: values.get('buf_lock'),
  };
}

const SOCK_RAW = 3;

export function internetOptions({ values, icmpFilter }: SocketOptions): MessageOf<typeof ipOptsEntry> {
  return {
    freebind: flagIfSet(values, 'freebind'),
    raw: values.get('type') === SOCK_RAW ? rawOptions(values, icmpFilter) : undefined,
    pktinfo: flagIfSet(values, 'pktinfo'),
    tos: ifSet(values, 'tos'),
    ttl: ifSet(values, 'ttl'),
  };
}

const rawOptions = (values: Values, icmpv_filter: readonly number[]): MessageOf<typeof ipOptsRawEntry> => ({
  hdrincl: flagIfSet(values, 'hdrincl'),
  nodefrag: flagIfSet(values, 'nodefrag'),
  icmpv_filter,
});

export const tcpOptions = ({ values }: SocketOptions): MessageOf<typeof tcpOptsEntry> => ({
  cork: flagIfSet(values, 'cork'),
  nodelay: flagIfSet(values, 'nodelay'),
  keepcnt: values.get('keepcnt'),
  keepidle: values.get('keepidle'),
  keepintvl: values.get('keepintvl'),
});
