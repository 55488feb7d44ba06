import { describe, expect, it } from 'vitest';
import type {
  InspectedFile,
  InspectedProcess,
  InspectedSocket,
  Inspection,
} from '../../export/inspection.ts';
import { overviewPage, selectionPage } from './inspection.ts';

const source = { entry: 'checkpoint/core-1.img', offset: 0, length: 1 };
const plain = { width: Number.POSITIVE_INFINITY, color: false };

const base: Inspection = {
  archive: 'web.tar',
  archive_size: 2048,
  compression: 'none',
  container_name: 'web',
  image: 'shop/web:1',
  id: 'abc',
  runtime: 'runc',
  created: '',
  engine: 'CRI-O',
  checkpoint_size: { total_size: 0, memory_pages_size: 0, root_fs_diff_size: 0 },
  notes: [],
};

const process = (pid: number, more: Partial<InspectedProcess> = {}): InspectedProcess => ({
  pid,
  command: `p${pid}`,
  cmdline: `/bin/p${pid}`,
  task_state: 'Alive',
  parent_pid: 0,
  process_group: 1,
  session: 1,
  thread_count: 1,
  source,
  ...more,
});

const overview = (more: Partial<Inspection>, options = plain): string =>
  overviewPage({ ...base, ...more }, options);

describe('the overview', () => {
  it.each([
    [
      { executable: { path: '/memfd:x (deleted)', deleted: true, memfd: true } },
      'runs from memory: /memfd:x (deleted)',
    ],
    [{ executable: { path: '/tmp/x', deleted: true, memfd: false } }, 'runs a deleted file: /tmp/x'],
    [{ working_directory: { path: '/tmp/y', deleted: true, memfd: false } }, 'in a deleted folder: /tmp/y'],
    [{ root: { path: '/jail', deleted: false, memfd: false } }, 'root: /jail'],
    [{ task_state: 'Dead', exit_code: 0x300 }, '(zombie, exit code 3)'],
    [{ task_state: 'Dead', exit_code: 9 }, '(zombie, killed by signal 9)'],
    [{ task_state: 'Stopped' }, '(stopped)'],
    [{ cmdline: '' }, 'p1 (no command line)'],
  ] as const)('marks what is odd of a process: %j', (more, mark) => {
    expect(overview({ process_tree: process(1, more) })).toContain(mark);
  });

  it('says nothing about executables that are where they belong', () => {
    const executable = { path: '/bin/p1', deleted: false, memfd: false };
    const known = process(1, { executable, executed_as: './p1' });
    expect(overview({ process_tree: known })).not.toMatch(/executable|started as/);
  });

  it('tells by which name a program was started that is not where it was', () => {
    const gone = { path: '/tmp/x (deleted)', deleted: true, memfd: false };
    const tell = (executed_as: string) =>
      overview({ process_tree: process(1, { executable: gone, executed_as }) });
    expect(tell('./x')).toContain('started as: ./x');
    expect(tell('/tmp/x')).not.toContain('started as');
  });

  it('colours what is odd, and only on demand', () => {
    const process_tree = process(1, { executable: { path: '/tmp/x', deleted: true, memfd: false } });
    expect(overview({ process_tree }, { ...plain, color: true })).toContain('\x1b[31m/tmp/x\x1b[39m');
    expect(overview({ process_tree })).not.toContain('\x1b');
  });

  it('tells a socket once, with all who hold it and what waits in it', () => {
    const socket: InspectedSocket = {
      protocol: 'TCP',
      data: {
        type: 'TCP',
        state: 'ESTABLISHED',
        src: '10.0.0.1',
        src_port: 4000,
        dst: '2001:db8::1',
        dst_port: 443,
      },
      fd: 0,
      family: 'ipv6',
      inode: 5,
      file_id: 9,
      unread_bytes: 12,
      unsent_bytes: 2048,
      send_buffer_size: 0,
      receive_buffer_size: 0,
    };
    const text = overview({
      process_tree: process(1, { children: [process(7)] }),
      sockets: [
        { pid: 1, open_sockets: [socket, { ...socket, fd: 1 }] },
        { pid: 7, open_sockets: [{ ...socket, fd: 3 }] },
      ],
    });
    expect(text).toContain('SOCKETS  1\n');
    expect(text).toMatch(
      /tcp6 +ESTABLISHED +\[10\.0\.0\.1\]:4000 +\[2001:db8::1\]:443 +12 B unread, 2\.0 KiB unsent +1 p1 fd 0 1, 7 p7 fd 3/,
    );
  });

  it('shows of open files only those that are gone or hold bytes', () => {
    const file = (fd: number, more: Partial<InspectedFile>): InspectedFile => ({
      type: 'REG',
      fd: `REG ${fd}`,
      path: `/f${fd}`,
      target: `/f${fd}`,
      number: fd,
      flags: '00',
      ...more,
    });
    const open_files = [
      file(0, {}),
      file(1, { deleted: true, target: '/f1 (deleted)' }),
      file(2, { unread_bytes: 5 }),
    ];
    const text = overview({ process_tree: process(1), file_descriptors: [{ pid: 1, open_files }] });
    expect(text).toContain('OPEN FILES  3 descriptors, 2 of note');
    expect(text).not.toContain('/f0');
    expect(text).toContain('/f1 (deleted)  read');
    expect(text).toContain('/f2  read, 5 B unread');
  });

  it('shows modes as ls does and says how much of a long list it left out', () => {
    const change = { kind: 'present', type: 'file', size: 1, uid: 0, gid: 0, modified: 0 } as const;
    const rootfs_changes = Array.from({ length: 12 }, (_, index) => ({
      ...change,
      path: `/f${index}`,
      mode: 0o4644,
    }));
    const text = overview({ rootfs_changes });
    expect(text).toContain('-rwSr--r--');
    expect(text).toContain('and 2 more: --rootfs');
  });

  it('tells notes that are no warnings', () => {
    const notes = [
      { severity: 'info', message: 'the log was cut' },
      { severity: 'warning', message: 'told on stderr' },
    ] as const;
    expect(overview({ notes })).toContain('NOTES\n  the log was cut\n');
    expect(overview({ notes })).not.toContain('told on stderr');
  });
});

