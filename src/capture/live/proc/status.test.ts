import { describe, expect, it } from 'vitest';
import { containerNumber, parseStatus, pidNamespaceDepth, statusNumbers } from './status.ts';

const text = 'Name:\tsh\nUid:\t0\t1\t2\t3\nNSpid:\t4711\t7\n';

describe('parseStatus', () => {
  it('reads names, numbers and how the container counts', () => {
    const status = parseStatus(text);
    expect(status.get('Name')).toBe('sh');
    expect(statusNumbers(status, 'Uid')).toEqual([0, 1, 2, 3]);
    expect(containerNumber(status, 2)).toBe(7);
    expect(containerNumber(status, 3)).toBeUndefined();
    expect(pidNamespaceDepth({ files: { status: text } })).toBe(2);
    expect(pidNamespaceDepth(undefined)).toBe(1);
    expect(parseStatus(undefined).size).toBe(0);
  });
});
