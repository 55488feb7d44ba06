/** One target a parser: where its inputs come from, and what it must do with each. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { compileRegex } from '../../src/analysis/regex/regex.ts';
import { openArchive } from '../../src/archive/open-archive.ts';
import { unpack } from '../../src/archive/unpack.ts';
import { zstdDecoder } from '../../src/archive/zstd.ts';
import { bufferSource } from '../../src/bytes/byte-source.ts';
import type { Decoder } from '../../src/bytes/decoder.ts';
import { ExhibitError } from '../../src/bytes/exhibit-error.ts';
import { nodeDecoders } from '../../src/bytes/node-decoders.ts';
import { startSystemZstd } from '../../src/bytes/node-zstd.ts';
import { writeCritJson } from '../../src/criu/crit-json.ts';
import { encodeImage } from '../../src/criu/encode.ts';
import { readHeader } from '../../src/criu/image.ts';
import { readPagemap } from '../../src/criu/pagemap.ts';
import { writeRawJson } from '../../src/criu/raw-json.ts';
import { runProgram } from '../support/run-program.ts';
import { readAll } from '../support/sources.ts';
import { type ForgedMember, forgeTar } from '../support/tar-forge.ts';
import { forgeZstdFrame } from '../support/zstd-forge.ts';
import { mutate } from './mutation.ts';
import { Random } from './random.ts';
import { type SeedArchive, seedArchives } from './seeds.ts';

export interface FuzzTarget {
  /** The input of a case: always the same for the same number. */
  input(number: number): Uint8Array;
  /** Rejects when the input is not taken as it must be: only with an ExhibitError, and text that is safe to print. */
  run(input: Uint8Array): Promise<void>;
}

export const TARGETS = {
  /** Whole archives through the whole program. */
  archive: async (): Promise<FuzzTarget> => {
    const seeds = await seedArchives();
    return {
      input: (number) => mutatedArchive(seeds, new Random(number)),
      run: (input) => runCommand(input, COMMANDS),
    };
  },
  /** Archives whose images tell wrong things of memory, through what looks at memory. */
  memory: async (): Promise<FuzzTarget> => {
    const seeds = await seedArchives();
    return {
      input: (number) => mutatedArchive(seeds, new Random(number), isOfMemory),
      run: (input) => runCommand(input, MEMORY_COMMANDS),
    };
  },
  tar: async (): Promise<FuzzTarget> => {
    const seeds = await seedArchives();
    // Few members, so that damage meets headers more often than content.
    const tars = seeds.map(({ members }) => forgeTar(members.slice(0, 12).map(shortened)));
    return { input: mutationOf(tars), run: (input) => expectRefusalOnly(() => openAndClose(input)) };
  },
  gzip: async (): Promise<FuzzTarget> => {
    const seeds = (await seedArchives()).map(({ members }) => gzipSync(forgeTar(members.slice(0, 12))));
    return { input: mutationOf(seeds), run: (input) => expectRefusalOnly(() => openBothWays(input)) };
  },
  zstd: async (): Promise<FuzzTarget> => {
    const seeds = await seedArchives();
    const packed = seeds.filter(({ compression }) => compression === 'zstd').map(({ bytes }) => bytes);
    const stored = seeds.map(({ members }) => forgeZstdFrame(forgeTar(members.slice(0, 12))));
    return { input: mutationOf([...packed, ...stored]), run: unpackZstdAlike };
  },
  image: async (): Promise<FuzzTarget> => ({ input: mutationOf(await seedImages()), run: readAsImage }),
  json: async (): Promise<FuzzTarget> => {
    const texts: Uint8Array[] = [];
    for (const image of await seedImages()) {
      let text = '';
      const append = async (piece: string): Promise<void> => {
        text += piece;
      };
      await writeCritJson('seed', bufferSource(image), append).catch(ignoreRefusal);
      if (text !== '') texts.push(Buffer.from(text));
    }
    return { input: mutationOf(texts), run: (input) => expectRefusalOnly(async () => encodeImage(input)) };
  },
  regex: async (): Promise<FuzzTarget> => {
    const input = mutationOf(PATTERNS.map((pattern) => Buffer.from(pattern)));
    return {
      input,
      run: (bytes) => expectRefusalOnly(async () => searchWith(Buffer.from(bytes).toString())),
    };
  },
} satisfies Readonly<Record<string, () => Promise<FuzzTarget>>>;

