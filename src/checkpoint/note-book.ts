import type { Note } from '../bytes/note.ts';

/** Notes kept of one checkpoint; damage that repeats itself more often says nothing new. */
const MAX_NOTES = 1000;

/** Characters of one note. Names are quoted in notes, and a forged name can be megabytes. */
const MAX_MESSAGE_LENGTH = 2000;

/** Where readers put what they found damaged. */
export class NoteBook {
  readonly #notes: Note[] = [];
  readonly #seen = new Set<string>();

  /** The same sentence about the same entry is kept once, however often it is read. The last of too many says so. */
  add(...notes: readonly Note[]): void {
    for (const note of notes) {
      const message = shortened(note.message);
      const key = `${note.entry}\0${note.offset}\0${message}`;
      if (this.#seen.has(key) || this.#notes.length > MAX_NOTES) continue;
      this.#seen.add(key);
      this.#notes.push(this.#notes.length < MAX_NOTES ? { ...note, message } : TOO_MANY);
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

const TOO_MANY: Note = {
  severity: 'warning',
  message: `there is more damage than ${MAX_NOTES} notes can tell; the rest is not told`,
};

const shortened = (message: string): string =>
  message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH)}…`;
