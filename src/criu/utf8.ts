const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/** Text of bytes that are UTF-8; undefined for others. A byte order mark is text like any other. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Text with U+FFFD for what is not UTF-8. */
export function decodeLossyUtf8(bytes: Uint8Array): string {
  return decodeUtf8(bytes) ?? lenient.decode(bytes);
}
