/** What can go wrong before a server answers, by the codes of Node's net, dns and tls modules, as cause and cure. */
import { ExhibitError } from '../bytes/exhibit-error.ts';

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED:
    'nothing listens there: is the address right, is it running, does it listen on another address?',
  EHOSTUNREACH: 'no route leads there from this machine',
  ENETUNREACH: 'no route leads there from this machine',
  ETIMEDOUT: 'no answer: a firewall may be in between, as one often is in front of port 10250',
  ENOTFOUND: 'the name is not known: is it right, and does this machine resolve it?',
  EAI_AGAIN: 'the name server does not answer',
  ECONNRESET: 'the connection was closed before an answer came',
  EPIPE: 'the connection was closed before an answer came',
  EPROTO: 'it does not speak TLS there',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS there',
  CERT_HAS_EXPIRED: "the server's certificate, or one in its chain, has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet: is the clock of this machine right?",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate: give --cert and --key',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it refuses the client certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not know the CA of the client certificate',
};

/** Codes under which Node refuses a certificate that no known CA vouches for (OpenSSL's X509_V_ERR_*). */
const UNVERIFIED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** Codes under which Node cannot use the client certificate or key that it was given. */
const CREDENTIAL_TROUBLE = /^ERR_OSSL_|^ERR_CRYPTO_|^ERR_INVALID_ARG/;

/** Whether the server is there but its certificate is not vouched for. */
export function isUnverified(error: NodeJS.ErrnoException): boolean {
  return UNVERIFIED.has(error.code ?? '');
}

/** A failure before the request was sent: nothing happened at the other end. `where` is its address. */
export function connectionFailed(error: NodeJS.ErrnoException, where: string): ExhibitError {
  const code = error.code ?? '';
  if (CREDENTIAL_TROUBLE.test(code)) {
    // OpenSSL's reason names the kind of trouble, never the key.
    const reason = `the client certificate and key cannot be used (${code})`;
    return new ExhibitError(
      'BAD_CREDENTIALS',
      `${reason}: are both PEM, and does the key belong to the certificate?`,
    );
  }
  return new ExhibitError('CONNECTION_FAILED', `cannot reach ${where}: ${CAUSES[code] ?? error.message}`, {
    cause: error,
  });
}

/** The connection went away while a checkpoint was under way: nobody here can know how it ended. */
export function connectionLost(error: NodeJS.ErrnoException, where: string): ExhibitError {
  const message =
    `the connection to ${where} was lost while the checkpoint was being taken (${error.code ?? error.message}). ` +
    'The kubelet then cancels it, and containerd may leave the container frozen.';
  return new ExhibitError('CAPTURE_CONNECTION_LOST', message, { cause: error });
}
