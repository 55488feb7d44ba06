import { describe, expect, it } from 'vitest';
import type { PreflightReport } from '../preflight/preflight.ts';
import { whyWithoutCriu } from './live-choice.ts';

const clear: PreflightReport = {
  container: 'app',
  verdict: 'clear',
  processes: 1,
  memory: 1024 ** 3,
  obstacles: [],
  gaps: [],
};
const ring = {
  id: 'io-uring',
  certainty: 'refusal',
  what: 'it holds an io_uring',
  evidence: [],
  cure: [],
} as const;

describe('whyWithoutCriu', () => {
  it('is silent where CRIU can', () => {
    expect(whyWithoutCriu(clear, undefined)).toBeUndefined();
    expect(whyWithoutCriu(clear, 60_000)).toBeUndefined();
    expect(
      whyWithoutCriu({ ...clear, obstacles: [{ ...ring, certainty: 'likely' }] }, undefined),
    ).toBeUndefined();
  });

  it('names what CRIU refuses, and a freeze that would be too long', () => {
    expect(whyWithoutCriu({ ...clear, obstacles: [ring] }, undefined)).toBe(
      'a checkpoint by CRIU would fail: it holds an io_uring',
    );
    expect(whyWithoutCriu(clear, 2000)).toBe(
      'CRIU would let it stand still for about 8.5 s, and --max-freeze allows 2.0 s',
    );
    expect(whyWithoutCriu({ ...clear, verdict: 'unknown' }, 2000)).toMatch(/not seen from here/);
    expect(whyWithoutCriu({ ...clear, verdict: 'unknown' }, undefined)).toBeUndefined();
  });
});
