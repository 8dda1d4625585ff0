// Signed messages and who may say what: protocol.md, sections 2 and 3.

import { createHash, createPublicKey, verify } from "node:crypto";
import { Tagged, bstr, decode, head, refuse, tstr } from "./cbor.mjs";
import { Fields } from "./fields.mjs";

export const LIMITS = {
  entry: 8192, header: 1536, receipt: 65536, keyring: 131072, certificate: 1024, ticket: 600, door: 4096, joining: 4096, membership: 147456,
};
const CERTIFIED = new Set(["receipt", "keyring", "door", "membership"]);
const POWER = { receipt: "receipts", keyring: "keyring", door: "tickets", membership: "tickets" };
const POWERS = ["keyring", "receipts", "tickets", "identify", "configure", "update"];
const SPKI_ED25519 = Buffer.from("302a300506032b6570032100", "hex"); // RFC 8410

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

/** A message taken apart, believed by nobody yet. */
export function parse(message, name) {
  const tag = decode(message, LIMITS[name], name);
  const parts = tag instanceof Tagged ? tag.value : null;
  if (!Array.isArray(parts) || parts.length !== 4) refuse(`${name}: not a COSE_Sign1`);
  const [protectedBytes, unprotectedMap, payload, signature] = parts;
  if (![protectedBytes, payload, signature].every(Buffer.isBuffer) || !(unprotectedMap instanceof Map) || signature.length !== 64) {
    refuse(`${name}: not a COSE_Sign1`);
  }
  const header = decode(protectedBytes, LIMITS[name], `${name}: protected header`);
  if (!(header instanceof Map) || header.size !== 3 || header.get(1) !== -8 || header.get(3) !== `application/vnd.gate-scanner.${name}+cbor`) {
    refuse(`${name}: another algorithm or type`);
  }
  const kid = header.get(4);
  if (!Buffer.isBuffer(kid) || kid.length !== 8) refuse(`${name}: no key id`);
  const cert = unprotectedMap.get("cert");
  if (CERTIFIED.has(name) ? unprotectedMap.size !== 1 || !Buffer.isBuffer(cert) : unprotectedMap.size) refuse(`${name}: unprotected header`);
  return { name, protectedBytes, kid, cert, payload, signature };
}

/** The payload, when this raw key signed it. */
export function check(parsed, publicKey) {
  if (!sha256(publicKey).subarray(0, 8).equals(parsed.kid)) refuse(`${parsed.name}: signed by another key`);
  const covered = Buffer.concat([
    head(4, 4), tstr("Signature1"), bstr(parsed.protectedBytes), bstr(Buffer.from(`gate-scanner/v1/${parsed.name}`)), bstr(parsed.payload),
  ]);
  const key = createPublicKey({ key: Buffer.concat([SPKI_ED25519, publicKey]), format: "der", type: "spki" });
  if (!verify(null, covered, key, parsed.signature)) refuse(`${parsed.name}: the signature does not hold`);
  return parsed.payload;
}

export function certificate(message, root) {
  const fields = new Fields(decode(check(parse(message, "certificate"), root), LIMITS.certificate, "certificate"), "certificate");
  fields.exactly(1, 1);
  return { power: fields.choice(2, POWERS), key: fields.octets(3, 32), from: fields.uint(4), until: fields.uint(5) };
}

/**
 * The payload of a message of the province and its signer's certificate.
 *
 * @param now trusted wall time in ms, undefined when the clock is not trusted: then only what ended before `bound` is refused.
 */
export function fromTheProvince(message, name, root, { now, bound = 0 } = {}) {
  const parsed = parse(message, name);
  const signer = certificate(parsed.cert, root);
  if (signer.power !== POWER[name]) refuse(`${name}: its signer has no power for it`);
  if (signer.until < bound) refuse(`${name}: its signer's certificate has ended`);
  if (now !== undefined && !(signer.from <= now && now <= signer.until)) refuse(`${name}: its signer's certificate is not valid now`);
  return { payload: check(parsed, signer.key), signer };
}
