/**
 * Servers as people run them, each in a pod of its own under a user of its own, and beside it a client that asks it again
 * and again. Their programs lie on the node (`servers` of parts.ts) and are mounted read-only.
 */
import { NODE_NAME } from '../credentials.ts';
import { WORKLOAD_IMAGE } from './image.ts';
import { SHOP } from './pods.ts';

export interface Server {
  readonly name: string;
  /** What its command line begins with. */
  readonly program: string;
  /** A shell script that becomes the server. */
  readonly script: string;
  /** Whom it runs as; the image's root otherwise. */
  readonly user?: number;
  /** A shell command that asks once, and fails where it is not answered within seconds. */
  readonly ask: string;
}

/** Longer than any container stood still while it was captured; a server that stands has not refused. */
const ASK_SECONDS = 20;
const askHttp = `curl -sS -f -o /dev/null --max-time ${ASK_SECONDS} http://127.0.0.1:8080/`;

/** Opens files for each request, so that libuv makes its io_uring. */
const NODE_SERVER = `
const { createServer } = require('node:http');
const { readFile } = require('node:fs/promises');
createServer(async (_, response) => response.end(await readFile('/etc/passwd'))).listen(8080);
`;

const NGINX = `
worker_processes 2; user www-data; daemon off; pid /tmp/nginx.pid; error_log /dev/stderr;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server { listen 8080; root /www; }
}
`;

const POSTGRES = '/usr/lib/postgresql/18/bin';

export const SERVERS: readonly Server[] = [
  {
    name: 'node',
    program: 'node',
    script: `cat >/tmp/server.js <<'END'\n${NODE_SERVER}END\nUV_USE_IO_URING=1 exec node /tmp/server.js`,
    user: 1000,
    ask: askHttp,
  },
  { name: 'php', program: 'php', script: 'exec php -S 0.0.0.0:8080 -t /www', user: 1001, ask: askHttp },
  {
    name: 'nginx',
    program: 'nginx: master process',
    script: `cat >/tmp/nginx.conf <<'END'\n${NGINX}END\nexec nginx -c /tmp/nginx.conf`,
    ask: askHttp,
  },
  {
    name: 'postgres',
    program: '/usr/lib/postgresql/18/bin/postgres',
    script: `${POSTGRES}/initdb -D /tmp/data -A trust >/dev/null; exec ${POSTGRES}/postgres -D /tmp/data -k /tmp`,
    user: 102,
    ask: `PGCONNECT_TIMEOUT=${ASK_SECONDS} ${POSTGRES}/psql -h 127.0.0.1 -U postgres -tAc 'select count(*) from pg_class' >/dev/null`,
  },
  {
    name: 'redis',
    program: 'redis-server',
    script: 'exec redis-server --dir /tmp --save "" --protected-mode no',
    user: 101,
    ask: `test "$(timeout ${ASK_SECONDS} redis-cli incr asked)" -gt 0`,
  },
  {
    name: 'java',
    program: 'java',
    script: 'exec java -Xmx64m -m jdk.httpserver -b 0.0.0.0 -p 8080 -d /www',
    user: 1002,
    ask: askHttp,
  },
  { name: 'go', program: 'go-server', script: 'exec go-server', user: 65532, ask: askHttp },
];

/** How often a client asks, with a pause of a twentieth of a second between: half a minute and more. */
const ASKS = 600;

/** The server in one container, its client in another. The client's log has a line `answered N` or `failed N` a time. */
export function serverPod({ name, script, user, ask }: Server) {
  const client = `i=0
while [ $i -lt ${ASKS} ]; do
  i=$((i + 1))
  if ${ask}; then echo "answered $i"; else echo "failed $i"; fi
  sleep 0.05
done
exec sleep infinity`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: SHOP, labels: { app: name } },
    spec: {
      nodeName: NODE_NAME,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      containers: [container('server', script, user), container('client', client)],
      volumes: FOLDERS.map(([volume, path]) => ({ name: volume, hostPath: { path } })),
    },
  };
}

/** Debian's programs are linked against /lib and /lib64, which are links into /usr there. */
const FOLDERS = [
  ['usr', '/srv/servers/usr', '/usr'],
  ['lib', '/srv/servers/usr/lib', '/lib'],
  ['lib64', '/srv/servers/usr/lib64', '/lib64'],
  ['alternatives', '/srv/servers/etc/alternatives', '/etc/alternatives'],
  ['java', '/srv/servers/etc/java-25-openjdk', '/etc/java-25-openjdk'],
  ['users', '/srv/servers/etc/passwd', '/etc/passwd'],
  ['groups', '/srv/servers/etc/group', '/etc/group'],
  ['nginx', '/srv/servers/etc/nginx', '/etc/nginx'],
] as const;

function container(name: string, script: string, user?: number) {
  return {
    name,
    command: ['sh', '-euc', script],
    image: WORKLOAD_IMAGE,
    imagePullPolicy: 'Never',
    env: [{ name: 'PATH', value: '/usr/local/bin:/usr/bin:/usr/sbin:/bin' }],
    volumeMounts: FOLDERS.map(([volume, , mountPath]) => ({ name: volume, mountPath, readOnly: true })),
    ...(user === undefined ? {} : { securityContext: { runAsUser: user, runAsGroup: user } }),
  };
}