export type TargetName = keyof typeof TARGETS;

const PATTERNS = [
  '(GET|POST) /[a-z0-9]{1,32}(\\?[^ ]*)? HTTP/1\\.[01]',
  '(?i)-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----',
  '\\b\\d{1,3}(?:\\.\\d{1,3}){3}\\b',
  '[\\x00-\\x08\\p{Greek}]+?(a|b|)*$',
  '^(?P<key>\\w+)=(?s:.)*?[[:xdigit:]]{8,}',
];

/** A text that many patterns match, and some almost. */
const SAMPLE = Buffer.from(
  'GET /index.html?a=1 HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n'.repeat(20) + 'a'.repeat(2000),
);

const MAX_MEMBER_IN_TAR_SEED = 2048;

const shortened = (member: ForgedMember): ForgedMember => ({
  ...member,
  data: Buffer.from(member.data ?? '').subarray(0, MAX_MEMBER_IN_TAR_SEED),
});

const mutationOf =
  (seeds: readonly Uint8Array[]) =>
  (number: number): Uint8Array => {
    const random = new Random(number);
    return mutate(random.pick(seeds), random, seeds);
  };

/** All images of all fixtures but pages, each content once. */
async function seedImages(): Promise<readonly Buffer[]> {
  const images = new Map<string, Buffer>();
  for (const { members } of await seedArchives()) {
    for (const { name, data } of members) {
      const bytes = Buffer.from(data ?? '');
      if (name.endsWith('.img') && !name.includes('/pages-') && bytes.length > 0)
        images.set(bytes.toString('latin1'), bytes);
    }
  }
  return [...images.values()];
}

/** What says which memory there is, and what is in it. */
const isOfMemory = ({ name }: ForgedMember): boolean => /\/(mm|pagemap|core|pages|files)\b/.test(name);

function mutatedArchive(
  seeds: readonly SeedArchive[],
  random: Random,
  isMutable: (member: ForgedMember) => boolean = () => true,
): Uint8Array {
  const seed = random.pick(seeds);
  if (random.oneIn(5)) return mutate(seed.bytes, random, [seed.bytes]);
  const members = [...seed.members];
  const contents = members.map(({ data }) => Buffer.from(data ?? '')).filter(({ length }) => length > 0);
  for (let left = 1 + random.below(3); left > 0; left--) {
    const mutable = [...members.keys()].filter((index) => isMutable(members[index] as ForgedMember));
    if (mutable.length === 0) break;
    const at = random.pick(mutable);
    const member = members[at] as ForgedMember;
    const kind = random.below(20);
    if (kind === 0) members.splice(at, 1);
    else if (kind === 1) members.splice(random.below(members.length), 0, member);
    else members[at] = { ...member, data: mutate(Buffer.from(member.data ?? ''), random, contents) };
  }
  const tar = forgeTar(members);
  return random.oneIn(10) ? gzipSync(tar, { level: 1 }) : tar;
}

const COMMANDS: readonly (readonly string[])[] = [
  ['inspect', '--all'],
  ['inspect', '--all', '--json'],
  ['show'],
  ['list'],
  ['memparse', '-s', 'HTTP'],
  ['extract', '--list'],
  ['decode', '--json-lines'],
  ['export', 'elf-core', '--all', '--output', 'cores'],
];

const RULES = path.join(import.meta.dirname, '../golden/yara/rules.yar');

const MEMORY_COMMANDS: readonly (readonly string[])[] = [
  ['memory', '--regions', '--entropy'],
  ['memory', '--strings', '--min-length', '6'],
  ['memory', '--strings', '--encoding', 'ascii', '--json'],
  ['memory', '--search-regex', '[a-z]{3,8}=(?s:.{1,20}?)[0-9/]', '--context', '16'],
  ['memory', '--search', 'hex:7f454c46', '--hex'],
  ['memory', '--yara', RULES, '--json'],
  ['memory', '--yara', RULES, '--prot', 'x'],
  ['export', 'elf-core', '--all', '--output', 'cores'],
];

