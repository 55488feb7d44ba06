/** When a capture without CRIU is chosen before CRIU is asked: where CRIU is sure to refuse, or would take too long. */
import type { PreflightReport } from '../preflight/preflight.ts';

/** Bytes in a second while the container stands still, as measured on 1 GiB: CRIU through the kubelet 8.3 s, we 1.3 s. */
const CRIU_RATE = 1024 ** 3 / 8.3;
const OWN_RATE = 1024 ** 3 / 1.3;
/** What a small container stands still for. */
const CRIU_LEAST_SECONDS = 0.2;
const OWN_LEAST_SECONDS = 0.1;

/** Milliseconds that a container of so many bytes of memory stands still for. */
export const estimateCriuFreeze = (bytes: number): number => (CRIU_LEAST_SECONDS + bytes / CRIU_RATE) * 1000;
export const estimateOwnFreeze = (bytes: number): number => (OWN_LEAST_SECONDS + bytes / OWN_RATE) * 1000;

/** Why CRIU is not to be asked; undefined where nothing speaks against it. `maxFreeze` in milliseconds. */
export function whyWithoutCriu(report: PreflightReport, maxFreeze: number | undefined): string | undefined {
  const certain = report.obstacles.filter(({ certainty }) => certainty === 'refusal');
  if (certain.length > 0)
    return `a checkpoint by CRIU would fail: ${certain.map(({ what }) => what).join('; ')}`;
  if (maxFreeze === undefined) return undefined;
  if (report.verdict === 'unknown')
    return 'how much memory it has is not seen from here, and --max-freeze binds only a capture without CRIU';
  const expected = estimateCriuFreeze(report.memory);
  if (expected <= maxFreeze) return undefined;
  return `CRIU would let it stand still for about ${seconds(expected)}, and --max-freeze allows ${seconds(maxFreeze)}`;
}

export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
