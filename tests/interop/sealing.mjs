// Opens what a device sealed: protocol.md, section 5. HPKE and ML-KEM are libraries; X-Wing's combiner is draft-connolly-cfrg-xwing-kem's.

import { createHash, createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { Chacha20Poly1305 } from "@hpke/chacha20poly1305";
import { CipherSuite, HkdfSha256 } from "@hpke/core";
import { DhkemX25519HkdfSha256 } from "@hpke/dhkem-x25519";
import { MlKem768 } from "mlkem";
import { refuse } from "./cbor.mjs";

const PKCS8_X25519 = Buffer.from("302e020100300506032b656e04220420", "hex"); // RFC 8410
const SPKI_X25519 = Buffer.from("302a300506032b656e032100", "hex");
const XWING_LABEL = Buffer.from("5c2e2f2f5e5c", "hex");
const CIPHERTEXT_BYTES = 1088; // ML-KEM-768

/** X-Wing as a KEM of @hpke/core, for a private key of 96 bytes: ML-KEM seed d ‖ z, X25519. Only receives. */
class ReceivingXWing {
  id = 0x647a;
  secretSize = 32;
  encSize = 1120;
  publicKeySize = 1216;
  privateKeySize = 96;

  async decap({ recipientKey, enc }) {
    const [key, capsule] = [Buffer.from(recipientKey), Buffer.from(enc)];
    const kem = new MlKem768();
    const [, decapsulationKey] = await kem.deriveKeyPair(key.subarray(0, 64));
    const latticeSecret = await kem.decap(capsule.subarray(0, CIPHERTEXT_BYTES), decapsulationKey);
    const mine = createPrivateKey({ key: Buffer.concat([PKCS8_X25519, key.subarray(64)]), format: "der", type: "pkcs8" });
    const theirs = capsule.subarray(CIPHERTEXT_BYTES);
    const curveSecret = diffieHellman({
      privateKey: mine,
      publicKey: createPublicKey({ key: Buffer.concat([SPKI_X25519, theirs]), format: "der", type: "spki" }),
    });
    const minePublic = createPublicKey(mine).export({ format: "der", type: "spki" }).subarray(SPKI_X25519.length);
    return new Uint8Array(
      createHash("sha3-256").update(latticeSecret).update(curveSecret).update(theirs).update(minePublic).update(XWING_LABEL).digest(),
    ).buffer;
  }
}

const X25519 = new DhkemX25519HkdfSha256();
export const SUITES = {
  "MLKEM768_X25519-HKDF_SHA256-CHACHA20_POLY1305": { kem: new ReceivingXWing(), encBytes: 1120, publicBytes: 1216, key: async (raw) => raw },
  "X25519-HKDF_SHA256-CHACHA20_POLY1305": {
    kem: X25519,
    encBytes: 32,
    publicBytes: 32,
    key: (raw) => X25519.importKey("raw", new Uint8Array(raw).buffer, false),
  },
};
const PADDED_BYTES = [512, 1024, 2048];
const TAG_BYTES = 16;
const INFO = Buffer.from("gate-scanner/v1/entry-body\0");

/** The body inside `sealed`; refuses what was not sealed to this key under exactly this header. */
export async function open(sealed, headerBytes, suiteName, privateKey) {
  const suite = SUITES[suiteName];
  if (!PADDED_BYTES.includes(sealed.length - suite.encBytes - TAG_BYTES)) refuse("sealed: of a length that no padding gives");
  const hpke = new CipherSuite({ kem: suite.kem, kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });
  let padded;
  try {
    const told = { recipientKey: await suite.key(privateKey), enc: exact(sealed.subarray(0, suite.encBytes)) };
    padded = Buffer.from(await hpke.open({ ...told, info: exact(INFO, headerBytes) }, exact(sealed.subarray(suite.encBytes))));
  } catch {
    refuse("sealed: does not open with this key under this header");
  }
  const end = padded.findLastIndex((byte) => byte !== 0);
  if (padded[end] !== 0x80) refuse("sealed: padding without its mark");
  return padded.subarray(0, end);
}

/** A buffer of its own: a view into a larger one is misread by some libraries. */
function exact(...parts) {
  return new Uint8Array(Buffer.concat(parts)).buffer;
}
