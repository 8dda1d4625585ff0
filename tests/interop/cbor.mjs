// Strict CBOR of protocol.md, section 1: one value has one encoding, and everything else is refused.

export class Refused extends Error {}

export function refuse(why) {
  throw new Refused(why);
}

const MAX_LEVELS = 8;
const COSE_SIGN1 = 18;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const SIMPLE = new Map([[20, false], [21, true], [22, null]]);

export class Tagged {
  constructor(value) {
    this.value = value;
  }
}

/** Decodes exactly one value. Whole numbers become Number where it holds them exactly, BigInt beyond; maps become Map. */
export function decode(bytes, most, what) {
  if (bytes.length > most) refuse(`${what}: longer than ${most} bytes`);
  const cursor = { bytes: Buffer.from(bytes), at: 0, what };
  const value = item(cursor, 1);
  if (cursor.at !== cursor.bytes.length) refuse(`${what}: bytes after the value`);
  return value;
}

function take(cursor, count) {
  if (count > cursor.bytes.length - cursor.at) refuse(`${cursor.what}: ends too early`);
  cursor.at += count;
  return cursor.bytes.subarray(cursor.at - count, cursor.at);
}

function argument(cursor, short) {
  if (short < 24) return short;
  if (short > 27) refuse(`${cursor.what}: indefinite length or reserved form`);
  const size = 1 << (short - 24);
  const value = BigInt(`0x${take(cursor, size).toString("hex")}`);
  if (value < (size === 1 ? 24n : 1n << BigInt(4 * size))) refuse(`${cursor.what}: not the shortest form`);
  return plain(value);
}

function plain(value) {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function item(cursor, level) {
  if (level > MAX_LEVELS) refuse(`${cursor.what}: nested too deeply`);
  const [head] = take(cursor, 1);
  const major = head >> 5;
  if (major === 7) {
    if (!SIMPLE.has(head & 31)) refuse(`${cursor.what}: a float, undefined or unknown simple value`);
    return SIMPLE.get(head & 31);
  }
  const count = argument(cursor, head & 31);
  switch (major) {
    case 0:
      return count;
    case 1:
      return plain(-1n - BigInt(count));
    case 2:
      return take(cursor, count);
    case 3:
      return text(cursor, count);
    case 4:
      return list(cursor, count, level);
    case 5:
      return map(cursor, count, level);
    default:
      if (count !== COSE_SIGN1) refuse(`${cursor.what}: a tag that is not 18`);
      return new Tagged(item(cursor, level + 1));
  }
}

function text(cursor, count) {
  try {
    return UTF8.decode(take(cursor, count));
  } catch (error) {
    if (error instanceof Refused) throw error;
    return refuse(`${cursor.what}: text that is not UTF-8`);
  }
}

function list(cursor, count, level) {
  if (count > cursor.bytes.length) refuse(`${cursor.what}: ends too early`);
  const items = [];
  while (items.length < count) items.push(item(cursor, level + 1));
  return items;
}

function map(cursor, count, level) {
  const found = new Map();
  let before = Buffer.alloc(0);
  for (let left = count; left > 0; left--) {
    const from = cursor.at;
    const key = item(cursor, level + 1);
    const encoded = cursor.bytes.subarray(from, cursor.at);
    if (Buffer.compare(before, encoded) >= 0) refuse(`${cursor.what}: keys out of order or twice`);
    before = encoded;
    found.set(key, item(cursor, level + 1));
  }
  return found;
}

/** A head: major type and argument, shortest form. Enough to build what a signature covers. */
export function head(major, count) {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  for (const [short, size] of [[24, 1], [25, 2], [26, 4]]) {
    if (count < 2 ** (8 * size)) {
      const bytes = Buffer.alloc(1 + size);
      bytes[0] = (major << 5) | short;
      bytes.writeUIntBE(count, 1, size);
      return bytes;
    }
  }
  return refuse("longer than anything signed");
}

export const bstr = (bytes) => Buffer.concat([head(2, bytes.length), bytes]);
export const tstr = (words) => Buffer.concat([head(3, Buffer.byteLength(words)), Buffer.from(words)]);