describe('a selection', () => {
  const full = (more: Partial<Inspection>, part: 'processes' | 'maps'): string =>
    selectionPage({ ...base, ...more }, new Set([part]), plain);

  it('shows credentials, with capability sets that are equal told once', () => {
    const ids = { uid: 1000, euid: 0, suid: 0, fsuid: 0, gid: 5, egid: 5, sgid: 5, fsgid: 5, groups: [5, 6] };
    const capabilities = {
      effective: ['CAP_KILL'],
      permitted: ['CAP_KILL'],
      bounding: ['CAP_KILL', 'CAP_SYS_ADMIN'],
      inheritable: [],
      ambient: [],
    };
    const credentials = {
      ...ids,
      capabilities,
      secure_bits: 0,
      no_new_privileges: true,
      seccomp: 'filter',
      lsm_profile: 'web',
    };
    const text = full({ process_tree: process(1, { credentials }) }, 'processes');
    expect(text).toContain('ids: uid 1000 effective 0 saved 0 filesystem 0, gid 5, groups 5 6\n');
    expect(text).toContain('effective, permitted capabilities: kill\n');
    expect(text).toContain('bounding capabilities: kill sys_admin\n');
    expect(text).toContain('inheritable, ambient capabilities: none\n');
    expect(text).toContain('confinement: seccomp filter, no new privileges, profile web\n');
  });

  it('shows maps as /proc/PID/maps, with what of them is in the archive', () => {
    const region = {
      start: '0x400000',
      end: '0x401000',
      permissions: 'rwxp',
      file_offset: '0x1000',
      kind: 'file',
      name: '/bin/x',
      size: 4096,
      present_size: 4096,
      source,
    };
    const text = full({ process_tree: process(1, { memory_maps: [region] }) }, 'maps');
    expect(text).toMatch(/MEMORY {2}of 1 p1: 1 region, 4\.0 KiB in the archive/);
    expect(text).toMatch(/400000-401000 +rwxp +1000 +4\.0 KiB +4\.0 KiB +\/bin\/x/);
  });

  it('shows every environment string, also those that look like something else', () => {
    const text = full({ process_tree: process(1, { environment: ['A=\x1b[2J', 'no equals'] }) }, 'processes');
    expect(text).toContain('A=\\x1b[2J\n');
    expect(text).toContain('no equals\n');
  });
});
