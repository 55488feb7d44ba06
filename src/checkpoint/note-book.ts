import type { Note } from '../bytes/note.ts';

/** Notes kept of one checkpoint; damage that repeats itself more often says nothing new. */
const MAX_NOTES = 1000;

/** Where readers put what they found damaged. */
export class NoteBook {
  readonly #notes: Note[] = [];
  readonly #seen = new Set<string>();

  /** The same sentence about the same entry is kept once, however often it is read. */
  add(...notes: readonly Note[]): void {
    for (const note of notes) {
      const key = `${note.entry}\0${note.offset}\0${note.message}`;
      if (this.#seen.has(key) || this.#notes.length >= MAX_NOTES) continue;
      this.#seen.add(key);
      this.#notes.push(note);
    }
  }

  warn(message: string, entry?: string, offset?: number): void {
    this.add({ severity: 'warning', message, entry, offset });
  }

  inform(message: string, entry?: string): void {
    this.add({ severity: 'info', message, entry });
  }

  get all(): readonly Note[] {
    return this.#notes;
  }
}