/** One command, chosen by the input's bytes, as a user would see it. */
async function runCommand(input: Uint8Array, commands: readonly (readonly string[])[]): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'exhibit-fuzz-'));
  const argv = commands[input.reduce((sum, byte) => (sum + byte) % commands.length, 0)] ?? [];
  try {
    const file = path.join(folder, 'mutated.tar');
    writeFileSync(file, input);
    checkOutput(argv, await runProgram([...argv, file], { workingDirectory: folder }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Control characters but tab and line feed, as they reach a terminal. */
const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;

function checkOutput(argv: readonly string[], ran: { code: number; stdout: string; stderr: string }): void {
  const { code, stdout, stderr } = ran;
  const fail = (what: string): never => {
    throw new Error(`exhibit ${argv.join(' ')}: ${what}\n${stderr.slice(0, 2000)}`);
  };
  if (stderr.includes('defect of exhibit')) fail('unexpected error');
  if (![0, 1, 3].includes(code)) fail(`exit code ${code}`);
  if (code !== 0 && stdout + stderr === '') fail(`exit code ${code} without a word`);
  const unsafe = UNSAFE.exec(stdout) ?? UNSAFE.exec(stderr);
  if (unsafe !== null) fail(`prints the control character ${JSON.stringify(unsafe[0])}`);
}

async function openAndClose(input: Uint8Array): Promise<void> {
  const archive = await openArchive(bufferSource(input), {
    decoders: nodeDecoders(),
    unpackedLimit: 64 * 1024 * 1024,
  });
  for (const entry of archive.entries) if (entry.type === 'file') await readAll(archive.open(entry));
  await archive.close();
}

/** By Node's decoders and by the portable ones. */
async function openBothWays(input: Uint8Array): Promise<void> {
  await expectRefusalOnly(() => openAndClose(input));
  const archive = await openArchive(bufferSource(input), { unpackedLimit: 64 * 1024 * 1024 });
  await archive.close();
}

/**
 * As above; and the system's libzstd must make of it what the one in WebAssembly does. One version
 * notices at once what another notices by the checksum only, so one may go on where the other ends.
 */
async function unpackZstdAlike(input: Uint8Array): Promise<void> {
  await expectRefusalOnly(() => openBothWays(input));
  const [ours, system] = await Promise.all([
    unpackOrRefuse(input, zstdDecoder()),
    unpackOrRefuse(input, zstdDecoder(startSystemZstd)),
  ]);
  const length = Math.min(ours.length, system.length);
  if (!ours.subarray(0, length).equals(system.subarray(0, length))) throw new Error('libzstds disagree');
}

async function unpackOrRefuse(input: Uint8Array, decoder: Decoder): Promise<Buffer> {
  const options = { memoryLimit: 64 * 1024 * 1024, unpackedLimit: 64 * 1024 * 1024 };
  try {
    return await readAll((await unpack(bufferSource(input), decoder, options)).bytes);
  } catch (error) {
    if (error instanceof ExhibitError) return Buffer.alloc(0);
    throw error;
  }
}

async function readAsImage(input: Uint8Array): Promise<void> {
  const source = bufferSource(input);
  const nowhere = async (): Promise<void> => undefined;
  for (const pretty of [false, true]) {
    await expectRefusalOnly(() => writeCritJson('mutated.img', source, nowhere, { pretty }));
  }
  await readPagemap(source, 'pagemap-1.img', { pageSize: 4096 });
  for (const name of ['ifaddr-1.img', 'route-1.img', 'rule-1.img', 'conntrack-1.img', 'iptables-1.img']) {
    await expectRefusalOnly(async () => {
      const { kind } = await readHeader(name, source);
      if (kind.layout === 'raw') await writeRawJson(name, kind, source, nowhere);
    });
  }
}

function searchWith(pattern: string): void {
  for (const { start, end } of compileRegex(pattern).matches(SAMPLE, 0, SAMPLE.length, true)) {
    if (end <= start) throw new Error(`an empty match at ${start}`);
  }
}

async function expectRefusalOnly(action: () => Promise<unknown>): Promise<void> {
  await action().catch(ignoreRefusal);
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ExhibitError)) throw error;
}
