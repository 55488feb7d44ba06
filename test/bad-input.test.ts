/** The bad inputs that users and attackers come with, each through the whole program: what it says and how it ends. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openArchive } from '../src/archive/open-archive.ts';
import { bufferSource } from '../src/bytes/byte-source.ts';
import { ExitCode } from '../src/cli/io.ts';
import { concat, u32 } from './support/criu-forge.ts';
import { runProgram } from './support/run-program.ts';
import { readAll } from './support/sources.ts';
import { type ForgedMember, forgeTar } from './support/tar-forge.ts';

const WEB = path.resolve(import.meta.dirname, '../fixtures/containerd-web/checkpoint.tar');

let folder = '';
let members: readonly ForgedMember[] = [];
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'exhibit-bad-'));
  const archive = await openArchive(bufferSource(await readFile(WEB)));
  const files = archive.entries.filter(({ type }) => type === 'file');
  members = await Promise.all(
    files.map(async (entry) => ({ name: entry.path, data: await readAll(archive.open(entry)) })),
  );
});
afterAll(() => rm(folder, { recursive: true }));

/** The web server's archive with one member in another shape. */
const withMember = (name: string, change: (member: ForgedMember) => ForgedMember): Buffer =>
  forgeTar(members.map((member) => (member.name === name ? change(member) : member)));

const dataOf = ({ data }: ForgedMember): Buffer => Buffer.from(data ?? '');

interface BadInput {
  readonly bytes: () => Uint8Array | Promise<Uint8Array>;
  readonly argv: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly code: ExitCode;
  readonly stderr: RegExp;
  /** What is still read. */
  readonly stdout?: RegExp;
}

const CASES: Readonly<Record<string, BadInput>> = {
  'text instead of an archive': {
    bytes: () => Buffer.from('dear responder,\n'),
    argv: ['inspect'],
    code: ExitCode.failed,
    stderr: /^exhibit: .*bad: this is not a checkpoint archive .* but text\n$/,
  },
  'an empty file': {
    bytes: () => new Uint8Array(0),
    argv: ['show'],
    code: ExitCode.failed,
    stderr: /^exhibit: .*empty.*\n$/,
  },
  'a tar of something else': {
    bytes: () => forgeTar([{ name: 'holiday.jpg', data: 'x' }]),
    argv: ['inspect'],
    code: ExitCode.failed,
    stderr: /^exhibit: .*is a tar, but not of a container checkpoint.*\n$/,
  },
  'an archive cut short': {
    bytes: async () => (await readFile(WEB)).subarray(0, 150_000),
    argv: ['inspect'],
    code: ExitCode.damaged,
    stderr: /warning: .*cut short/,
    stdout: /PROCESSES/,
  },
  'a pages image shorter than its pagemap': {
    bytes: () =>
      withMember('checkpoint/pages-1.img', (member) => ({
        ...member,
        data: dataOf(member).subarray(0, 4096),
      })),
    argv: ['inspect', '--maps'],
    code: ExitCode.damaged,
    stderr: /warning: is shorter than its pagemap says: \d+ bytes of process 1 .*pages-1\.img/,
    stdout: /httpd/,
  },
  'an entry that climbs out': {
    bytes: () => forgeTar([...members, { name: '../../escaped', data: 'evil' }]),
    argv: ['extract', '--all', '-o', 'climbing'],
    code: ExitCode.damaged,
    stderr: /not written: \.\.\/\.\.\/escaped: its path leads out/,
  },
  'an entry of 2^63 bytes': {
    bytes: () => withMember('checkpoint/files.img', (member) => ({ ...member, size: 2n ** 63n })),
    argv: ['inspect'],
    code: ExitCode.damaged,
    stderr: /warning: /,
  },
  'an image of an unknown kind': {
    bytes: () =>
      forgeTar([
        ...members,
        { name: 'checkpoint/novel-1.img', data: concat(u32(0x54564319), u32(0x12345678)) },
      ]),
    argv: ['decode'],
    code: ExitCode.done,
    stderr: /^$/,
    stdout: /0x12345678/,
  },
  'an image that is none': {
    bytes: () => withMember('checkpoint/pstree.img', (member) => ({ ...member, data: 'not an image' })),
    argv: ['inspect'],
    code: ExitCode.damaged,
    stderr: /warning: .*pstree\.img/,
    stdout: /container of pod shop\/web/,
  },
  'a gzip bomb': {
    bytes: () => gzipSync(Buffer.concat([forgeTar(members), Buffer.alloc(64 * 1024 * 1024)])),
    argv: ['inspect'],
    environment: { EXHIBIT_UNPACK_LIMIT: '1M' },
    code: ExitCode.failed,
    stderr: /^exhibit: .*EXHIBIT_UNPACK_LIMIT/,
  },
};

describe('bad input', () => {
  it.each(Object.entries(CASES))('%s', async (_name, { bytes, argv, environment = {}, ...expected }) => {
    await writeFile(path.join(folder, 'bad'), await bytes());
    const [command = '', ...options] = argv;
    const { code, stdout, stderr } = await runProgram([command, 'bad', ...options], {
      workingDirectory: folder,
      environment,
    });
    expect(stderr).toMatch(expected.stderr);
    expect(stderr).not.toMatch(/defect|\n {4}at /);
    expect(code).toBe(expected.code);
    if (expected.stdout) expect(stdout).toMatch(expected.stdout);
  });
});
