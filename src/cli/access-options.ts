import type { Command } from 'commander';
import type { AccessOptions } from '../capture/access.ts';
import type { AskTrust } from '../capture/server-trust.ts';
import type { Io } from './io.ts';
import { confirm } from './terminal/confirm.ts';
import { escapeText } from './terminal/escape.ts';

/** What `addAccessOptions` adds, as commander parses it. */
export interface AccessFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly node?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly cacert?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly fingerprint?: string;
  readonly insecureSkipTlsVerify?: true;
  readonly runtimeEndpoint?: string;
}

/** How the cluster or the node is reached; the same for each command that reaches one. */
export function addAccessOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', "kubeconfig (default: KUBECONFIG, ~/.kube/config, then this node's)")
    .option('--context <name>', 'context of the kubeconfig')
    .option(
      '--node <address>',
      'address of the kubelet, HOST or HOST:PORT (default: from the pod, or this node)',
    )
    .option('--cert <file>', 'client certificate for the kubelet (PEM)')
    .option('--key <file>', 'its private key (default: in the file of --cert)')
    .option('--cacert <file>', "CA to verify the kubelet's certificate with")
    .option(
      '--token <token>',
      'bearer token for the kubelet; others on this machine can see it: prefer --token-file',
    )
    .option('--token-file <file>', 'file with a bearer token for the kubelet')
    .option('--fingerprint <sha256>', "believe the kubelet's certificate by this SHA-256 fingerprint")
    .option('--insecure-skip-tls-verify', "do not verify the kubelet's certificate")
    .option(
      '--runtime-endpoint <socket>',
      "this node's container runtime, unix:///PATH (default: CONTAINER_RUNTIME_ENDPOINT, then the usual places)",
    );
}

/** The flags, with a person who can be asked whether to believe a kubelet that no CA vouches for. */
export function accessOptions<Flags extends AccessFlags>(flags: Flags, io: Io): Flags & AccessOptions {
  return { ...flags, askTrust: askTrust(io) };
}

const askTrust =
  (io: Io): AskTrust =>
  async ({ origin, fingerprint, why }) => {
    io.err(escapeText(`cannot verify ${origin}: ${why}.\n`, { keepNewlines: true }));
    io.err(`its certificate has the SHA-256 fingerprint\n  ${escapeText(fingerprint)}\n`);
    return confirm('go on with this kubelet?', io);
  };
