/** A hostile program chooses its paths, names and watches: whatever /proc shows of it becomes images that can be read. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { imageKinds } from '../../../criu/image-kinds.ts';
import { imageMessages } from '../../testing/image-messages.ts';
import type { GatheredContainer } from '../look/gathered.ts';
import { parseMappings } from '../proc/mappings.ts';
import { DeletedFiles } from './deleted-files.ts';
import { EVENT_FILES } from './event-files.ts';
import { buildFileImages } from './file-images.ts';

const word = fc.oneof(
  fc.constantFrom(
    ...Object.keys(EVENT_FILES),
    'socket:[77]',
    'pipe:[99999999999999999999]',
    '/x (deleted)',
    '/memfd: (deleted)',
    'net:[9999999999]',
    'anon_inode:[pidfd]',
    'anon_inode:bpf-map',
    'tfd:',
    'inotify wd:',
    'ino:ffffffffffffffffffff',
    'lock:\t1: POSIX  ADVISORY  WRITE -1 0:0:0 9 EOF',
    'mnt_id:',
    '- overlay',
    '0:58',
    'it_value: (99999999999999999999, -1)',
    'f_handle:',
    'NSpid:\t1',
    'flags:\t777777777777777',
    'pos:\t-1',
    '__proto__',
    'constructor',
    '1000-2000 r--s 0 00:01 0 /SYSV00000000 (deleted)',
  ),
  fc.string({ maxLength: 30, unit: 'binary' }),
);
const text = fc
  .array(
    fc.array(word, { maxLength: 6 }).map((words) => words.join(' ')),
    { maxLength: 6 },
  )
  .map((lines) => lines.join('\n'));
const number = fc.bigInt(0n, 2n ** 64n - 1n);
const stat = fc.option(
  fc.record({
    dev: number,
    ino: number,
    rdev: number,
    size: number,
    mode: fc.nat(0o177777),
    links: fc.nat(2),
    uid: fc.nat(),
    gid: fc.nat(),
  }),
  { nil: undefined },
);
const link = fc.record({ link: fc.oneof(word, text), stat });

it('makes readable images of anything', async () => {
  await fc.assert(
    fc.asyncProperty(
      text,
      text,
      fc.array(fc.record({ link: word, stat, info: text }), { maxLength: 8 }),
      link,
      async (text, table, held, place) => {
        const container: GatheredContainer = {
          node: {} as GatheredContainer['node'],
          processes: [
            {
              pid: 700,
              files: { mountinfo: text, status: text, maps: text, stat: text },
              commandLine: new Uint8Array(),
              environment: new Uint8Array(),
              auxv: new Uint8Array(),
              executable: place,
              workingDirectory: place,
              root: place,
              namespaces: { mnt: 2n ** 64n - 1n },
              descriptors: held.map((each, fd) => ({ ...each, fd })),
              threads: [],
            },
          ],
          networks: [
            {
              namespace: 2n ** 63n,
              files: { tcp: table, unix: table, netlink: table, packet: table, raw6: table },
            },
          ],
          gaps: [],
        };
        const mappings = new Map([[700, parseMappings(text)]]);
        const { images } = buildFileImages(container, mappings, DeletedFiles.hold(container, '/nowhere'));
        const entries = await imageMessages(images, 'files.img', imageKinds.files);
        expect(entries.length).toBeGreaterThanOrEqual(held.length > 0 ? 3 : 2);
      },
    ),
  );
});
