import { expect, it } from 'vitest';
import { NoteBook } from './note-book.ts';

it('keeps the same sentence about the same place once', () => {
  const notes = new NoteBook();
  notes.warn('is damaged', 'a', 1);
  notes.warn('is damaged', 'a', 1);
  notes.warn('is damaged', 'a', 2);
  notes.inform('is damaged', 'b');
  expect(notes.all.map(({ severity, entry, offset }) => [severity, entry, offset])).toEqual([
    ['warning', 'a', 1],
    ['warning', 'a', 2],
    ['info', 'b', undefined],
  ]);
});

it('says that there is more than it tells', () => {
  const notes = new NoteBook();
  for (let index = 0; index < 5000; index++) notes.warn(`damage ${index}`);
  expect(notes.all).toHaveLength(1001);
  expect(notes.all.at(-1)?.message).toContain('more damage than 1000 notes');
});

it('shortens what a forged name makes endless', () => {
  const notes = new NoteBook();
  notes.warn('x'.repeat(1_000_000));
  expect(notes.all[0]?.message).toHaveLength(2001);
});
