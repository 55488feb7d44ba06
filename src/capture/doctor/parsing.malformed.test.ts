import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fakeProbe, processFiles, says } from '../testing/fake-probe.ts';
import { examineNode } from './examination.ts';
import { isAtLeast, parseVersion } from './version.ts';

it.each([
  ['Kubernetes v1.36.3', [1, 36, 3]],
  ['containerd github.com/containerd/containerd/v2 2.1.9+unknown ', [2, 1, 9]],
  ['Version: 3.17', [3, 17, 0]],
  ['runc version 1.3.6+ds1\ncommit: 1.3.7', [1, 3, 6]],
  ['1.2.3.4', [1, 2, 3]],
])('reads the version in %j', (text, version) => {
  expect(parseVersion(text)).toEqual(version);
});

it.each(['', 'v', '7', '1.', '9999999999.1', 'go1'])('finds no version in %j', (text) => {
  expect(parseVersion(text)).toBeUndefined();
});

it('orders versions as numbers do', () => {
  const number = fc.nat(9);
  const version = fc.tuple(number, number, number);
  fc.assert(
    fc.property(version, version, (a, b) => {
      const value = ([major, minor, patch]: readonly number[]) =>
        (major ?? 0) * 100 + (minor ?? 0) * 10 + (patch ?? 0);
      expect(isAtLeast(a, b)).toBe(value(a) >= value(b));
    }),
  );
});

it('says something of a node whose files and programs say anything', async () => {
  const text = fc.string({ maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(text, text, text, text, async (environment, argument, file, said) => {
      const files = {
        ...processFiles(7, 'containerd', [argument], environment),
        ...processFiles(8, 'kubelet', ['--config', argument]),
        '/proc/9/cgroup': file,
        '/etc/os-release': file,
        '/etc/criu/runc.conf': file,
        [argument]: file,
      };
      const answer = says(said, 1);
      const programs = {
        '/proc/7/exe --version': answer,
        '/proc/8/exe --version': answer,
        '/usr/bin/criu --version': answer,
        '/usr/bin/criu check': answer,
      };
      const findings = await examineNode(fakeProbe({ files, programs }));
      expect(findings.length).toBeGreaterThan(5);
      for (const { cure } of findings) for (const line of cure) expect(line).not.toContain('\n');
    }),
  );
});
