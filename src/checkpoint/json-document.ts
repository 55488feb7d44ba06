/**
 * JSON of a compromised machine: any value can be there or not, and of any type. Reading never throws; what is not of the
 * expected type is absent.
 */
import type { ArchiveIndex } from '../archive/archive-index.ts';
import { openEntry } from './entry-source.ts';
import type { NoteBook } from './note-book.ts';

/** spec.dump with a large seccomp profile is some 100 KiB; a megabyte of mounts is no honest one. */
const MAX_DOCUMENT_LENGTH = 16 * 1024 * 1024;

export class JsonValue {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  /** A member of an object; own properties only, so that `__proto__` is nothing special. */
  get(...path: readonly string[]): JsonValue {
    let value = this.#value;
    for (const key of path) {
      const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
      value = isObject ? (value as Record<string, unknown>)[key] : undefined;
    }
    return new JsonValue(value);
  }

  /** Non-empty text. */
  get text(): string | undefined {
    return typeof this.#value === 'string' && this.#value !== '' ? this.#value : undefined;
  }

  /** Text, be it empty. */
  get anyText(): string | undefined {
    return typeof this.#value === 'string' ? this.#value : undefined;
  }

  get items(): readonly JsonValue[] {
    return Array.isArray(this.#value) ? this.#value.map((item) => new JsonValue(item)) : [];
  }

  get members(): readonly (readonly [string, JsonValue])[] {
    if (typeof this.#value !== 'object' || this.#value === null || Array.isArray(this.#value)) return [];
    return Object.entries(this.#value).map(([key, value]) => [key, new JsonValue(value)] as const);
  }

  /** The texts among the items. */
  get texts(): readonly string[] {
    return this.items.flatMap((item) => item.anyText ?? []);
  }
}

export const ABSENT = new JsonValue(undefined);

/** JSON out of its text; `ABSENT` when it is none, and `onError` hears why. */
export function parseJson(text: string, onError: (reason: string) => void = () => undefined): JsonValue {
  try {
    return new JsonValue(JSON.parse(text));
  } catch (error) {
    onError(error instanceof Error ? error.message : String(error));
    return ABSENT;
  }
}

/** Reads an entry as JSON; an absent one is `ABSENT`, and so is one that is none, with a note. */
export async function readJson(archive: ArchiveIndex, path: string, notes: NoteBook): Promise<JsonValue> {
  const source = openEntry(archive, path, notes);
  if (source === undefined) return ABSENT;
  if (source.size > MAX_DOCUMENT_LENGTH) {
    notes.warn(`is ${source.size} bytes of JSON, the limit is ${MAX_DOCUMENT_LENGTH}; left out`, path);
    return ABSENT;
  }
  const text = new TextDecoder().decode(await source.read(0, source.size));
  return parseJson(text, (reason) => notes.warn(`is not JSON (${reason}); left out`, path));
}
