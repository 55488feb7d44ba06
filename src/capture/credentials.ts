/** Credentials for a kubelet: given by the user, or found on this node. Never printed, never part of an error. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { NODE_LAYOUTS, type NodeLayout } from './node-layouts.ts';

export interface KubeletCredentials {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
  /** PEM texts of the authorities that may vouch for the kubelet. */
  readonly ca?: readonly string[] | undefined;
  /** Where they are from, for the user. */
  readonly origin: string;
}

/** Files and texts as the user names them, in curl's words. */
export interface GivenCredentials {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly cacert?: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** A certificate, a key or a token that is larger than this is something else. */
const MAX_CREDENTIAL_BYTES = 1024 * 1024;

/** Reads what the options name; undefined when they name no identity. Throws `BAD_CREDENTIALS`. */
export async function readGivenCredentials(given: GivenCredentials): Promise<KubeletCredentials | undefined> {
  const ca = await readGivenAuthority(given);
  if (given.token !== undefined || given.tokenFile !== undefined) {
    const token = (given.token ?? (await readCredential(given.tokenFile ?? ''))).trim();
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new ExhibitError('BAD_CREDENTIALS', 'the token is empty, or holds characters that no token has');
    }
    return { token, ca, origin: 'the given token' };
  }
  if (given.cert === undefined && given.key === undefined) return undefined;
  if (given.cert === undefined) throw new ExhibitError('BAD_CREDENTIALS', '--key needs --cert beside it');
  // As with curl, one PEM file may hold both.
  const [cert, key] = [await readCredential(given.cert), await readCredential(given.key ?? given.cert)];
  return { cert, key, ca, origin: `the certificate ${given.cert}` };
}

/** The authority that `--cacert` names. */
export async function readGivenAuthority(given: GivenCredentials): Promise<readonly string[] | undefined> {
  return given.cacert === undefined ? undefined : [await readCredential(given.cacert)];
}

export interface FoundOnNode {
  readonly credentials: KubeletCredentials;
  readonly layout: NodeLayout;
}

/** The credentials that a distribution keeps on this node; undefined when there are none that can be read. */
export async function findNodeCredentials(root = '/'): Promise<FoundOnNode | undefined> {
  for (const layout of NODE_LAYOUTS) {
    for (const place of layout.certificates) {
      const [cert, key] = await Promise.all([readIfThere(root, place.cert), readIfThere(root, place.key)]);
      if (cert === undefined || key === undefined) continue;
      const ca = await readAuthorities(layout, root);
      const origin = `${place.title} of ${layout.name}, ${place.cert}`;
      return { credentials: { cert, key, ca, origin }, layout };
    }
  }
  return undefined;
}

/** A kubeconfig that a distribution keeps on this node. */
export async function findNodeKubeconfig(root = '/'): Promise<string | undefined> {
  for (const { kubeconfig } of NODE_LAYOUTS) {
    if ((await readIfThere(root, kubeconfig)) !== undefined) return path.join(root, kubeconfig);
  }
  return undefined;
}

async function readAuthorities(layout: NodeLayout, root: string): Promise<readonly string[] | undefined> {
  const texts = await Promise.all(layout.authorities.map((file) => readIfThere(root, file)));
  const found = texts.filter((text) => text !== undefined);
  return found.length === 0 ? undefined : found;
}

/** `n1` out of a node's own certificate (CN `system:node:n1`): a name that its kubelet goes by. */
export function nodeNameOf({ cert }: KubeletCredentials): string | undefined {
  try {
    return cert === undefined
      ? undefined
      : /^CN=system:node:(\S+)$/m.exec(new X509Certificate(cert).subject)?.[1];
  } catch {
    return undefined;
  }
}

async function readCredential(file: string): Promise<string> {
  try {
    return bounded(file, await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof ExhibitError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new ExhibitError('BAD_CREDENTIALS', `cannot read ${file} (${code})`, { cause: error });
  }
}

async function readIfThere(root: string, file: string): Promise<string | undefined> {
  try {
    return bounded(file, await readFile(path.join(root, file), 'utf8'));
  } catch {
    return undefined;
  }
}

function bounded(file: string, text: string): string {
  if (text.length <= MAX_CREDENTIAL_BYTES) return text;
  throw new ExhibitError('BAD_CREDENTIALS', `${file} is too large for a credential`);
}
