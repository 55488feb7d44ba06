/**
 * Where an archive is to be stored: a URL by which one object may be written (presigned by S3 or Google Cloud Storage, with a
 * SAS token by Azure). Who has it may write, so it is a secret: only what is before its query is ever shown.
 */
import { ExhibitError } from '../../bytes/exhibit-error.ts';

export interface UploadTarget {
  /** A secret. */
  readonly url: string;
  /** PEM of the CA that vouches for the server; undefined: those that Node.js knows. */
  readonly ca?: string | undefined;
}

/** Signed URLs have some 500 characters, with a session token 2,000. */
const MAX_URL_LENGTH = 16_384;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Throws `BAD_TARGET` for a text that is no such URL, without its query. */
export function parseUploadUrl(text: string): string {
  const trimmed = text.trim();
  const url = trimmed.length <= MAX_URL_LENGTH && URL.canParse(trimmed) ? new URL(trimmed) : undefined;
  if (url === undefined || url.host === '') throw badUrl('it is no https:// URL');
  if (url.username !== '' || url.password !== '') throw badUrl('it has a user or a password in it');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname)))
    throw badUrl('it must begin with https://; plain http:// goes to this machine only');
  const strange = signedHeaders(url).filter((name) => !KNOWN_HEADERS.has(name));
  if (strange.length > 0)
    throw badUrl(`it is signed with headers that exhibit does not send: ${strange.join(', ')}`);
  return trimmed;
}

const badUrl = (why: string): ExhibitError =>
  new ExhibitError('BAD_TARGET', `the URL for the upload cannot be used: ${why}`);

/** Without the query, in which the signature is. */
export function shownUrl(text: string): string {
  const { origin, pathname } = new URL(text);
  return origin + pathname;
}

const KNOWN_HEADERS: ReadonlySet<string> = new Set([
  'content-length',
  'content-type',
  'host',
  'x-amz-checksum-sha256',
  'x-amz-content-sha256',
  'x-amz-sdk-checksum-algorithm',
]);

/** Lower-case names (AWS Signature Version 4, query parameters; Google's V4 signing is the same under another name). */
function signedHeaders(url: URL): readonly string[] {
  const names = [...url.searchParams].filter(([name]) => /^x-(amz|goog)-signedheaders$/i.test(name));
  return names.flatMap(([, value]) => value.toLowerCase().split(';'));
}

export interface UploadedFile {
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * What is told beside the bytes. S3 takes no `x-amz-` header that is not signed, so the hash is in one only where the URL asks
 * for it; Content-Digest (RFC 9530) is everybody's. Azure stores nothing without its type of blob.
 */
export function uploadHeaders(
  text: string,
  { size, sha256 }: UploadedFile,
): Readonly<Record<string, string>> {
  const url = new URL(text);
  const base64 = Buffer.from(sha256, 'hex').toString('base64');
  const offered: Readonly<Record<string, string>> = {
    'x-amz-checksum-sha256': base64,
    'x-amz-content-sha256': sha256,
    'x-amz-sdk-checksum-algorithm': 'SHA256',
  };
  const wanted = signedHeaders(url).flatMap((name) => {
    const value = offered[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const isAzure = url.searchParams.has('sv') && url.searchParams.has('sig');
  return {
    'content-length': `${size}`,
    'content-type': 'application/x-tar',
    'content-digest': `sha-256=:${base64}:`,
    ...Object.fromEntries(wanted),
    ...(isAzure ? { 'x-ms-blob-type': 'BlockBlob' } : {}),
  };
}
