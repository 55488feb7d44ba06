import type { Note } from '../bytes/note.ts';

/** A hostile archive could earn a note for each of a million entries; nobody reads more than this. */
const MAX_NOTES = 200;

/** Collects notes up to a limit and counts the rest. */
export class NoteList {
  readonly #notes: Note[] = [];
  #dropped = 0;

  warn(
    message: string,
    place: { readonly entry?: string | undefined; readonly offset?: number | undefined } = {},
  ): void {
    this.add({ severity: 'warning', message, ...place });
  }

  add(note: Note): void {
    if (this.#notes.length < MAX_NOTES) this.#notes.push(note);
    else this.#dropped++;
  }

  list(): readonly Note[] {
    if (this.#dropped === 0) return this.#notes;
    const message = `${this.#dropped} more notes about this archive are not shown`;
    return [...this.#notes, { severity: 'warning', message }];
  }
}
