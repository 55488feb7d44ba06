import { expect, it } from 'vitest';
import type { Finding } from '../../capture/doctor/finding.ts';
import type { Io } from '../io.ts';
import { findingLines, summaryLine, undoLine } from './doctor.ts';

const criu: Finding = { id: 'criu', title: 'CRIU', status: 'ok', evidence: 'criu 4.2.1', cure: [] };
const tar: Finding = {
  id: 'tar',
  title: "the runtime's tar",
  status: 'failure',
  evidence: 'containerd finds /k3s/bin/tar: tar (busybox)\x1b[2J 1.36.1; captures fail',
  cure: ['mv /k3s/bin/tar /k3s/bin/tar.replaced && ln -s /usr/bin/tar /k3s/bin/tar'],
  fix: [{ kind: 'link', path: '/k3s/bin/tar', target: '/usr/bin/tar' }],
};
const unknown: Finding = { ...criu, status: 'unknown' };
const warning: Finding = { ...criu, status: 'warning' };

const io = (columns: number, color = false) => ({ columns, color }) as Io;

it('aligns findings, wraps what was seen, and leaves commands whole', () => {
  expect(findingLines([criu, tar], io(66))).toBe(`\
ok       CRIU               criu 4.2.1
failure  the runtime's tar  containerd finds /k3s/bin/tar: tar
                            (busybox)\\x1b[2J 1.36.1; captures fail
    mv /k3s/bin/tar /k3s/bin/tar.replaced && ln -s /usr/bin/tar /k3s/bin/tar
`);
});

it('colours the state on a terminal only', () => {
  expect(findingLines([tar], io(200, true))).toContain('\x1b[31mfailure\x1b[39m');
  expect(findingLines([tar], io(200))).not.toContain('\x1b');
});

it.each([
  [[criu], '1 ok: nothing keeps containers from being captured\n'],
  [
    [criu, unknown],
    '1 unknown, 1 ok: nothing seen that keeps containers from being captured, but not all could be seen\n',
  ],
  [[warning, warning], '2 warnings: captures of some containers fail, or harm the node\n'],
  [
    [tar, criu],
    '1 failure, 1 ok: captures fail until the failures are cured; "exhibit doctor --fix" can cure 1 of them\n',
  ],
])('sums up', (findings, line) => {
  expect(summaryLine(findings)).toBe(line);
});

it('sums up a cluster by what its user can do', () => {
  expect(summaryLine([warning], 'cluster')).toBe(
    '1 warning: this user can capture, but not in every way or not everywhere\n',
  );
  expect(summaryLine([tar], 'cluster')).toContain('fail until the failures are cured');
});

it('says that this is no node', () => {
  const unseen = ['kubelet', 'runtime'].map((id) => ({ ...unknown, id }));
  expect(summaryLine([...unseen, tar])).toContain('2 unknown: neither kubelet nor container runtime');
});

it('says what came of taking back', () => {
  const path = '/etc/criu/runc.conf';
  expect(undoLine({ path, outcome: 'restored' })).toBe(`restored  ${path}`);
  expect(undoLine({ path, outcome: 'unchanged' })).toBe(`as it was ${path}`);
  expect(undoLine({ path, outcome: 'gone' })).toContain('its folder is not there');
  expect(undoLine({ path, outcome: 'changed since', kept: '/k' })).toMatch(/^LEFT .* lies in \/k$/);
});
