/** How a capture of our own was taken, for `inspect`, `show` and `list`: out of `exhibit-capture.json`. */
import type { CaptureRecord, RecordedStandstill } from '../archive/capture-record.ts';

export interface InspectedCapture
  extends Pick<
    CaptureRecord,
    'program' | 'restorable' | 'consistency' | 'all_pages' | 'node' | 'hidden' | 'unreadable' | 'companion'
  > {
  readonly standstill?: InspectedStandstill;
}

export interface InspectedStandstill {
  /** RFC 3339. */
  readonly from: string;
  readonly until: string;
  readonly seconds: number;
  /** It stood still already before the capture, and still did afterwards. */
  readonly before: boolean;
}

export function inspectCapture(record: CaptureRecord): InspectedCapture {
  const { program, restorable, consistency, all_pages, node, hidden, unreadable, companion } = record;
  const standstill = record.standstill && inspectStandstill(record.standstill);
  return {
    program,
    restorable,
    consistency,
    ...(standstill && { standstill }),
    all_pages,
    node,
    hidden,
    unreadable,
    ...(companion && { companion }),
  };
}

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** Numbers of at most 20 digits, as the record has them, are all times that JavaScript knows. */
function inspectStandstill(standstill: RecordedStandstill): InspectedStandstill | undefined {
  const [from, until] = [BigInt(standstill.from), BigInt(standstill.until)];
  if (until < from) return undefined;
  return {
    from: new Date(Number(from / NANOSECONDS_PER_MILLISECOND)).toISOString(),
    until: new Date(Number(until / NANOSECONDS_PER_MILLISECOND)).toISOString(),
    seconds: Number(until - from) / 1e9,
    before: standstill.before,
  };
}
