import type { CompiledScanner } from '../pattern.ts';
import { byteStringScanner } from './byte-strings.ts';
import { utf16StringScanner } from './utf16-strings.ts';

export type StringEncoding = 'ascii' | 'utf-8' | 'utf-16le';

/** Strings as something that is looked for. */
export interface StringQuery {
  readonly kind: 'strings';
  readonly encodings: readonly StringEncoding[];
  /** Characters. */
  readonly minimum: number;
}

export function compileStringQuery({ encodings, minimum }: StringQuery): readonly CompiledScanner[] {
  return encodings.map((encoding) => ({
    encoding,
    scanner: encoding === 'utf-16le' ? utf16StringScanner(minimum) : byteStringScanner(encoding, minimum),
  }));
}
