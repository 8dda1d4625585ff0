// What the messages say: protocol.md, sections 4, 6, 9 and 11.

import { X509Certificate } from "node:crypto";
import { decode, refuse } from "./cbor.mjs";
import { LIMITS, check, fromTheProvince, parse, sha256 } from "./cose.mjs";
import { Fields, whole } from "./fields.mjs";
import { SUITES, open } from "./sealing.mjs";

const KINDS = ["passage", "boot", "clock", "salvage", "event", "close"];
const FACT_MOST = 2n ** 63n - 1n;

// ── entries ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Steps 1 to 4 of section 10: an entry of the device whose key and name the topic gave, not opened yet. */
export function entry(envelope, deviceKey, { org, device }) {
  const parts = decode(check(parse(envelope, "entry"), deviceKey), LIMITS.entry, "entry");
  if (!Array.isArray(parts) || parts.length !== 2 || !parts.every(Buffer.isBuffer)) refuse("entry: not header and sealed body");
  const [headerBytes, sealed] = parts;
  const header = readHeader(headerBytes);
  if (header.org !== org || header.device !== device) refuse("entry: of another device than its topic");
  return { header, headerBytes, sealed, hash: sha256(envelope) };
}

function readHeader(bytes) {
  const fields = new Fields(decode(bytes, LIMITS.header, "header"), "header");
  if (fields.uint(1) !== 1) refuse("header: of another version: to be held");
  const header = {
    org: fields.name(2), device: fields.name(3), site: fields.text(4, 100), gate: fields.text(5, 100),
    log: fields.octets(6, 16), seq: fields.uint(7, 1), prev: fields.octets(8, 32), kind: fields.choice(9, KINDS), boot: fields.octets(10, 16),
    wallMs: fields.uint(11), boottimeMs: fields.uint(12), clock: fields.choice(13, ["synchronised", "rtc", "unknown"]),
    keyId: fields.text(14, 64), predecessor: undefined,
  };
  if (header.org === "province") refuse("header: a reserved name");
  if (fields.has(15)) {
    const three = new Fields(new Map(fields.list(15, 3).map((value, at) => [at, value])), "predecessor");
    header.predecessor = { log: three.octets(0, 16), seq: three.uint(1), hash: three.octets(2, 32) };
  }
  return header;
}

/** Step 6 of section 10: the body, as a Map of field numbers. `keys` gives suite and private key by key id. */
export async function body(found, keys) {
  const key = keys.get(found.header.keyId);
  if (key === undefined) refuse("entry: sealed to a key that is not here");
  const bytes = await open(found.sealed, found.headerBytes, key.suite, key.private);
  const fields = new Fields(decode(bytes, 2047, "body"), "body");
  if (found.header.kind === "passage") checkPassage(fields);
  else checkFacts(fields);
  return { bytes, fields: fields.map };
}

function checkPassage(fields) {
  const person = new Fields(fields.map.get(2), "person");
  for (const [key, most] of [[1, 20], [2, 40], [4, 200]]) person.text(key, most);
  for (const [key, most] of [[3, 40], [5, 20], [6, 10], [7, 30], [8, 40]]) person.optionalText(key, most);
  fields.choice(3, ["in", "out"]);
  fields.choice(4, ["lane", "button", "inferred"]);
  fields.choice(5, ["camera", "serial", "hid", "paper", "self"]);
  fields.optionalText(6, 100);
  fields.optionalText(8, 40);
  if (fields.has(7)) {
    const [latitude, longitude, ...more] = fields.list(7, 2);
    const within = (value, most) => Number.isInteger(value) && Math.abs(value) <= most;
    if (more.length || !within(latitude, 9e8) || !within(longitude, 18e8)) refuse("body: position");
  }
  if (fields.has(9) && !fields.list(9, 16).every((warning) => typeof warning === "string")) refuse("body: warnings");
}

function checkFacts(fields) {
  const facts = fields.need(1, (value) => value instanceof Map && value.size <= 32);
  for (const [key, value] of facts) {
    const right = typeof value === "string" || (whole(value) && value >= -FACT_MOST && value <= FACT_MOST);
    if (typeof key !== "string" || !right) refuse("body: facts");
  }
}

// ── receipts and keyrings ───────────────────────────────────────────────────────────────────────────────────────────────────────

export function receipt(message, root, { org, device }, times) {
  const { payload, signer } = fromTheProvince(message, "receipt", root, times);
  const fields = new Fields(decode(payload, LIMITS.receipt, "receipt"), "receipt");
  fields.exactly(1, 1);
  if (fields.name(2) !== org || fields.name(3) !== device) refuse("receipt: meant for another device");
  const ranges = fields.list(5, 400).map((item) => {
    const range = new Fields(item, "range");
    const first = range.uint(1, 1);
    if (range.has(6)) range.exactly(6, true);
    return {
      first, last: range.uint(2, first), lastHash: range.octets(3, 32), status: range.choice(4, ["registered", "held", "expired"]),
      reason: range.optionalText(5, 200), forked: range.has(6),
    };
  });
  const committedMs = fields.uint(6);
  if (committedMs > signer.until) refuse("receipt: dated after the end of its signer's certificate");
  return { log: fields.octets(4, 16), ranges, committedMs };
}

