/**
 * Who is signalled when an open file becomes ready (F_SETOWN); every kind of file holds one.
 * Facts: CRIU 4.2, images/fown.proto (names, numbers and types).
 */
import { message, uint32 } from '../schema.ts';

export const fownEntry = message('fown_entry', {
  uid: uint32(1),
  euid: uint32(2),
  signum: uint32(3),
  pid_type: uint32(4),
  pid: uint32(5),
});
