/** What is believed of a kubelet whose certificate no known CA vouches for: nothing, unless a person says so. */
import { ExhibitError } from '../bytes/exhibit-error.ts';

export interface UnknownServer {
  /** Its address. */
  readonly origin: string;
  /** SHA-256 of the certificate that it shows, as OpenSSL writes it: `AB:CD:…`. */
  readonly fingerprint: string;
  /** Why it could not be verified. */
  readonly why: string;
}

/** Asks the person in front of us; false: not believed. */
export type AskTrust = (server: UnknownServer) => Promise<boolean>;

export interface TrustOptions {
  /** `--fingerprint`, in any way of writing. */
  readonly fingerprint?: string | undefined;
  readonly insecureSkipTlsVerify?: boolean | undefined;
  readonly askTrust?: AskTrust | undefined;
}

/** One for all connections of a command: what was accepted once is not asked again. */
export class ServerTrust {
  /** Whoever answers is believed. */
  readonly insecure: boolean;
  readonly #ask: AskTrust | undefined;
  readonly #given: string | undefined;
  #accepted: string | undefined;
  #asking: Promise<void> | undefined;

  /** Throws `BAD_CREDENTIALS` for a fingerprint that is none. */
  constructor({ fingerprint, insecureSkipTlsVerify = false, askTrust }: TrustOptions) {
    this.insecure = insecureSkipTlsVerify;
    this.#ask = askTrust;
    this.#given = fingerprint === undefined ? undefined : parseFingerprint(fingerprint);
  }

  /** The fingerprint that a server must show; undefined: a CA must vouch for it. */
  get fingerprint(): string | undefined {
    return this.#given ?? this.#accepted;
  }

  /** Whether a person believes a server that could not be verified: asked once, about the first. */
  async accepts(server: UnknownServer): Promise<boolean> {
    if (this.#ask === undefined) return false;
    if (this.fingerprint === undefined) {
      this.#asking ??= this.#ask(server).then((isBelieved) => {
        if (isBelieved) this.#accepted = server.fingerprint;
      });
      await this.#asking;
    }
    return this.fingerprint === server.fingerprint;
  }

  /** What was done to know who answers, for the user. */
  get summary(): string {
    if (this.#given !== undefined) return "the kubelet's certificate has the fingerprint that was given";
    if (this.#accepted !== undefined) return "the kubelet's certificate was accepted by its fingerprint";
    return this.insecure
      ? "the kubelet's certificate was NOT verified (--insecure-skip-tls-verify)"
      : "the kubelet's certificate was verified";
  }
}

/** With or without colons, `SHA256:` or openssl's `sha256 Fingerprint=` in front. */
function parseFingerprint(text: string): string {
  const digits = text
    .trim()
    .replace(/^sha256( fingerprint=|[:=])/i, '')
    .replaceAll(':', '');
  if (/^[0-9a-f]{64}$/i.test(digits)) return (digits.toUpperCase().match(/../g) ?? []).join(':');
  throw new ExhibitError(
    'BAD_CREDENTIALS',
    `"${text}" is no SHA-256 fingerprint: write its 64 hexadecimal digits`,
  );
}
