// Says of each message on standard input (JSON lines: what, message, whom it needs) whether this reader accepts it: "yes" or "no", a line each.

import { createInterface } from "node:readline";
import { Refused } from "./cbor.mjs";
import { body, entry, keyring, receipt } from "./messages.mjs";

const hex = (text) => Buffer.from(text, "hex");

async function read({ what, message, key, name, sealing }) {
  if (what === "receipt") return receipt(hex(message), hex(key), name);
  if (what === "keyring") return keyring(hex(message), hex(key));
  const keys = new Map([[sealing.key_id, { suite: sealing.suite, private: hex(sealing.private) }]]);
  return body(entry(hex(message), hex(key), name), keys);
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer = "yes";
  try {
    await read(JSON.parse(line));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    answer = "no";
  }
  console.log(answer);
}
