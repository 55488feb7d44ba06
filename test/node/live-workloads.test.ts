import { beforeAll, describe, expect, test } from 'vitest';
import type { CaptureReport } from '../../src/capture/capture.ts';
import { until } from '../../testbed/process.ts';
import * as pods from '../../testbed/workloads/pods.ts';
import { SERVERS, serverPod } from '../../testbed/workloads/servers.ts';
import { useNode } from './support/use-node.ts';

const node = useNode({ servers: true });

beforeAll(() => node().apply(pods.namespace(pods.SHOP)));

interface Answers {
  readonly answered: number;
  /** Of the requests after the first one that was answered: before, the server was not up. */
  readonly failed: readonly string[];
}

async function clientAnswers(name: string): Promise<Answers> {
  const lines = (await node().kubectl(['logs', '-n', pods.SHOP, name, '-c', 'client'])).split('\n');
  const first = lines.findIndex((line) => line.startsWith('answered'));
  const since = first < 0 ? [] : lines.slice(first);
  const answered = since.filter((line) => line.startsWith('answered')).length;
  return { answered, failed: since.filter((line) => line.startsWith('failed')) };
}

function answersBeyond(name: string, count: number): Promise<Answers> {
  return until(`${name} answers`, async () => {
    const answers = await clientAnswers(name).catch(() => undefined);
    return answers !== undefined && answers.answered > count ? answers : undefined;
  });
}

async function capture(name: string): Promise<CaptureReport> {
  const argv = ['capture', `${pods.SHOP}/${name}/server`, '--via', 'node', '--json'];
  const { code, stdout, stderr } = await node().exhibit(argv);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe.each(SERVERS)('$name', (server) => {
  test('is captured without CRIU, examined, and goes on without one failed request', async () => {
    await node().apply(serverPod(server));
    await answersBeyond(server.name, 5);
    const { live, archive, container_afterwards } = await capture(server.name);
    expect(container_afterwards.verdict).toBe('running');
    expect(live).toMatchObject({ consistency: 'frozen', gaps: [], unreadable_ranges: 0 });
    const { answered } = await clientAnswers(server.name);
    const { failed } = await answersBeyond(server.name, answered + 10);
    expect(failed).toEqual([]);
    const { code, stdout, stderr } = await node().exhibit(['inspect', '--all', '--json', archive.path]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(server.program);
    await node().remove(pods.SHOP, server.name);
  });
});
