import type { ArchiveIndex } from '../../archive/archive-index.ts';
import type { AddressSpace } from '../../checkpoint/address-space.ts';
import { type ReadOptions, readMemory } from '../../checkpoint/scan/memory-read.ts';
import { type RegionWindow, RegionWindows, WINDOW_LENGTH } from './region-windows.ts';
import type { RuleEngine, RuleMatch } from './rule-engine.ts';

/** Bytes of windows under way at most. The engine has a copy of each, so they are most of the memory that rules take. */
const MAX_BYTES_UNDER_WAY = 2 * WINDOW_LENGTH;

/** A window, whose bytes are gone, and the rules that match it. */
export interface ScannedWindow extends Omit<RegionWindow, 'bytes'> {
  readonly found: readonly RuleMatch[];
}

/** Has the engine look at all memory of the address spaces, at several windows at once; what it found comes in their order. */
export async function* scanWindows(
  spaces: readonly AddressSpace[],
  archive: ArchiveIndex,
  engine: RuleEngine,
  options: ReadOptions,
): AsyncGenerator<ScannedWindow> {
  const windows = new RegionWindows();
  const underWay = new WindowsUnderWay(engine);
  for await (const block of readMemory(spaces, archive, options)) {
    for (const window of windows.add(block)) {
      underWay.begin(window);
      while (underWay.isFull) yield underWay.finishFirst();
    }
  }
  for (const window of windows.finish()) underWay.begin(window);
  while (underWay.count > 0) yield underWay.finishFirst();
}

class WindowsUnderWay {
  readonly #engine: RuleEngine;
  readonly #windows: { readonly length: number; readonly scanned: Promise<ScannedWindow> }[] = [];
  #bytes = 0;

  constructor(engine: RuleEngine) {
    this.#engine = engine;
  }

  get count(): number {
    return this.#windows.length;
  }

  /** Another one has to wait until the first is finished. */
  get isFull(): boolean {
    return this.#windows.length >= this.#engine.size || this.#bytes >= MAX_BYTES_UNDER_WAY;
  }

  begin({ bytes, ...window }: RegionWindow): void {
    const scanned = this.#engine.scan(bytes).then((found) => ({ ...window, found }));
    // Whoever waits for it meets the error; nobody may.
    scanned.catch(() => undefined);
    this.#windows.push({ length: bytes.length, scanned });
    this.#bytes += bytes.length;
  }

  async finishFirst(): Promise<ScannedWindow> {
    const [first] = this.#windows.splice(0, 1);
    if (first === undefined) throw new RangeError('no window is under way');
    const scanned = await first.scanned;
    this.#bytes -= first.length;
    return scanned;
  }
}
