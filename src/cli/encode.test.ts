import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { runProgram } from '../../test/support/run-program.ts';
import { imageKinds } from '../criu/image-kinds.ts';

const ARCHIVE = 'fixtures/containerd-compromised/checkpoint.tar';
const JSON_FILE = 'fixtures/containerd-compromised/oracle/crit/pstree.img.json';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-encode-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('exhibit encode', () => {
  it('writes the image that decode reads, for its owner only', async () => {
    const image = join(folder, 'pstree.img');
    expect(await runProgram(['encode', JSON_FILE, '-o', image])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(statSync(image).mode & 0o777).toBe(0o600);
    expect((await runProgram(['decode', image])).stdout).toBe(readFileSync(JSON_FILE, 'utf8'));
  });

  it('reads standard input and writes standard output', async () => {
    const { stdout: json } = await runProgram(['decode', ARCHIVE, 'fs-1', '--pretty', '--json-lines']);
    const half = Math.floor(json.length / 2);
    const input = (async function* () {
      yield Buffer.from(json.slice(0, half));
      yield Buffer.from(json.slice(half));
    })();
    const { code, stdout } = await runProgram(['encode', '-o', '-'], { input });
    const { cwd_id, root_id, umask } = JSON.parse(json).entries[0];
    const message = { cwd_id: Number(cwd_id), root_id: Number(root_id), umask };
    expect([code, stdout]).toEqual([0, Buffer.from(forgeImage(imageKinds.fs, [{ message }])).toString()]);
  });

  it('says where the JSON is wrong and writes nothing', async () => {
    const file = join(folder, 'wrong.json');
    writeFileSync(file, '{"magic": "FS", "entries": [\n{"cwd_id": -1}]}');
    const image = join(folder, 'wrong.img');
    const { code, stderr } = await runProgram(['encode', file, '-o', image]);
    expect([code, stderr]).toEqual([
      1,
      `exhibit: ${file}: entries[0].cwd_id must be from 0 to 4294967295, which is all that uint32 holds (line 2, column 12)\n`,
    ]);
    expect(() => statSync(image)).toThrow();
  });

  it('writes over nothing, and wants to know where to write', async () => {
    const image = join(folder, 'there.img');
    writeFileSync(image, 'evidence');
    const { code, stderr } = await runProgram(['encode', JSON_FILE, '-o', image]);
    expect([code, readFileSync(image, 'utf8')]).toEqual([1, 'evidence']);
    expect(stderr).toContain('is not written over');
    expect((await runProgram(['encode', JSON_FILE])).code).toBe(2);
    expect((await runProgram(['encode', join(folder, 'none'), '-o', '-'])).code).toBe(1);
  });

  it('cannot be made to send an escape sequence by a name in the JSON', async () => {
    const file = join(folder, 'escape.json');
    writeFileSync(file, '{"magic": "FS", "entries": [{"\\u001b]0;owned\\u0007": 1}]}');
    expect((await runProgram(['encode', file, '-o', '-'])).stderr).not.toMatch(/[^ -~\n]/);
  });
});
