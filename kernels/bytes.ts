/*
 * Byte kernels in AssemblyScript (WebAssembly with SIMD). `npm run kernels` compiles them into src/bytes/kernel-code.ts.
 * Each has a plain twin in TypeScript, which its tests hold it against. They work on fixed rooms of their memory, which
 * src/bytes/kernels.ts fills and reads; the rooms lie far enough apart that reading a vector beyond one is harmless.
 */

/** Bytes that one call works on, at most. */
const BLOCK: usize = 128 * 1024;
/** The longest needle, and what a match that begins in the block may reach beyond it. */
const NEEDLE: usize = 64 * 1024;
/** Reading in vectors may go this far beyond the last byte. */
const PADDING: usize = 128;

const INPUT: usize = 1024;
const INPUT_END: usize = INPUT + BLOCK + NEEDLE + PADDING;
const PATTERN: usize = INPUT_END;
const OUTPUT: usize = PATTERN + NEEDLE + PADDING;

const ROW_BYTES: usize = 16;
/** Of a row of a hex dump with sixteen digits of address. */
const ROW_LENGTH: usize = 87;

export function inputOffset(): usize {
  return INPUT;
}

export function patternOffset(): usize {
  return PATTERN;
}

export function outputOffset(): usize {
  return OUTPUT;
}

/**
 * Writes every place below `length` at which the pattern stands in the input as u32 to the output, and returns how many.
 * Two of the pattern's bytes, `first` before `second`, are compared everywhere, the others only where those two stand.
 */
export function findAll(length: usize, patternLength: usize, first: usize, second: usize): i32 {
  const firstByte = i8x16.splat(load<i8>(PATTERN + first));
  const secondByte = i8x16.splat(load<i8>(PATTERN + second));
  const distance = second - first;
  let found: usize = OUTPUT;
  for (let at: usize = 0; at < length; at += 64) {
    const from = INPUT + first + at;
    const a = pairs(from, distance, firstByte, secondByte);
    const b = pairs(from + 16, distance, firstByte, secondByte);
    const c = pairs(from + 32, distance, firstByte, secondByte);
    const d = pairs(from + 48, distance, firstByte, secondByte);
    if (!v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)))) continue;
    let places =
      (i8x16.bitmask(a) as u64) |
      ((i8x16.bitmask(b) as u64) << 16) |
      ((i8x16.bitmask(c) as u64) << 32) |
      ((i8x16.bitmask(d) as u64) << 48);
    for (; places !== 0; places &= places - 1) {
      const place = at + (ctz(places) as usize);
      if (place >= length) break;
      if (!isPattern(INPUT + place, patternLength)) continue;
      store<u32>(found, place as u32);
      found += 4;
    }
  }
  return ((found - OUTPUT) >> 2) as i32;
}

function pairs(at: usize, distance: usize, firstByte: v128, secondByte: v128): v128 {
  return v128.and(i8x16.eq(v128.load(at), firstByte), i8x16.eq(v128.load(at + distance), secondByte));
}

function isPattern(at: usize, length: usize): bool {
  let index: usize = 0;
  for (; index + 8 <= length; index += 8)
    if (load<u64>(at + index) !== load<u64>(PATTERN + index)) return false;
  for (; index < length; index++) if (load<u8>(at + index) !== load<u8>(PATTERN + index)) return false;
  return true;
}

/*
 * The classes of bytes: the pattern holds two tables of sixteen masks, by the low and by the high half of a byte. What a
 * byte's two masks have in common says what it is. Behind them stand the bits of each of three kinds.
 */
const ONE_BYTE: usize = PATTERN + 32;
const LEAD: usize = PATTERN + 33;
const CONTINUATION: usize = PATTERN + 34;

/** Of the byte before the next 64, whether it is of each kind: 1 or 0. */
let lastOneByte: u64 = 0;
let lastLead: u64 = 0;
let lastContinuation: u64 = 0;

