import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExhibitError } from '../../bytes/exhibit-error.ts';
import { parseJournal } from './journal.ts';

const absent = { kind: 'absent' };
const file = { kind: 'file', mode: 0o644, sha256: '', uid: 0, gid: 0, modified: 0 };
const link = { kind: 'link', target: 'busybox', uid: 0, gid: 0, modified: 0 };
const entry = { path: '/etc/criu/runc.conf', time: '', before: absent, after: file };
const journal = (...changes: readonly unknown[]) => JSON.stringify({ version: 1, changes });

it.each([
  ['no changes', journal()],
  ['a new file in new folders', journal({ ...entry, madeFolder: '/etc/criu' })],
  ['a file that was kept', journal({ ...entry, before: file, kept: 'a-1.kept' })],
  ['a link', journal({ ...entry, before: link, after: link })],
])('reads %s', (_, text) => {
  expect(parseJournal(text, 'j')).toEqual(JSON.parse(text).changes);
});

it.each([
  ['nothing', ''],
  ['half of it', journal(entry).slice(0, -1)],
  ['an array', '[]'],
  ['another version', '{"version":2,"changes":[]}'],
  ['no list', '{"version":1,"changes":{}}'],
  ['no entry', journal(null)],
  ['a relative path', journal({ ...entry, path: 'runc.conf' })],
  ['no time', journal({ ...entry, time: 1 })],
  ['an unknown state', journal({ ...entry, after: { ...file, kind: 'socket' } })],
  ['a mode that is more than permissions', journal({ ...entry, after: { ...file, mode: 0o100644 } })],
  ['an owner that is no number', journal({ ...entry, after: { ...file, uid: 'root' } })],
  ['a link without target', journal({ ...entry, after: { ...link, target: undefined } })],
  ['a replaced file without a copy', journal({ ...entry, before: file })],
  ['a copy that lies elsewhere', journal({ ...entry, before: file, kept: '../../etc/shadow.kept' })],
  ['a made folder that is none', journal({ ...entry, madeFolder: 7 })],
])('refuses %s', (_, text) => {
  expect(() => parseJournal(text, 'j')).toThrow(
    expect.objectContaining({ code: 'BAD_JOURNAL', source: 'j' }),
  );
});

it('reads or refuses any JSON', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      for (const tried of [text, `{"version":1,"changes":[${text}]}`]) {
        try {
          parseJournal(tried, 'j');
        } catch (error) {
          expect(error).toBeInstanceOf(ExhibitError);
        }
      }
    }),
  );
});
