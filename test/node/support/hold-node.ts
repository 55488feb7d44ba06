/** Starts a node, tells its id and keeps it until this program ends: to see what stays of it then. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startNode } from '../../../testbed/node.ts';

const node = await startNode();
console.log(node.id);
await sleep(600_000);
