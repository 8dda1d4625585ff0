// Typed, bounded fields of a decoded map: protocol.md, section 1.

import { refuse } from "./cbor.mjs";

const MOST = 2n ** 63n - 1n;
const whole = (value) => Number.isInteger(value) || typeof value === "bigint";

export class Fields {
  constructor(map, what) {
    if (!(map instanceof Map) || ![...map.keys()].every((key) => whole(key) && key >= 0)) refuse(`${what}: not a map with number keys`);
    this.map = map;
    this.what = what;
  }

  has(key) {
    return this.map.has(key);
  }

  need(key, right) {
    const value = this.map.get(key);
    if (!right(value)) refuse(`${this.what}: field ${key}`);
    return value;
  }

  exactly(key, wanted) {
    return this.need(key, (value) => value === wanted);
  }

  uint(key, least = 0, most = MOST) {
    return this.need(key, (value) => whole(value) && value >= least && value <= most);
  }

  /** Text of 1 to `most` Unicode characters. */
  text(key, most) {
    return this.need(key, (value) => typeof value === "string" && value !== "" && [...value].length <= most);
  }

  optionalText(key, most) {
    return this.has(key) ? this.text(key, most) : undefined;
  }

  octets(key, least, most = least) {
    return this.need(key, (value) => Buffer.isBuffer(value) && value.length >= least && value.length <= most);
  }

  choice(key, words) {
    return this.need(key, (value) => words.includes(value));
  }

  list(key, most) {
    return this.need(key, (value) => Array.isArray(value) && value.length <= most);
  }

  name(key) {
    return this.need(key, (value) => typeof value === "string" && /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(value));
  }
}

export { whole };