/**
 * Writes the runs of at least `minimum` bytes in the input as pairs of u32 (start, end) to the output, and returns how many.
 * A run is of bytes that have any mask; or, with `isLinked`, of bytes that can follow the one before in UTF-8: a
 * continuation behind a lead or another one, everything else behind what ends a character or may end it.
 */
export function findRuns(length: usize, minimum: u32, isLinked: bool): i32 {
  lastOneByte = lastLead = lastContinuation = 0;
  let found: usize = OUTPUT;
  /** Bytes of the run directly before `at`. */
  let open: u32 = 0;
  for (let at: usize = 0; at < length; at += 64) {
    let places = isLinked ? linked64(INPUT + at) : of64(INPUT + at, i8x16.splat(-1));
    if (length - at < 64) places &= ((<u64>1) << ((length - at) as u64)) - 1;
    if (places === u64.MAX_VALUE) {
      open += 64;
      continue;
    }
    const lead = ctz(~places) as u32;
    if (open + lead >= minimum) found = writeRun(found, (at as u32) - open, (at as u32) + lead);
    if (hasRun(places, minimum)) {
      let rest = (places >> lead) << lead;
      while (rest !== 0) {
        const start = ctz(rest) as u32;
        const end = start + (ctz(~(rest >> start)) as u32);
        if (end >= 64) break;
        if (end - start >= minimum) found = writeRun(found, (at as u32) + start, (at as u32) + end);
        rest = (rest >> end) << end;
      }
    }
    open = clz(~places) as u32;
  }
  if (open >= minimum) found = writeRun(found, (length as u32) - open, length as u32);
  return ((found - OUTPUT) >> 3) as i32;
}

/** Of 64 bytes, which can follow the one before. */
function linked64(at: usize): u64 {
  const oneByte = of64(at, v128.load8_splat(ONE_BYTE));
  const lead = of64(at, v128.load8_splat(LEAD));
  const continuation = of64(at, v128.load8_splat(CONTINUATION));
  const behindOneByte = (oneByte << 1) | lastOneByte;
  const behindLead = (lead << 1) | lastLead;
  const behindContinuation = (continuation << 1) | lastContinuation;
  lastOneByte = oneByte >> 63;
  lastLead = lead >> 63;
  lastContinuation = continuation >> 63;
  return (
    ((oneByte | lead) & (behindOneByte | behindContinuation)) |
    (continuation & (behindLead | behindContinuation))
  );
}

/** Of 64 bytes, which have one of the bits in their masks. */
function of64(at: usize, bits: v128): u64 {
  return (
    (of16(v128.load(at), bits) as u64) |
    ((of16(v128.load(at, 16), bits) as u64) << 16) |
    ((of16(v128.load(at, 32), bits) as u64) << 32) |
    ((of16(v128.load(at, 48), bits) as u64) << 48)
  );
}

function of16(bytes: v128, bits: v128): u32 {
  const low = i8x16.swizzle(v128.load(PATTERN), v128.and(bytes, i8x16.splat(15)));
  const high = i8x16.swizzle(v128.load(PATTERN + 16), i8x16.shr_u(bytes, 4));
  const masks = v128.and(v128.and(low, high), bits);
  return (i8x16.bitmask(i8x16.eq(masks, i8x16.splat(0))) ^ 0xffff) as u32;
}

/** Whether so many bits that follow each other are set: each step doubles how many are known to be. */
function hasRun(places: u64, minimum: u32): bool {
  if (minimum > 64) return false;
  let rest = places;
  for (let known: u32 = 1; known < minimum; ) {
    const step = min(known, minimum - known);
    rest &= rest >> step;
    known += step;
  }
  return rest !== 0;
}

function writeRun(to: usize, start: u32, end: u32): usize {
  store<u32>(to, start);
  store<u32>(to + 4, end);
  return to + 8;
}

/** Bytes of a table of how often each byte is there, in u32. */
const TABLE: usize = 256 * 4;

