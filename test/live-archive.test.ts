import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAPTURE_RECORD } from '../src/archive/capture-record.ts';
import { runProgram } from './support/run-program.ts';
import { forgeTar } from './support/tar-forge.ts';

const ZOO = path.join(import.meta.dirname, '../fixtures/containerd-zoo/checkpoint.tar');
/** Two blocks of zeros end a tar (POSIX pax, "ustar Interchange Format"). */
const TAR_END = 1024;

const record = {
  version: 1,
  program: 'exhibit 0.1.0',
  restorable: false,
  consistency: 'frozen',
  started: '2026-11-24T08:00:00Z',
  standstill: { from: '1795507200000000000', until: '1795507200123456789', before: false },
  all_pages: false,
  node: { hostname: 'n1', kernel: '6.18.0', machine: 'x86_64', booted: '2026-11-01T00:00:00Z' },
  processes: [
    { node_pid: 4001, pid: 1, started: '2026-11-24T07:00:00.120Z', waits: { 1: 'do_wait' } },
    { node_pid: 4007, pid: 7, started: '2026-11-24T07:30:00.000Z' },
  ],
  hidden: [
    { topic: 'sockets', text: 'bytes in socket queues' },
    { topic: 'pipes', text: 'bytes in pipes' },
    { topic: 'terminals', text: 'what a terminal held' },
    { topic: 'signals', text: 'signal handlers' },
    { topic: 'credentials', text: 'secure bits' },
    { topic: 'timers', text: 'interval timers' },
    { topic: 'registers', text: 'floating point registers' },
    { topic: 'memory', text: 'unchanged pages of mapped files' },
  ],
  networks: [{ namespace: 1, queues: [{ inode: 290_470, send: 5, receive: 1000 }], files: {} }],
  descriptors: [{ node_pid: 4001, fd: 77, link: 'anon_inode:[io_uring]', info: '' }],
  gaps: ['process 9 has ended before it was read'],
  unreadable: [
    { pid: 7, start: '0x7f0000', pages: 3 },
    { shared_object: '216', start: '0x1000', pages: 1 },
  ],
};

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exhibit-live-'));
  write('live.tar', record);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The fixture, with a record before its entries. */
function write(name: string, content: object | string): void {
  const data = typeof content === 'string' ? content : JSON.stringify(content);
  const first = forgeTar([{ name: CAPTURE_RECORD, data }]);
  writeFileSync(path.join(folder, name), Buffer.concat([first.subarray(0, -TAR_END), readFileSync(ZOO)]));
}

const run = (...argv: readonly string[]) => runProgram(argv, { workingDirectory: folder });

