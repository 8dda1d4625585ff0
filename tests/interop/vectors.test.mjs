// The second reader reads the committed vectors, and refuses them changed in every way that section 10 names.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Refused, bstr, decode, head, refuse } from "./cbor.mjs";
import { certificate, parse, sha256 } from "./cose.mjs";
import { body, door, entry, joining, keyring, membership, peekTicket, receipt, ticket, ticketBytes } from "./messages.mjs";

const load = (name) => JSON.parse(readFileSync(new URL(`../edge_agent/${name}`, import.meta.url), "utf8"));
const hex = (text) => Buffer.from(text, "hex");
const VECTORS = load("vectors.json");
const JOINING = load("joining_vectors.json");
const publicOf = (name) => hex(VECTORS.signing_keys[name].public);
const ROOT = publicOf("root");
const DEVICE = publicOf("device");
const NAME = VECTORS.receipt.fields.name;
const KEYS = new Map(VECTORS.sealing_keys.map((key) => [key.key_id, { suite: key.suite, private: hex(key.private) }]));
const RECEIPT = hex(VECTORS.receipt.message);
const KEYRING = hex(VECTORS.keyring.message);
const PASSAGE = hex(VECTORS.entries[1].envelope);

const refused = (action) => assert.throws(action, Refused);

function flipped(bytes, at) {
  const changed = Buffer.from(bytes);
  changed[(at + bytes.length) % bytes.length] ^= 1;
  return changed;
}

/** The same four parts again, one of them exchanged. */
function rebuilt(message, change) {
  const { protectedBytes, cert, payload, signature } = parse(message, change.name);
  const parts = { protectedBytes, payload, signature, unprotected: cert ? Buffer.concat([hex("a16463657274"), bstr(cert)]) : hex("a0"), ...change };
  return Buffer.concat([hex("d2"), head(4, 4), bstr(parts.protectedBytes), parts.unprotected, bstr(parts.payload), bstr(parts.signature)]);
}

test("every entry is verified, opened and follows the one before", async () => {
  let before = Buffer.alloc(32);
  for (const [at, vector] of VECTORS.entries.entries()) {
    const found = entry(hex(vector.envelope), DEVICE, NAME);
    assert.equal(found.hash.toString("hex"), vector.hash);
    assert.equal(found.headerBytes.toString("hex"), vector.header_bytes);
    assert.deepEqual([found.header.seq, found.header.prev, found.header.kind], [at + 1, before, vector.header.kind]);
    assert.equal(found.header.predecessor !== undefined, at === 0);
    const opened = await body(found, KEYS);
    assert.equal(opened.bytes.toString("hex"), vector.body_bytes);
    if (vector.body.person) assert.equal(opened.fields.get(2).get(4), vector.body.person.name);
    before = found.hash;
  }
});

test("the keyring names the keys that open the entries", () => {
  const ring = keyring(KEYRING, ROOT);
  assert.deepEqual([ring.counter, [...ring.keys.keys()]], [7, [...KEYS.keys()]]);
});

test("the receipt pins the entries it names", () => {
  const found = receipt(RECEIPT, ROOT, NAME);
  assert.deepEqual(found.ranges.map((range) => [range.first, range.last, range.status, range.forked]), [
    [1, 1, "held", false], [2, 3, "registered", false], [4, 4, "expired", true],
  ]);
  for (const range of found.ranges) assert.equal(range.lastHash.toString("hex"), VECTORS.entries[range.last - 1].hash);
});

test("a certificate gives one key one power", () => {
  const found = certificate(hex(VECTORS.certificate.message), ROOT);
  assert.deepEqual([found.power, found.key], ["receipts", publicOf("receipts")]);
  refused(() => certificate(hex(VECTORS.certificate.message), DEVICE));
});

