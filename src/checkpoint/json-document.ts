/**
 * JSON of a compromised machine: any value can be there or not, and of any type. Reading never throws; what is not of the
 * expected type is absent.
 */
import type { ArchiveIndex } from '../archive/archive-index.ts';
import { openEntry } from './image-set.ts';
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

  get items(): readonly JsonValue[] {
    return Array.isArray(this.#value) ? this.#value.map((item) => new JsonValue(item)) : [];
  }

  get members(): readonly (readonly [string, JsonValue])[] {
    if (typeof this.#value !== 'object' || this.#value === null || Array.isArray(this.#value)) return [];
    return Object.entries(this.#value).map(([key, value]) => [key, new JsonValue(value)] as const);
  }

  /** The texts among the items. */
  get texts(): readonly string[] {
    return this.items.flatMap((item) => (typeof item.#value === 'string' ? [item.#value] : []));
  }
}

export const ABSENT = new JsonValue(undefined);

/** Reads an entry as JSON; an absent one is `ABSENT`, and so is one that is none, with a note. */
export async function readJson(archive: ArchiveIndex, path: string, notes: NoteBook): Promise<JsonValue> {
  const entry = archive.find(path);
  if (entry === undefined) return ABSENT;
  if (entry.size > MAX_DOCUMENT_LENGTH) {
    notes.warn(`is ${entry.size} bytes of JSON, the limit is ${MAX_DOCUMENT_LENGTH}; left out`, path);
    return ABSENT;
  }
  const source = openEntry(archive, entry, notes);
  if (source === undefined) return ABSENT;
  const bytes = await source.read(0, Math.min(source.size, MAX_DOCUMENT_LENGTH));
  try {
    return new JsonValue(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    notes.warn(`is not JSON (${error instanceof Error ? error.message : error}); left out`, path);
    return ABSENT;
  }
}
