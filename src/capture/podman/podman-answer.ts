/**
 * What podman says when it does not checkpoint, as cause and cure.
 * Sources of the texts: containers/podman pkg/domain/infra/abi/containers.go, libpod/container_internal_common.go,
 * pkg/criu; those marked measured were seen with 5.8.
 */
import { type ErrorCode, ExhibitError } from '../../bytes/exhibit-error.ts';
import type { PodmanResult } from './podman-program.ts';

interface PodmanRule {
  readonly text: RegExp;
  readonly code: ErrorCode;
  readonly message: (name: string) => string;
  readonly help?: readonly string[];
}

const RULES: readonly PodmanRule[] = [
  {
    // Measured.
    text: /no such container|no container with name or ID/,
    code: 'CONTAINER_NOT_FOUND',
    message: (name) => `Podman knows no container ${name}`,
    help: ['podman ps lists the running ones; those of another user are not seen, root has its own'],
  },
  {
    text: /requires root|as rootless/,
    code: 'CHECKPOINT_UNSUPPORTED',
    message: () => "Podman checkpoints root's containers only: run exhibit as root",
  },
  {
    text: /is not running|container state improper/,
    code: 'CONTAINER_NOT_RUNNING',
    message: (name) => `${name} is not running: only a running container can be checkpointed`,
  },
  {
    text: /at least CRIU|does not support checkpoint\/restore|without CRIU support|CRIU.*not found/i,
    code: 'CRIU_MISSING',
    message: () => 'CRIU is missing or too old here, or the OCI runtime was built without it',
    help: ['install it: apt-get install criu, dnf install criu, zypper install criu', 'then: criu check'],
  },
  {
    text: /no space left on device/i,
    code: 'CHECKPOINT_FAILED',
    message: () => "the disk is full: a checkpoint needs about three times the container's memory",
  },
];

const MAX_QUOTED_LENGTH = 600;

/** A failure of podman as an error: cause in its message, cure in its `help`. */
export function explainPodman({ code, stderr }: PodmanResult, name: string): ExhibitError {
  const rule = RULES.find(({ text }) => text.test(stderr));
  if (rule !== undefined) return new ExhibitError(rule.code, rule.message(name), { help: rule.help });
  const said = stderr.trim().replaceAll(/\s+/g, ' ').slice(-MAX_QUOTED_LENGTH);
  const how = code === undefined ? 'it was ended by a signal' : `exit code ${code}`;
  return new ExhibitError(
    'CHECKPOINT_FAILED',
    `Podman could not checkpoint (${how}): ${said || '(nothing)'}`,
  );
}
