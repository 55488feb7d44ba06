import { afterAll, beforeAll } from 'vitest';
import { type NodeOptions, startNode, type TestNode } from '../../../testbed/node.ts';
import { printProgress } from '../../../testbed/progress.ts';

/** One node for all tests of a file; to be asked for within tests and hooks. */
export function useNode(options: NodeOptions = {}): () => TestNode {
  let node: TestNode | undefined;
  beforeAll(async () => {
    node = await startNode({ progress: printProgress(), ...options });
  });
  afterAll(() => node?.stop());
  return () => {
    if (!node) throw new Error('the node is there in tests and hooks only');
    return node;
  };
}
