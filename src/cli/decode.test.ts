import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forgeImage } from '../../test/support/criu-forge.ts';
import { runProgram } from '../../test/support/run-program.ts';
import { imageKinds } from '../criu/image-kinds.ts';

const ARCHIVE = 'fixtures/containerd-compromised/checkpoint.tar';
const critSays = (image: string) =>
  readFileSync(`fixtures/containerd-compromised/oracle/crit/${image}.json`, 'utf8');

const task = { pid: 1, ppid: 0, pgid: 1, sid: 1, threads: [1] };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'exhibit-decode-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('exhibit decode', () => {
  it.each(['pstree.img', 'pstree', 'checkpoint/pstree.img', './checkpoint/pstree'])(
    'prints %s as crit does',
    async (name) => {
      expect(await runProgram(['decode', ARCHIVE, name])).toEqual({
        code: 0,
        stdout: critSays('pstree.img'),
        stderr: '',
      });
    },
  );

  it('reads a packed archive', async () => {
    const { code, stdout } = await runProgram([
      'decode',
      'fixtures/podman-web/checkpoint.tar.zst',
      'stats-dump',
    ]);
    expect([code, JSON.parse(stdout).magic]).toEqual([0, 'STATS']);
  });

  it('prints a single image file, and with --pretty shows words', async () => {
    const image = file('mm.img', forgeImage(imageKinds.fs, [{ message: { cwd_id: 3, root_id: 4 } }]));
    const { code, stdout } = await runProgram(['decode', image, '--pretty']);
    expect(code).toBe(0);
    expect(stdout).toBe(`{
    "magic": "FS",
    "entries": [
        {
            "cwd_id": 3,
            "root_id": 4
        }
    ]
}
`);
    const refused = await runProgram(['decode', image, 'pstree']);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is an image, not an archive'),
    });
  });

  it('prints all images as JSON Lines, raw ones by what they hold', async () => {
    const { code, stdout } = await runProgram(['decode', ARCHIVE]);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(code).toBe(0);
    expect(lines.find((line) => line.image === 'checkpoint/pstree.img')).toMatchObject({ magic: 'PSTREE' });
    expect(lines.find((line) => line.image === 'checkpoint/pages-1.img')).toMatchObject({ raw: 'PAGES' });
    expect(lines.find((line) => line.image === 'stats-dump')).toMatchObject({ magic: 'STATS' });
  });

  it('prints one line for a chosen image with --json-lines', async () => {
    const { stdout } = await runProgram(['decode', ARCHIVE, 'pstree', '--json-lines']);
    expect(stdout).toMatch(/^\{"image": "checkpoint\/pstree.img", "magic": "PSTREE", .*\n$/);
  });

  it('names near images for one that is not there', async () => {
    const { code, stdout, stderr } = await runProgram(['decode', ARCHIVE, 'core-99']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('holds no image core-99. Near it are:\n');
    expect(stderr).toContain('  checkpoint/core-1.img\n');
    expect(stderr).not.toContain('pstree');
  });

  it('says what a raw image holds and which command reads it', async () => {
    const { code, stderr } = await runProgram(['decode', ARCHIVE, 'pages-1']);
    expect(code).toBe(1);
    expect(stderr).toContain('memory pages');
    expect(stderr).toContain('exhibit memparse');
  });

  it('prints network dumps and firewall rules in a form of its own', async () => {
    const copy = (name: string): string => {
      const path = join(folder, name.replace('.img', '-9.img'));
      copyFileSync(`src/criu/golden/netlink/${name}`, path);
      return path;
    };
    const rules = await runProgram(['decode', copy('rule.img'), '--pretty']);
    expect([rules.code, rules.stderr]).toEqual([0, '']);
    expect(JSON.parse(rules.stdout)).toMatchObject({
      raw: 'RULE',
      size: 532,
      entries: expect.arrayContaining([expect.objectContaining({ priority: 99, action: 'prohibit' })]),
    });
    const firewall = await runProgram(['decode', copy('iptables.img'), '--json-lines']);
    expect(firewall.stdout.trimEnd()).not.toContain('\n');
    expect(JSON.parse(firewall.stdout)).toMatchObject({
      image: join(folder, 'iptables-9.img'),
      raw: 'IPTABLES',
      lines: expect.arrayContaining(['-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT']),
    });
    const damaged = file('route-9.img', readFileSync('src/criu/golden/netlink/route.img').subarray(0, 100));
    const cut = await runProgram(['decode', damaged]);
    expect(cut.code).toBe(3);
    expect(JSON.parse(cut.stdout).entries).toHaveLength(1);
    expect(cut.stderr).toContain('inside the header of a netlink message');
  });

  it('prints what a damaged image has, warns, and ends with 3', async () => {
    const whole = forgeImage(imageKinds.pstree, [{ message: task }, { message: task }]);
    const { code, stdout, stderr } = await runProgram(['decode', file('pstree.img', whole.subarray(0, -2))]);
    expect(code).toBe(3);
    expect(JSON.parse(stdout).entries).toEqual([task]);
    expect(stderr).toMatch(/warning: .*promises an entry of/);
  });

  it.each([
    ['text', 'hello, this is no image'],
    ['nothing', ''],
  ])('refuses a file that is %s', async (_what, content) => {
    const { code, stdout, stderr } = await runProgram(['decode', file('x', content)]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('not a checkpoint archive');
    expect(stderr).toContain(join(folder, 'x'));
  });

  it('cannot be made to send an escape sequence', async () => {
    const image = forgeImage(imageKinds.utsns, [
      { message: { nodename: '\x1b]0;owned\x07\u202e', domainname: '' } },
    ]);
    const { stdout } = await runProgram(['decode', file('utsns-1.img', image)]);
    expect(stdout).not.toMatch(/[^ -~\n]/);
    expect(JSON.parse(stdout).entries[0].nodename).toBe('\x1b]0;owned\x07\u202e');
  });
});