describe('an archive that was captured without CRIU', () => {
  it('is told as such, with its node and for how long it stood still', async () => {
    const { stdout } = await run('inspect', '--all', 'live.tar');
    expect(stdout).not.toContain('by CRIU');
    expect(stdout).not.toContain('STATISTICS');
    expect(stdout).toContain('without CRIU, by exhibit 0.1.0: nothing can be restored from it');
    expect(stdout).toMatch(/stood still +for 123\.5 ms from 2026-11-24 08:00:00 UTC/);
    expect(stdout).toContain('n1, Linux 6.18.0 x86_64, up since 2026-11-01 00:00:00 UTC');
    expect(stdout).toContain('not captured: process 9 has ended before it was read');
  });

  it('has the start of each process in a column that others do not have', async () => {
    const { stdout } = await run('inspect', '--ps-tree', 'live.tar');
    expect(stdout).toMatch(/PID +UID +THREADS +STARTED +COMMAND/);
    expect(stdout).toMatch(/^ +1 .* 2026-11-24 07:00:00 UTC /m);
    expect((await run('inspect', '--ps-tree', ZOO)).stdout).not.toContain('STARTED');
  });

  it.each([
    ['--sockets', 'bytes in socket queues'],
    ['--files', 'bytes in pipes'],
    ['--files', 'what a terminal held'],
    ['--threads', 'signal handlers'],
    ['--creds', 'secure bits'],
    ['--threads', 'waits in do_wait'],
    ['--timers', 'interval timers'],
    ['--registers', 'floating point registers'],
    ['--maps', 'unchanged pages of mapped files'],
    ['--maps', 'could not be read, and is zeros here: 3 pages from 0x7f0000'],
  ])('says with inspect %s: %s', async (flag, text) => {
    expect((await run('inspect', flag, 'live.tar')).stdout).toContain(text);
    expect((await run('inspect', flag, ZOO)).stdout).not.toContain(text);
  });

  it('shows descriptors that no image has a place for, and counts of what waited in sockets', async () => {
    const { stdout } = await run('inspect', '--files', '--sockets', 'live.tar');
    expect(stdout).toMatch(/^ .* 77 .*anon_inode:\[io_uring\]/m);
    // The fixture has 26 bytes in that queue, which a capture of our own would not have.
    expect(stdout).toContain('1.0 KiB unread, 5 B unsent');
  });

  it('is marked by show and list', async () => {
    for (const command of ['show', 'list']) {
      const { stdout } = await run(command, 'live.tar');
      expect(stdout).toContain('containerd *');
      expect(stdout).toContain('* captured without CRIU: nothing can be restored from it');
    }
  });

  it('is told by memory and by export elf-core', async () => {
    const memory = await run('memory', 'live.tar');
    expect(memory.stdout).toContain('captured without CRIU: nothing can be restored from it');
    expect(memory.stdout).toContain('3 pages from 0x7f0000');
    expect(memory.stdout.match(/1 page from 0x1000 of shared memory 216/g)).toHaveLength(1);
    expect((await run('memory', '--regions', 'live.tar')).stdout).toContain(
      'unchanged pages of mapped files',
    );
    const core = await run('export', 'elf-core', 'live.tar', '--pid', '7');
    expect(core.stdout).toContain('  captured without CRIU: nothing can be restored from it\n');
    expect(core.stdout).toContain('  floating point registers\n');
    expect(core.stdout).toContain('3 pages from 0x7f0000');
  });

  it('is told in JSON', async () => {
    const [inspection] = JSON.parse((await run('inspect', '--ps-tree', '--json', 'live.tar')).stdout);
    expect(inspection.capture).toMatchObject({
      restorable: false,
      consistency: 'frozen',
      standstill: { from: '2026-11-24T08:00:00.000Z', seconds: 0.123456789, before: false },
      node: record.node,
      hidden: record.hidden,
      unreadable: record.unreadable,
    });
    expect(inspection.process_tree).toMatchObject({
      pid: 1,
      node_pid: 4001,
      started: '2026-11-24T07:00:00.120Z',
    });
    const listed = JSON.parse((await run('list', '--json', 'live.tar')).stdout);
    expect(listed[0].capture.restorable).toBe(false);
    const lines = (await run('memory', '--json', '--pid', '7', 'live.tar')).stdout;
    expect(lines).toContain('"pid":7');
    const [core] = (
      await run('export', 'elf-core', 'live.tar', '--pid', '7', '--json', '--force')
    ).stdout.split('\n');
    expect(JSON.parse(core ?? '')).toMatchObject({ unreadable: record.unreadable });
  });

  it('that ran while it was read is told to contradict itself', async () => {
    write('running.tar', { ...record, consistency: 'running', standstill: undefined });
    expect((await run('inspect', 'running.tar')).stdout).toContain('parts of this can contradict each other');
  });

  it('that stood before is told to have been left so', async () => {
    write('before.tar', { ...record, standstill: { ...record.standstill, before: true } });
    expect((await run('inspect', 'before.tar')).stdout).toContain('already before; it was left so');
  });
});

describe('a record that is hostile', () => {
  it.each([
    ['no JSON', '{', 'is not JSON'],
    ['of a later version', { version: 2 }, 'is of version 2'],
  ])('%s: a warning, and the rest is told', async (_what, content, message) => {
    write('bad.tar', content);
    const { code, stdout, stderr } = await run('inspect', 'bad.tar');
    expect(code).toBe(3);
    expect(stderr).toContain(message);
    expect(stdout).toContain('PROCESSES');
  });

  it('with more unreadable memory than any honest one', async () => {
    const range = { pid: 7, start: '0x1000', pages: 1 };
    write('many.tar', { ...record, unreadable: Array(10_001).fill(range) });
    const { code, stdout, stderr } = await run('memory', 'many.tar');
    expect(code).toBe(3);
    expect(stderr).toContain('10001 ranges');
    expect(stdout).toContain('and 9980 ranges more');
  });

  it('text goes escaped to the terminal, and impossible times are left out', async () => {
    const hidden = [{ topic: 'sockets', text: 'a\u001b[2Jb' }];
    const standstill = { from: '9'.repeat(20), until: '1', before: false };
    const processes = [{ node_pid: 1, pid: 1, started: '\u001b[31mnow' }];
    write('evil.tar', { ...record, hidden, standstill, processes, node: { hostname: '\u001b[1m' } });
    const { code, stdout } = await run('inspect', 'evil.tar');
    expect(code).toBe(0);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('for a time that was not recorded');
  });
});
