/**
 * Seccomp programs and AppArmor policies: seccomp.img, apparmor.img.
 * Facts: CRIU 4.2, images/seccomp.proto, apparmor.proto (names, numbers and types).
 */
import {
  bytes,
  type MessageOf,
  type MessageSchema,
  message,
  nested,
  optional,
  repeated,
  string,
  uint32,
} from '../schema.ts';

export const seccompFilter = message('seccomp_filter', {
  /** A classic BPF program: 8 bytes an instruction. */
  filter: bytes(1),
  /** Index of the filter that this one was stacked on. */
  prev: optional(uint32(2)),
  flags: optional(uint32(3)),
});

export const seccompEntry = message('seccomp_entry', {
  seccomp_filters: repeated(nested(1, seccompFilter)),
});

export const aaPolicy = message('aa_policy', {
  name: string(1),
  blob: bytes(2),
});

export const aaNamespace: MessageSchema<AaNamespace> = message('aa_namespace', {
  name: string(1),
  policies: repeated(nested(2, aaPolicy)),
  namespaces: repeated(nested(3, () => aaNamespace)),
});
/** Written out because a type that holds itself cannot be inferred. */
export interface AaNamespace {
  readonly name: string;
  readonly policies: readonly MessageOf<typeof aaPolicy>[];
  readonly namespaces: readonly AaNamespace[];
}

export const apparmorEntry = message('apparmor_entry', {
  namespaces: repeated(nested(1, aaNamespace)),
});
