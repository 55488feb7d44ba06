import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openForged } from '../../../../test/support/checkpoint-forge.ts';
import { parseMappings } from '../proc/mappings.ts';
import { ipcNamespaceImages, unreadSegments } from '../tasks/ipc-namespace.ts';
import { parseObjects, readIpc, type SystemV } from './system-v.ts';

let proc: string;
beforeAll(() => {
  proc = mkdtempSync(join(tmpdir(), 'proc-'));
  for (const folder of ['sysvipc', 'sys/kernel']) mkdirSync(join(proc, folder), { recursive: true });
  const write = (file: string, text: string) => writeFileSync(join(proc, file), text);
  write('sys/kernel/sem', '32000\t1024000000\t500\t32000\n');
  write('sysvipc/shm', '       key      shmid perms       size\n -16777216          4  1600       8192\n');
  write('sysvipc/sem', '       key      semid perms      nsems\n         1          5   600          3\n');
  write(
    'sysvipc/msg',
    '       key      msqid perms     cbytes       qnum\n         2          6   644          9          2\n',
  );
});
afterAll(() => rmSync(proc, { recursive: true }));

const texts = ['five!', 'four'];
const system: SystemV = {
  values: (_, room) => new Uint16Array(room.buffer).set([7, 8, 9]) ?? 0,
  queue: (_, room) => new DataView(room.buffer, room.byteOffset).setBigUint64(88, 16384n, true) ?? 0,
  message(_, room, index) {
    const text = Buffer.from(texts[index] ?? '');
    new DataView(room.buffer, room.byteOffset).setBigUint64(0, BigInt(index + 1), true);
    room.set(text, 8);
    return text.length;
  },
};

const openImages = (seen: ReturnType<typeof readIpc>) => {
  const look = { ipc: new Map([[4026532290n, seen]]), hostNames: new Map(), gaps: [] };
  return openForged({
    images: Object.fromEntries(ipcNamespaceImages(look).map(({ name, bytes }) => [name, bytes])),
  });
};

describe('readIpc', () => {
  it('is written as images that show what the kernel told', async () => {
    const seen = readIpc(system, proc);
    expect(seen.gaps).toEqual([]);
    const [found] = await (await openImages(seen)).kernel.ipc();
    expect(found).toMatchObject({
      id: 4026532290,
      segments: [{ key: 0xff000000, id: 4, mode: 0o1600, size: 8192n }],
      semaphores: [{ key: 1, id: 5, values: [7, 8, 9] }],
      queues: [
        {
          key: 2,
          id: 6,
          capacity: 16384,
          messages: [
            { type: 1n, size: 5 },
            { type: 2n, size: 4 },
          ],
        },
      ],
    });
  });

  it('names a segment that no process has attached', () => {
    const look = { ipc: new Map([[1n, readIpc(system, proc)]]), hostNames: new Map(), gaps: [] };
    const line = (id: number) =>
      parseMappings(`7f00-7f01 rw-s 00000000 00:01 ${id}    /SYSVff000000 (deleted)\n`);
    expect(unreadSegments(look, [line(4)])).toEqual([]);
    expect(unreadSegments(look, [line(3)])).toEqual([expect.stringContaining('segment 4 of 8192 bytes')]);
  });

  it('tells what the kernel refuses, and goes on', async () => {
    const refusing: SystemV = { values: () => -1, queue: () => -1, message: () => -1 };
    const seen = readIpc(refusing, proc);
    expect(seen.gaps).toEqual([
      'the values of semaphore set 5 cannot be read',
      'of 2 messages in queue 6, 0 were read',
    ]);
    const [found] = await (await openImages(seen)).kernel.ipc();
    expect(found).toMatchObject({ semaphores: [{ values: [] }], queues: [{ messages: [] }] });
    expect(readIpc(refusing, '/nowhere')).toMatchObject({ segments: [], semaphores: [], queues: [] });
  });
});

it('takes tables of any text', () => {
  const line = fc.array(fc.oneof(fc.integer().map(String), fc.string())).map((words) => words.join(' '));
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      for (const object of parseObjects(lines.join('\n'))) {
        for (const value of object.values()) expect(value).toBeTypeOf('number');
      }
    }),
  );
});
