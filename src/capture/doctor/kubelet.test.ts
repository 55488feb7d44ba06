import { describe, expect, it } from 'vitest';
import { fakeProbe, processFiles, says } from '../testing/fake-probe.ts';
import { examineNode } from './examination.ts';

interface Kubelet {
  readonly version: string;
  readonly name?: string;
  readonly argv?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
}

async function examine({ version, name = 'kubelet', argv = [], files = {} }: Kubelet) {
  const programs = { '/proc/7/exe --version': says(version) };
  const probe = fakeProbe({ programs, files: { ...processFiles(7, name, [name, ...argv]), ...files } });
  const findings = await examineNode(probe);
  return (id: string) => findings.find((finding) => finding.id === id);
}

const CONFIG = '--config=/etc/kubelet.yaml';

describe('the feature gate', () => {
  it.each([
    ['ok', 'v1.30.0', [], ''],
    ['failure', 'v1.29.14', [], ''],
    ['failure', 'v1.24.3', ['--feature-gates=ContainerCheckpoint=true'], ''],
    ['ok', 'v1.27.1', ['--feature-gates=A=false,ContainerCheckpoint=true'], ''],
    ['ok', 'v1.27.1', [CONFIG], 'featureGates:\n  ContainerCheckpoint: true\n'],
    ['ok', 'v1.27.1', ['--config', '/etc/kubelet.yaml'], '{"featureGates":{"ContainerCheckpoint":true}}'],
    ['failure', 'v1.27.1', [CONFIG], 'featureGates:\n  # ContainerCheckpoint: true\n'],
    ['failure', 'v1.34.0', [CONFIG], 'featureGates: {"ContainerCheckpoint": false}'],
    ['ok', 'v1.34.0', [CONFIG, '--feature-gates=ContainerCheckpoint=true'], 'ContainerCheckpoint: false'],
    ['ok', 'v1.34.0', [], 'ContainerCheckpoint: false, in a file that nobody named'],
  ] as const)('says %s for %s %j %j', async (status, version, argv, text) => {
    const found = await examine({
      version: `Kubernetes ${version}\n`,
      argv,
      files: { '/etc/kubelet.yaml': text },
    });
    expect(found('kubelet')).toMatchObject({ status });
  });

  it('is looked for in drop-ins, the last of which counts', async () => {
    const files = {
      '/etc/k.d/20-on.conf': 'ContainerCheckpoint: true',
      '/etc/k.d/10-off.conf': 'ContainerCheckpoint: false',
    };
    const found = await examine({ version: 'Kubernetes v1.34.0', argv: ['--config-dir=/etc/k.d'], files });
    expect(found('kubelet')).toMatchObject({ status: 'ok', evidence: expect.stringContaining('20-on.conf') });
  });

  it("is looked for in k3s' files", async () => {
    const files = {
      '/etc/rancher/k3s/config.yaml': 'kubelet-arg:\n- feature-gates=ContainerCheckpoint=false\n',
    };
    const version = 'k3s version v1.33.4+k3s1 (148243c4)\ngo version go1.24.5\n';
    const found = await examine({ version, name: 'k3s-server', argv: ['server'], files });
    expect(found('kubelet')).toMatchObject({
      status: 'failure',
      evidence:
        'k3s-server (process 7) 1.33.4: feature gate ContainerCheckpoint is off by /etc/rancher/k3s/config.yaml',
    });
  });

  it('is unknown without a kubelet, or its version', async () => {
    expect((await examine({ version: 'Kubernetes' }))('kubelet')).toMatchObject({ status: 'unknown' });
    expect((await examine({ version: '', name: 'other' }))('kubelet')).toMatchObject({ status: 'unknown' });
  });
});

describe('the hole by which anybody fills the disk', () => {
  const on = '--feature-gates=ContainerCheckpoint=true';
  it.each([
    ['failure', '1.29.13', [on]],
    ['failure', '1.28.15', [on]],
    ['failure', '1.30.9', []],
    ['failure', '1.31.5', []],
    ['failure', '1.32.1', ['--read-only-port', '10255', CONFIG]],
    ['ok', '1.32.1', [CONFIG]],
    ['ok', '1.32.1', ['--read-only-port=0']],
    ['ok', '1.29.14', [on]],
    ['ok', '1.30.10', []],
    ['ok', '1.31.6', []],
    ['ok', '1.32.2', []],
    ['ok', '1.33.0', []],
  ] as const)('says %s for %s %j', async (status, version, argv) => {
    const found = await examine({ version: `Kubernetes v${version}`, argv });
    expect(found('kubelet-disk-hole')).toMatchObject({ status });
  });

  it('is no matter where the gate is off', async () => {
    expect((await examine({ version: 'Kubernetes v1.29.1' }))('kubelet-disk-hole')).toBeUndefined();
  });
});
