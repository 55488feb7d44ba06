import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dumpLogErrors, explainDumpLog } from './dump-log.ts';

describe('explainDumpLog', () => {
  test.each([
    [
      'Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using --tcp-established option.',
      /"tcp-established"/,
    ],
    [
      'Error (criu/file-lock.c:110): Some file locks are hold by dumping tasks! You can try --file-locks',
      /"file-locks"/,
    ],
    [
      'Error (criu/sk-unix.c:880): unix: External socket is used. Consider using --ext-unix-sk',
      /"ext-unix-sk"/,
    ],
    ["Error (criu/sk-unix.c:881): unix: Can't dump half of stream unix connection.", /exhibit preflight/],
    ["Error (criu/tmpfs.c:60): Can't dump tmpfs content", /GNU tar/],
    ["tar: unrecognized option '--no-unquote'", /GNU tar/],
    [
      "Error (criu/files-reg.c:1022): Can't dump ghost file /x of 2097152 size, increase limit",
      /ghost-limit/,
    ],
    ['Error (criu/util.c:626): execvp("iptables-restore", ...) failed: No such file', /network-lock skip/],
    ['Error (compel/src/lib/ptrace.c:63): suspending seccomp failed: Invalid argument', /kernel/],
    ['Error (criu/vdso.c:600): vdso: Unexpected rt vDSO area bounds', /CRIU 4\.1 or later/],
    ["Error (criu/fsnotify.c:290): fsnotify: \tHandle 0x2a:0x1 Can't dump that handle", /irmap-scan-path/],
    ['Error (criu/proc_parse.c:500): Unknown shit 600 (anon_inode:[io_uring])', /RuntimeDefault/],
    ['pie: 1: Error (criu/pie/parasite.c:588): send_fds failed (-22)', /RuntimeDefault/],
    ["Error (criu/cr-dump.c:300): Can't get rlimit 0: Operation not permitted", /CAP_SYS_RESOURCE/],
    ['Error (compel/src/lib/infect.c:1000): POKEDATA failed: Input/output error', /cannot dump this process/],
    ["Error (criu/parasite-syscall.c:500): Can't infect (pid: 12) with parasite", /cannot dump this process/],
  ])('%s', (line, cure) => {
    const log = `(00.000001) Version: 4.2.1\n(00.1)  9: ${line}\n(00.2) Error (criu/cr-dump.c:2111): Dumping FAILED.\n`;
    const failures = explainDumpLog(log);
    expect(failures).toHaveLength(1);
    expect(failures[0]?.cure).toMatch(cure);
    expect(failures[0]?.line).toContain(line);
  });

  test('tells each cause once, in the order of the log', () => {
    const log = 'Some file locks are hold\nExternal socket is used\nSome file locks are hold\n';
    expect(explainDumpLog(log).map(({ line }) => line)).toEqual([
      'Some file locks are hold',
      'External socket is used',
    ]);
  });

  test('says nothing about a dump that went well', () => {
    expect(explainDumpLog('(00.1) Version: 4.2.1\n(00.2) Dumping finished successfully\n')).toEqual([]);
  });

  test('stays bounded whatever is in the log', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 2000 })), (lines) => {
        for (const { line } of explainDumpLog(lines.join('\n'))) expect(line.length).toBeLessThanOrEqual(301);
        expect(dumpLogErrors(lines.join('\n')).length).toBeLessThanOrEqual(3);
      }),
    );
  });
});

test("dumpLogErrors gives CRIU's own words", () => {
  expect(
    dumpLogErrors('(0) fine\n(1) Error (criu/a.c:1): first\n(2) Error (criu/b.c:2): second\n', 1),
  ).toEqual(['(1) Error (criu/a.c:1): first']);
});