/**
 * Writes how often each of the 256 values is in the input to the output, in u32. Equal neighbours are counted in different
 * tables: in one, each would wait for the one before.
 */
export function countBytes(length: usize): void {
  memory.fill(OUTPUT, 0, 4 * TABLE);
  const whole = length & ~7;
  for (let at: usize = 0; at < whole; at += 8) {
    const word = load<u64>(INPUT + at);
    count(OUTPUT, word);
    count(OUTPUT + TABLE, word >> 8);
    count(OUTPUT + 2 * TABLE, word >> 16);
    count(OUTPUT + 3 * TABLE, word >> 24);
    count(OUTPUT, word >> 32);
    count(OUTPUT + TABLE, word >> 40);
    count(OUTPUT + 2 * TABLE, word >> 48);
    count(OUTPUT + 3 * TABLE, word >> 56);
  }
  for (let at = whole; at < length; at++) count(OUTPUT, load<u8>(INPUT + at) as u64);
  for (let at: usize = OUTPUT; at < OUTPUT + TABLE; at += 16) {
    const left = i32x4.add(v128.load(at), v128.load(at, TABLE));
    const right = i32x4.add(v128.load(at, 2 * TABLE), v128.load(at, 3 * TABLE));
    v128.store(at, i32x4.add(left, right));
  }
}

function count(table: usize, word: u64): void {
  const place = table + (((word as usize) & 0xff) << 2);
  store<u32>(place, load<u32>(place) + 1);
}

/** Writes `rows` full rows of a hex dump of the input, which lies at address `high`:`low`, to the output. */
export function writeHexRows(rows: i32, high: u32, low: u32): void {
  const digits = i8x16(48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102);
  const spaces = i8x16.splat(0x20);
  let from = INPUT;
  let to = OUTPUT;
  for (let row = 0; row < rows; row++) {
    const bytes = v128.load(from);
    const address = i32x4(bswap(high) as i32, bswap(low) as i32, 0, 0);
    v128.store(to, firstDigits(highDigits(address, digits), lowDigits(address, digits)));
    store<u16>(to + 16, 0x2020);
    const highs = highDigits(bytes, digits);
    const lows = lowDigits(bytes, digits);
    const left = firstDigits(highs, lows);
    const right = v128.shuffle<i8>(highs, lows, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    writeGroup(to + 18, left, spaces);
    writeGroup(to + 43, right, spaces);
    // Over the spaces that the group wrote behind its end.
    store<u8>(to + 68, 0x7c);
    const isPrintable = v128.and(i8x16.ge_s(bytes, spaces), i8x16.ne(bytes, i8x16.splat(0x7f)));
    v128.store(to + 69, v128.bitselect(bytes, i8x16.splat(0x2e), isPrintable));
    store<u16>(to + 85, 0x0a7c);
    from += ROW_BYTES;
    to += ROW_LENGTH;
    low += ROW_BYTES as u32;
    if (low < (ROW_BYTES as u32)) high++;
  }
}

function highDigits(bytes: v128, digits: v128): v128 {
  return i8x16.swizzle(digits, i8x16.shr_u(bytes, 4));
}

function lowDigits(bytes: v128, digits: v128): v128 {
  return i8x16.swizzle(digits, v128.and(bytes, i8x16.splat(15)));
}

/** The two digits of each of the first eight bytes. */
function firstDigits(highs: v128, lows: v128): v128 {
  return v128.shuffle<i8>(highs, lows, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Sixteen digits with a space behind each two, and more spaces behind that. */
function writeGroup(to: usize, digits: v128, spaces: v128): void {
  v128.store(to, v128.shuffle<i8>(digits, spaces, 0, 1, 16, 2, 3, 16, 4, 5, 16, 6, 7, 16, 8, 9, 16, 10));
  v128.store(
    to + 16,
    v128.shuffle<i8>(digits, spaces, 11, 16, 12, 13, 16, 14, 15, 16, 16, 16, 16, 16, 16, 16, 16, 16),
  );
}