test("joining: ticket, greeting, request and answers", () => {
  const message = ticketBytes(JOINING.ticket_text.toLowerCase());
  const shown = hex(JOINING.random.door_certificate);
  const greeted = door(hex(JOINING.greeting), peekTicket(message).root, shown);
  assert.deepEqual(greeted.root, ROOT);
  assert.equal(greeted.officer.toString("hex"), JOINING.tickets_officer);
  assert.equal(ticket(message, greeted.officer).number.length, 16);
  const request = hex(JOINING.request);
  const asked = joining(request);
  assert.deepEqual([asked.key, asked.door, asked.ticket, asked.wish], [DEVICE, greeted.key, message, "join"]);
  const welcome = membership(hex(JOINING.welcome), ROOT, request);
  assert.deepEqual([welcome.outcome, welcome.keyring.counter], ["welcome", 7]);
  assert.equal(membership(hex(JOINING.wait), ROOT, request).outcome, "wait");
  refused(() => membership(hex(JOINING.welcome), ROOT, flipped(request, -1)));
  refused(() => door(hex(JOINING.greeting), sha256(DEVICE), shown));
  refused(() => ticket(message, ROOT));
  refused(() => joining(flipped(request, -1)));
});

test("no byte of a message can be changed, cut off or added", () => {
  const readers = [
    [PASSAGE, (bytes) => entry(bytes, DEVICE, NAME)],
    [RECEIPT, (bytes) => receipt(bytes, ROOT, NAME)],
    [hex(VECTORS.certificate.message), (bytes) => certificate(bytes, ROOT)],
  ];
  for (const [message, read] of readers) {
    read(message);
    for (let at = 0; at < message.length; at++) refused(() => read(flipped(message, at)));
    for (let size = 0; size < message.length; size += 7) refused(() => read(message.subarray(0, size)));
    refused(() => read(Buffer.concat([message, Buffer.alloc(1)])));
  }
});

test("a signature holds for its own kind, device, key and header alone", async () => {
  refused(() => entry(PASSAGE, publicOf("receipts"), NAME));
  refused(() => entry(PASSAGE, DEVICE, { ...NAME, device: "scanner-2" }));
  refused(() => entry(PASSAGE, DEVICE, { ...NAME, org: "market" }));
  refused(() => receipt(RECEIPT, ROOT, { ...NAME, device: "scanner-2" }));
  refused(() => keyring(RECEIPT, ROOT));
  refused(() => receipt(rebuilt(RECEIPT, { name: "receipt", unprotected: hex("a0") }), ROOT, NAME));
  refused(() => entry(rebuilt(PASSAGE, { name: "entry", unprotected: hex("a16463657274420102") }), DEVICE, NAME));
  refused(() => entry(rebuilt(PASSAGE, { name: "entry", signature: Buffer.alloc(64) }), DEVICE, NAME));
  refused(() => entry(rebuilt(PASSAGE, { name: "entry", signature: Buffer.alloc(0) }), DEVICE, NAME));
  const [first, second] = VECTORS.entries.slice(1, 3).map((vector) => entry(hex(vector.envelope), DEVICE, NAME));
  await assert.rejects(body({ ...second, sealed: first.sealed }, KEYS), Refused);
});

test("certificates are believed in their time", () => {
  const { not_before_ms: from, not_after_ms: until } = VECTORS.certificate.fields;
  for (const now of [undefined, from, until]) receipt(RECEIPT, ROOT, NAME, { now });
  for (const now of [from - 1, until + 1]) refused(() => receipt(RECEIPT, ROOT, NAME, { now }));
  refused(() => receipt(RECEIPT, ROOT, NAME, { bound: until + 1 }));
});

test("CBOR that is not the one form of its value is refused", () => {
  for (const text of ["1800", "190001", "fa00000000", "f7", "f818", "9fff", "a201000100", "a202000100", "c000", "d81c00", "81", "0000", "61ff", "63eda080"]) {
    refused(() => decode(hex(text), 100, text));
  }
  refused(() => decode(hex(`${"81".repeat(8)}00`), 100, "nested"));
  assert.equal(decode(hex("1b7fffffffffffffff"), 100, "number"), 2n ** 63n - 1n);
  assert.equal(decode(hex(`${"81".repeat(7)}00`), 100, "nested").length, 1);
  assert.throws(() => refuse("so"), Refused);
});
