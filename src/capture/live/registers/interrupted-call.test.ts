import { describe, expect, it } from 'vitest';
import { mendInterruptedCall } from './interrupted-call.ts';

function registers(rax: bigint, origRax: bigint, size = 216): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size < 216) return bytes;
  view.setBigInt64(80, rax, true);
  view.setBigInt64(120, origRax, true);
  return bytes;
}

describe('mendInterruptedCall', () => {
  it.each([
    ['epoll_wait that was cut short', registers(-4n, 232n), -514n],
    ['sigtimedwait that was cut short', registers(-4n, 128n), -514n],
    ['close, which is not to be called again', registers(-4n, 3n), undefined],
    ['epoll_wait that has found something', registers(1n, 232n), undefined],
    ['a call that the kernel goes on with by itself', registers(-512n, 0n), undefined],
    ['no call at all', registers(-4n, -1n), undefined],
    ['registers of 32-bit code', registers(0n, 0n, 68), undefined],
  ])('%s', (_, general, value) => {
    expect(mendInterruptedCall(general)?.value).toBe(value);
  });
});
