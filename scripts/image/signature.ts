/**
 * Signs an image's digest with an Ed25519 key, as cosign does with a key pair: what is signed is a small JSON document that
 * names the image (cosign specs/SIGNATURE_SPEC.md, "simple signing").
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface ImageSignature {
  readonly payload: string;
  /** Of the payload's bytes, in base64. */
  readonly signature: string;
}

export function signImage(name: string, digest: string, key: KeyObject): ImageSignature {
  const payload = JSON.stringify({
    critical: {
      identity: { 'docker-reference': name.slice(0, name.lastIndexOf(':')) },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
  });
  const signature = sign(null, Buffer.from(payload), key).toString('base64');
  return { payload, signature };
}

/** From a PEM file. */
export function readSigningKey(file: string): KeyObject {
  const pem = readFileSync(file);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Told below: what the library says can quote the file.
  }
  throw new Error(
    `${file} is no Ed25519 private key as PEM without a password. To make one: openssl genpkey -algorithm ed25519 -out ${file}`,
  );
}
