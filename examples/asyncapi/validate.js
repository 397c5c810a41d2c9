#!/usr/bin/env node
// Holds docs/asyncapi.yaml against AsyncAPI's own schema, then messages against docs/asyncapi.yaml.
//
//     node validate.js ../../docs/asyncapi.yaml < messages.jsonl
//
// A message is a line {"subject": ..., "headers": {...}, "data": base64}. For each a line says which channel's it is, or what
// is wrong with it; the exit code is 1 if anything is.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { decode } from "@msgpack/msgpack";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import { load } from "js-yaml";

const require = createRequire(import.meta.url);
const newAjv = () => addFormats(new Ajv({ strict: false, allErrors: true, validateFormats: true }));
const document = load(readFileSync(process.argv[2], "utf8"));
const whole = newAjv().compile(require(`@asyncapi/specs/schemas/${document.asyncapi}-without-$id.json`));
if (!whole(document)) {
  console.log(`the document is not AsyncAPI ${document.asyncapi}: ${JSON.stringify(whole.errors, null, 1)}`);
  process.exit(1);
}

const ajv = newAjv();
ajv.addSchema({ $id: "document", ...document });
const at = (pointer) => pointer.slice(2).split("/").reduce((node, key) => node[key], document);
const follow = (node) => (node.$ref ? at(node.$ref) : node);
const validator = (path) => ajv.getSchema(`document#${path}`) ?? ajv.compile({ $ref: `document#${path}` });

// The channel with the fewest wildcards that matches.
const channels = Object.entries(document.channels)
  .map(([name, channel]) => ({
    name,
    channel,
    wild: (channel.address.match(/\{/g) ?? []).length,
    pattern: new RegExp(`^${channel.address.replaceAll(".", "\\.").replace(/\{[^}]+\}/g, "[A-Za-z0-9_-]+")}$`),
  }))
  .sort((a, b) => a.wild - b.wild);

// msgpack's bin becomes a string with a character a byte, nil stays null.
function plain(value) {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return typeof value === "bigint" ? Number(value) : value;
}

const readers = {
  "application/json": (data) => JSON.parse(data.toString("utf8")),
  "application/msgpack": (data) => plain(decode(data, { useBigInt64: true })),
  "application/octet-stream": () => null,
};

function check({ subject, headers, data }) {
  const found = channels.find(({ pattern }) => pattern.test(subject));
  if (!found) return [`${subject} is no channel's`];
  const wanted = headers["Content-Type"];
  const messages = Object.values(found.channel.messages).map((m) => ({ pointer: m.$ref.slice(1), message: follow(m) }));
  const one = messages.find(({ message }) => message.contentType === wanted) ?? messages[0];
  const errors = [];
  if (one.message.headers && !validator(`${one.pointer}/headers`)(headers)) errors.push(...validator(`${one.pointer}/headers`).errors);
  const payload = validator(`${one.pointer}/payload`);
  if (!payload(readers[one.message.contentType](Buffer.from(data, "base64")))) errors.push(...payload.errors);
  return errors.length ? [`${subject}: ${JSON.stringify(errors)}`] : [null, found.name];
}

let wrong = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const [error, channel] = check(JSON.parse(line));
  if (error) wrong++;
  console.log(error ?? `ok ${channel}`);
}
process.exit(wrong ? 1 : 0);
