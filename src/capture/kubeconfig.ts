/**
 * A kubeconfig, read by Kubernetes' own client library: it knows exec plugins, OIDC and proxies. The library takes
 * 0.6 s to load, so it is loaded here only, when a kubeconfig is used.
 */
import { access } from 'node:fs/promises';
import type https from 'node:https';
import path from 'node:path';
import { ExhibitError } from '../bytes/exhibit-error.ts';
import { findNodeKubeconfig, type KubeletCredentials } from './credentials.ts';
import type { Endpoint } from './https-client.ts';

export interface KubeconfigOptions {
  /** `--kubeconfig`. */
  readonly kubeconfig?: string | undefined;
  /** `--context`. */
  readonly context?: string | undefined;
}

export interface ClusterAccess {
  /** The file, and the context in it, for the user. */
  readonly origin: string;
  /** The namespace of the context. */
  readonly namespace: string | undefined;
  /** The API server, as this user. */
  readonly api: Endpoint;
  /** The same user, for a kubelet, which trusts the same CA and tokens. */
  readonly credentials: KubeletCredentials;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The kubeconfig that kubectl would take (`--kubeconfig`, KUBECONFIG, ~/.kube/config), else a distribution's on this
 * node. Undefined when there is none; one that is named and cannot be used is `BAD_KUBECONFIG`.
 */
export async function openKubeconfig(
  options: KubeconfigOptions,
  environment: Environment,
): Promise<ClusterAccess | undefined> {
  const files = await kubeconfigFiles(options, environment);
  if (files.length > 0) return readKubeconfig(files, options.context);
  if (options.context === undefined) return undefined;
  throw new ExhibitError(
    'BAD_KUBECONFIG',
    `there is no kubeconfig to look for the context ${options.context} in`,
  );
}

async function kubeconfigFiles(
  options: KubeconfigOptions,
  environment: Environment,
): Promise<readonly string[]> {
  if (options.kubeconfig !== undefined) return [options.kubeconfig];
  const named = (environment.KUBECONFIG ?? '').split(path.delimiter).filter((file) => file !== '');
  if (named.length > 0) return named;
  const usual = path.join(environment.HOME ?? '/', '.kube', 'config');
  if (await isReadable(usual)) return [usual];
  const onNode = await findNodeKubeconfig();
  return onNode === undefined ? [] : [onNode];
}

async function isReadable(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function readKubeconfig(files: readonly string[], context: string | undefined): Promise<ClusterAccess> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const where = files.join(path.delimiter);
  try {
    for (const [index, file] of files.entries()) {
      const next = index === 0 ? config : new KubeConfig();
      next.loadFromFile(file);
      if (index > 0) config.mergeConfig(next, true);
    }
  } catch (error) {
    throw badKubeconfig(where, reasonOf(error));
  }
  if (context !== undefined) config.setCurrentContext(context);
  const current = config.getContextObject(config.getCurrentContext());
  const cluster = config.getCurrentCluster();
  if (current === null || cluster === null) {
    const names = config.getContexts().map(({ name }) => name);
    throw badKubeconfig(
      where,
      `it has no usable context "${config.getCurrentContext()}"; it has: ${names.join(', ')}`,
    );
  }
  const options: https.RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    throw badKubeconfig(where, reasonOf(error));
  }
  return clusterAccess(
    `${where}, context ${config.getCurrentContext()}`,
    current.namespace,
    cluster.server,
    options,
  );
}

function clusterAccess(
  origin: string,
  namespace: string | undefined,
  server: string,
  options: https.RequestOptions,
): ClusterAccess {
  if (!URL.canParse(server)) throw badKubeconfig(origin, `"${server}" is no address of an API server`);
  const authorization = (options.headers as Readonly<Record<string, unknown>> | undefined)?.Authorization;
  return {
    origin,
    namespace,
    api: {
      url: new URL(server),
      options,
      trustHelp: [
        "set the cluster's certificate-authority in the kubeconfig, or its insecure-skip-tls-verify",
      ],
    },
    credentials: {
      cert: textOf(options.cert),
      key: textOf(options.key),
      token: /^Bearer (\S+)$/.exec(String(authorization ?? ''))?.[1],
      ca: options.ca === undefined ? undefined : [textOf(options.ca) ?? ''],
      origin: `the user of ${origin}`,
    },
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : undefined;
}

function badKubeconfig(where: string, why: string): ExhibitError {
  return new ExhibitError('BAD_KUBECONFIG', `cannot use the kubeconfig ${where}: ${why}`);
}

/** The YAML parser quotes the lines around a fault, which may hold a token: only its first line is told. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'you may not read it';
  return (message ?? 'it cannot be read').split('\n')[0] ?? '';
}