export function keyring(message, root, times) {
  const { payload, signer } = fromTheProvince(message, "keyring", root, times);
  const fields = new Fields(decode(payload, LIMITS.keyring, "keyring"), "keyring");
  fields.exactly(1, 1);
  const keys = new Map();
  const epochs = new Set();
  for (const item of fields.list(4, 100)) {
    const key = new Fields(item, "keyring key");
    const epoch = key.need(1, (value) => value === "undated" || isDay(value));
    const suite = key.choice(2, Object.keys(SUITES));
    const bytes = key.octets(3, SUITES[suite].publicBytes);
    if (epochs.has(epoch)) refuse("keyring: an epoch twice");
    epochs.add(epoch);
    keys.set(`${epoch}/${sha256(bytes).toString("hex").slice(0, 16)}`, { epoch, suite, public: bytes });
  }
  if (!epochs.has("undated")) refuse("keyring: no undated key");
  const issuedMs = fields.uint(3);
  if (issuedMs > signer.until) refuse("keyring: dated after the end of its signer's certificate");
  return { counter: fields.uint(2, 1), issuedMs, keys };
}

function isDay(value) {
  if (typeof value !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const day = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value);
}

// ── joining ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The signed message in a ticket's text. */
export function ticketBytes(text) {
  const letters = text.trim().toUpperCase();
  if (!/^GATE1:T:[A-Z2-7]+$/.test(letters)) refuse("ticket: not the text of one");
  const bits = [...letters.slice(8)].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/** What a ticket says, believed by nobody until the door has shown its officer. */
export function peekTicket(message) {
  return readTicket(parse(message, "ticket").payload);
}

export function ticket(message, officer) {
  return readTicket(check(parse(message, "ticket"), officer));
}

function readTicket(payload) {
  const fields = new Fields(decode(payload, LIMITS.ticket, "ticket"), "ticket");
  fields.exactly(1, 1);
  return {
    root: fields.octets(2, 32), host: fields.text(3, 253), port: fields.uint(4, 1, 65535), expiresMs: fields.uint(5),
    number: fields.has(6) ? fields.octets(6, 16) : undefined, serial: fields.optionalText(7, 64),
    key: fields.has(8) ? fields.octets(8, 10) : undefined,
  };
}

/** The door behind a greeting: its root and its tickets officer's key. `shown` is the TLS certificate of this connection, DER. */
export function door(greeting, rootHash, shown) {
  const fields = new Fields(decode(greeting, LIMITS.door, "greeting"), "greeting");
  const root = fields.octets(1, 32);
  if (!sha256(root).equals(rootHash)) refuse("greeting: of another province");
  const { payload, signer } = fromTheProvince(fields.octets(2, 1, LIMITS.door), "door", root);
  const said = new Fields(decode(payload, LIMITS.door, "door"), "door");
  said.exactly(1, 1);
  const key = sha256(new X509Certificate(shown).publicKey.export({ format: "der", type: "spki" }));
  if (!said.octets(2, 32).equals(key)) refuse("door: somebody stands between");
  return { root, officer: signer.key, key };
}

/** A joining message, signed by the key it names. The PKCS #10 request in it is left to an X.509 library. */
export function joining(message) {
  const parsed = parse(message, "joining");
  const fields = new Fields(decode(parsed.payload, LIMITS.joining, "joining"), "joining");
  fields.exactly(1, 1);
  const key = fields.octets(3, 32);
  check(parsed, key);
  return {
    key, wish: fields.choice(2, ["join", "renew"]), tlsRequest: fields.octets(4, 1, 4096), serial: fields.text(5, 64),
    door: fields.has(6) ? fields.octets(6, 32) : undefined, ticket: fields.has(7) ? fields.octets(7, 1, 600) : undefined,
    member: fields.optionalText(8, 81),
  };
}

/** The province's answer to this joining message. */
export function membership(message, root, request) {
  const { payload } = fromTheProvince(message, "membership", root);
  const fields = new Fields(decode(payload, LIMITS.membership, "membership"), "membership");
  fields.exactly(1, 1);
  if (!fields.octets(2, 32).equals(sha256(request))) refuse("membership: answers another request");
  const outcome = fields.choice(3, ["welcome", "wait", "refused"]);
  if (fields.has(5) !== (outcome === "welcome")) refuse("membership: a welcome and what it brings come together");
  if (outcome !== "welcome") return { outcome, reason: fields.optionalText(4, 300) };
  const given = new Fields(fields.map.get(5), "what the welcome brings");
  return {
    outcome, org: given.name(1), device: given.name(2), site: given.text(3, 100), gate: given.text(4, 100), host: given.text(5, 253),
    port: given.uint(6, 1, 65535), doorHost: given.text(7, 253), doorPort: given.uint(8, 1, 65535),
    certificate: given.octets(9, 1, 4096), authority: given.octets(10, 1, 4096), keyring: keyring(given.octets(11, 1, LIMITS.keyring), root),
  };
}
