import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { parseOptions } from './criu-options.ts';
import { formatAddress } from './network-look.ts';
import { runPreflight } from './preflight.ts';

const ID = 'cd'.repeat(32);
const TARGET = { namespace: 'shop', pod: 'web', container: 'app' };

/** Words of the real files, in any order and number, and noise. */
const word = fc.oneof(
  fc.constantFrom(
    'lock:',
    'inotify wd:1 ino:4c sdev:57',
    'fanotify ino: sdev:',
    '0:87',
    ' - overlay ',
    'PPid:\t7',
  ),
  fc.constantFrom('01', '0A', '0100007F:1F90', '00000000:00000001', '77', 'socket:[77]', 'ghost-limit', '\0'),
  fc.string({ maxLength: 40 }),
);
const text = fc.array(
  fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
  { maxLength: 8 },
);

test('whatever the files of a node say, the look ends with a report', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ status: text, info: text, table: text, mounts: text, options: text }),
      async (given) => {
        const node = new FakeNode();
        try {
          node.process({
            pid: 7,
            parent: 5,
            cgroup: `/${ID}`,
            descriptors: { 3: ['socket:[77]', ...given.info], 4: ['anon_inode:inotify', ...given.info] },
          });
          node.put('proc/7/status', given.status.join('\n'));
          node.put('proc/7/mountinfo', given.mounts.join('\n'));
          for (const name of ['tcp', 'tcp6', 'unix']) node.put(`proc/7/net/${name}`, given.table.join('\n'));
          node.put('etc/criu/runc.conf', given.options.join('\n'));
          const report = await runPreflight(TARGET, ID, { root: node.root });
          expect(report.processes).toBe(1);
          for (const { evidence } of report.obstacles) expect(evidence.length).toBeLessThanOrEqual(6);
        } finally {
          node.remove();
        }
      },
    ),
    { numRuns: 25 },
  );
});

test('parseOptions reads any option that it is given, and never throws', () => {
  const name = fc.stringMatching(/^[a-z][a-z-]{0,20}$/);
  const value = fc.stringMatching(/^[\w/.[\]]{1,20}$/);
  fc.assert(
    fc.property(name, value, fc.constantFrom(' ', '=', ' = '), (option, given, separator) => {
      expect(parseOptions(`${option}${separator}${given} # note`).get(option)).toEqual([given]);
    }),
  );
  fc.assert(fc.property(fc.string(), (any) => void parseOptions(any)));
});

test('formatAddress reads any text, and any address as itself', () => {
  fc.assert(fc.property(fc.string(), (any) => void formatAddress(any)));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(65_535), (bytes, port) => {
      const hex = Buffer.from(bytes).toString('hex').toUpperCase();
      expect(formatAddress(`${hex}:${port.toString(16)}`, false)).toBe(`${[...bytes].join('.')}:${port}`);
    }),
  );
});
