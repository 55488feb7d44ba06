import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { changeCommands } from './change.ts';
import { MAX_KEPT_BYTES } from './path-state.ts';
import { applyChange, undoChanges } from './treatment.ts';

let root: string;
let journal: string;
let file: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'exhibit-doctor-'));
  journal = path.join(root, 'lib/exhibit/doctor');
  file = path.join(root, 'tar');
});
afterEach(() => rmSync(root, { recursive: true }));

const link = () => ({ kind: 'link', path: file, target: '/usr/bin/tar' }) as const;
const lines = (...added: readonly string[]) => ({ kind: 'lines', path: file, lines: added }) as const;
const names = () => readdirSync(root).sort();

it('replaces a file by a link, keeps it, and puts back its bytes, mode and times', async () => {
  writeFileSync(file, 'busybox');
  chmodSync(file, 0o4711);
  utimesSync(file, 1_000_000, 1_000_000);
  expect(await applyChange(link(), journal)).toBe(true);
  expect(readlinkSync(file)).toBe('/usr/bin/tar');
  expect(lstatSync(journal).mode & 0o777).toBe(0o700);
  expect(await undoChanges(journal)).toEqual([{ path: file, outcome: 'restored' }]);
  expect(readFileSync(file, 'utf8')).toBe('busybox');
  expect(lstatSync(file)).toMatchObject({ mode: 0o104711, mtimeMs: 1_000_000_000 });
  // Nothing of ours is left, the journal's folder among it.
  expect(names()).toEqual(['lib', 'tar']);
  expect(existsSync(path.join(root, 'lib/exhibit'))).toBe(false);
});

it('puts back the link that was there, also a dangling one', async () => {
  symlinkSync('busybox', file);
  await applyChange(link(), journal);
  await undoChanges(journal);
  expect(readlinkSync(file)).toBe('busybox');
});

it('does nothing the second time, and has nothing to undo the second time', async () => {
  symlinkSync('busybox', file);
  expect([await applyChange(link(), journal), await applyChange(link(), journal)]).toEqual([true, false]);
  expect(await undoChanges(journal)).toHaveLength(1);
  expect(await undoChanges(journal)).toEqual([]);
});

it('makes the folders of a new file, and removes those and no others', async () => {
  file = path.join(root, 'etc/criu/runc.conf');
  mkdirSync(path.join(root, 'etc'));
  await applyChange(lines('file-locks'), journal);
  expect(readFileSync(file, 'utf8')).toBe('file-locks\n');
  expect(lstatSync(file).mode & 0o777).toBe(0o644);
  await undoChanges(journal);
  expect(names()).toEqual(['etc', 'lib']);
  expect(readdirSync(path.join(root, 'etc'))).toEqual([]);
});

it('changes the file behind a link to it, with its mode', async () => {
  const real = path.join(root, 'real.conf');
  writeFileSync(real, 'file-locks', { mode: 0o640 });
  symlinkSync('real.conf', file);
  await applyChange(lines('file-locks', 'ext-unix-sk'), journal);
  expect(readFileSync(real, 'utf8')).toBe('file-locks\next-unix-sk\n');
  expect(lstatSync(real).mode & 0o777).toBe(0o640);
  expect(readlinkSync(file)).toBe('real.conf');
  await undoChanges(journal);
  expect(readFileSync(real, 'utf8')).toBe('file-locks');
});

it('leaves what was changed since, says where the old one lies, and takes the rest back', async () => {
  writeFileSync(file, 'mine\n');
  await applyChange(lines('file-locks'), journal);
  const first = file;
  file = path.join(root, 'other');
  await applyChange(lines('file-locks'), journal);
  writeFileSync(first, 'theirs\n');
  const outcomes = await undoChanges(journal);
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(['restored', 'changed since']);
  expect(readFileSync(first, 'utf8')).toBe('theirs\n');
  expect(readFileSync(outcomes[1]?.kept ?? '', 'utf8')).toBe('mine\n');
  // Once it is as the cure left it, it can be taken back.
  writeFileSync(first, 'mine\nfile-locks\n');
  expect(await undoChanges(journal)).toEqual([{ path: first, outcome: 'restored' }]);
  expect(readFileSync(first, 'utf8')).toBe('mine\n');
});

