#!/usr/bin/env node
// A dashboard for foxhunt in JavaScript: prints the fixes as they are published, and draws them as an SVG map.
//
//     npm install
//     node dashboard.js --svg map.svg
//
// A fix is JSON, or msgpack with the same names; its Content-Type header says which. fixes.NETWORK.SOURCE are the fixes;
// fixes.shadow.NETWORK.SOURCE, which fixes.> would bring as well, are what a model on trial would have said.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { decode } from "@msgpack/msgpack";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const { values: options } = parseArgs({
  options: {
    nats: { type: "string", default: "nats://127.0.0.1:4222" },
    nkey: { type: "string" }, // file with this dashboard's key
    ca: { type: "string" }, // the certificate authority's file, for tls:// servers
    subject: { type: "string", default: "fixes.*.*" },
    count: { type: "string" }, // end after so many fixes
    svg: { type: "string" }, // file to draw
  },
});
const kept = 500; // fixes on the map
const metresPerDegree = 111_195; // of latitude; near enough for a picture

function read(message) {
  const type = message.headers?.get("Content-Type") ?? "application/json";
  return type === "application/msgpack" ? decode(message.data) : message.json();
}

const printable = (text) => String(text).replace(/[^\x20-\x7e]/g, "?");
const escaped = (text) => String(text).replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);

function line(fix) {
  const { latitude, longitude } = fix.position;
  const u = fix.uncertainty;
  const used = fix.receivers.filter((r) => r.used).length;
  return printable(
    `${fix.time} ${fix.network}/${fix.source} ${(fix.frequency / 1e6).toFixed(4)} MHz ` +
      `${latitude.toFixed(5)} ${longitude.toFixed(5)} ` +
      `${Math.round(100 * u.confidence_interval)} % in ${Math.round(u.semi_major_m)} x ${Math.round(u.semi_minor_m)} m ` +
      `confidence ${fix.confidence.toFixed(2)}, ${used} of ${fix.receivers.length} receivers, ${fix.model.name} ${fix.model.version}`,
  );
}

// mark is one fix at x and y.
function mark(fix, x, y, reach = 1) {
  const u = fix.uncertainty;
  return (
    `<g transform="translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${(-u.theta).toFixed(2)})">` +
    `<title>${escaped(line(fix))}</title>` +
    `<ellipse rx="${u.semi_major_m.toFixed(1)}" ry="${u.semi_minor_m.toFixed(1)}" fill="#d6336c22" stroke="#d6336c" stroke-width="${reach / 300}"/>` +
    `<circle r="${reach / 100}" fill="#d6336c"/></g>`
  );
}

// draw lays the fixes out in metres about their middle. theta counts counter-clockwise from east; SVG's y points down.
function draw(fixes) {
  const lat0 = fixes.reduce((sum, f) => sum + f.position.latitude, 0) / fixes.length;
  const first = fixes[0].position.longitude;
  const turned = (lon) => first + ((((lon - first + 180) % 360) + 360) % 360) - 180; // across the date line, too
  const lon0 = fixes.reduce((sum, f) => sum + turned(f.position.longitude), 0) / fixes.length;
  const places = fixes.map((f) => ({
    fix: f,
    x: (turned(f.position.longitude) - lon0) * metresPerDegree * Math.cos((lat0 * Math.PI) / 180),
    y: -(f.position.latitude - lat0) * metresPerDegree,
  }));
  const reach = 1.1 * Math.max(...places.map((p) => Math.max(Math.abs(p.x), Math.abs(p.y)) + p.fix.uncertainty.semi_major_m));
  const ellipses = places.map((p) => mark(p.fix, p.x, p.y, reach));
  const bar = 10 ** Math.floor(Math.log10(reach));
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-reach} ${-reach} ${2 * reach} ${2 * reach}" width="800" height="800">\n` +
    `<rect x="${-reach}" y="${-reach}" width="${2 * reach}" height="${2 * reach}" fill="#f8f9fa"/>\n${ellipses.join("\n")}\n` +
    `<path d="M${-0.95 * reach} ${0.95 * reach}h${bar}" stroke="#212529" stroke-width="${reach / 100}"/>` +
    `<text x="${-0.95 * reach}" y="${0.92 * reach}" font-size="${reach / 18}" font-family="sans-serif">` +
    `${bar} m, about ${lat0.toFixed(4)} N ${lon0.toFixed(4)} E</text>\n</svg>\n`
  );
}

const connection = await connect({
  servers: options.nats,
  name: "dashboard.js",
  maxReconnectAttempts: -1,
  authenticator: options.nkey ? nkeyAuthenticator(Buffer.from(readFileSync(options.nkey, "utf8").trim())) : undefined,
  tls: options.ca ? { caFile: options.ca } : undefined,
});
process.once("SIGINT", () => connection.drain());
process.once("SIGTERM", () => connection.drain());

const subscription = connection.subscribe(options.subject);
await connection.flush(); // from here on every fix comes, but for those of a time without the server: FIXES keeps these a day
console.error(`listening on ${options.subject}`);
const fixes = new Map();
let heard = 0;
for await (const message of subscription) {
  try {
    const fix = read(message);
    console.log(line(fix));
    mark(fix, 0, 0); // throws for what cannot be drawn
    fixes.set(fix.capture_id, fix); // by capture: after an outage one may get a second fix
    if (fixes.size > kept) fixes.delete(fixes.keys().next().value);
    if (options.svg) writeFileSync(options.svg, draw([...fixes.values()]));
  } catch (error) {
    console.error(`${printable(message.subject)}: no fix: ${printable(error.message)}`);
    continue;
  }
  if (++heard === Number(options.count)) break;
}
await connection.close();