it('counts another mode as a change', async () => {
  await applyChange(lines('file-locks'), journal);
  chmodSync(file, 0o600);
  expect(await undoChanges(journal)).toMatchObject([{ outcome: 'changed since' }]);
});

it('forgets what went with its folder, as after an upgrade of k3s', async () => {
  const folder = path.join(root, 'data/1/bin');
  mkdirSync(folder, { recursive: true });
  symlinkSync('1', path.join(root, 'data/current'));
  symlinkSync('busybox', path.join(folder, 'tar'));
  file = path.join(root, 'data/current/bin/tar');
  await applyChange(link(), journal);
  rmSync(path.join(root, 'data/1'), { recursive: true });
  expect(await undoChanges(journal)).toEqual([{ path: path.join(folder, 'tar'), outcome: 'gone' }]);
  expect(await undoChanges(journal)).toEqual([]);
});

it('replaces neither folders nor files that are too large to keep', async () => {
  mkdirSync(file);
  await expect(applyChange(link(), journal)).rejects.toMatchObject({ code: 'WRITE_FAILED', source: file });
  rmSync(file, { recursive: true });
  writeFileSync(file, '');
  truncateSync(file, MAX_KEPT_BYTES + 1);
  await expect(applyChange(link(), journal)).rejects.toMatchObject({ code: 'WRITE_FAILED', source: file });
  expect(names()).toEqual(['tar']);
});

it('puts nothing back from a copy that is not what was kept', async () => {
  writeFileSync(file, 'busybox');
  await applyChange(link(), journal);
  const kept = readdirSync(journal).find((name) => name.endsWith('.kept')) ?? '';
  writeFileSync(path.join(journal, kept), 'evil');
  await expect(undoChanges(journal)).rejects.toMatchObject({ code: 'BAD_JOURNAL' });
  expect(readlinkSync(file)).toBe('/usr/bin/tar');
});

it('writes down each of the changes that are made at once', async () => {
  const files = ['one', 'two', 'three'].map((name) => path.join(root, name));
  const change = (place: string) => ({ kind: 'lines', path: place, lines: ['file-locks'] }) as const;
  await Promise.all(files.map((place) => applyChange(change(place), journal)));
  const outcomes = await undoChanges(journal);
  expect(outcomes.map((undone) => undone.path).sort()).toEqual([...files].sort());
});

it('believes no journal that others may write to', async () => {
  writeFileSync(file, 'busybox');
  await applyChange(link(), journal);
  chmodSync(journal, 0o777);
  await expect(undoChanges(journal)).rejects.toMatchObject({ code: 'BAD_JOURNAL' });
  await expect(applyChange(lines('x'), journal)).rejects.toMatchObject({ code: 'BAD_JOURNAL' });
});

it('restores any text, whatever lines were added in how many steps', async () => {
  const line = fc.stringMatching(/^[a-z-]{1,9}$/);
  const cures = fc.array(fc.array(line, { minLength: 1, maxLength: 4 }), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), cures, async (bytes, steps) => {
      writeFileSync(file, bytes);
      for (const step of steps) await applyChange(lines(...step), journal);
      const present = readFileSync(file, 'latin1').split('\n');
      for (const added of steps.flat()) expect(present).toContain(added);
      await undoChanges(journal);
      expect(new Uint8Array(readFileSync(file))).toEqual(bytes);
    }),
    { numRuns: 30 },
  );
});

it('says the same to a shell', async () => {
  file = path.join(root, "it's/new folder/runc.conf");
  const change = lines('file-locks', "irmap-scan-path=/it's");
  execFileSync('sh', ['-euc', changeCommands(change).join('\n')]);
  expect(readFileSync(file, 'utf8').trim().split('\n')).toEqual(change.lines);
  expect(await applyChange(change, journal)).toBe(false);
  execFileSync('sh', ['-euc', changeCommands(link()).join('\n')]);
  expect(readlinkSync(file)).toBe('/usr/bin/tar');
});

it('removes a file for good, and what is gone once only', async () => {
  writeFileSync(file, 'half an archive');
  const removal = { kind: 'removal', path: file } as const;
  expect(await applyChange(removal, journal)).toBe(true);
  expect(await applyChange(removal, journal)).toBe(false);
  expect(await undoChanges(journal)).toEqual([]);
  writeFileSync(file, '');
  execFileSync('sh', ['-euc', changeCommands(removal).join('\n')]);
  expect(names()).toEqual([]);
});
