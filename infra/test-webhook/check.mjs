// Submits lists with everything in them that breaks signatures, and holds the
// webhooks against both ways of verifying; then turns the secret over.

import assert from "node:assert/strict";
import { at, genuine, Receiver, refused, reserialized } from "./receiver.mjs";

const { RCPT_URL, RCPT_KEY, RCPT_WEBHOOK_SECRET } = process.env;

async function ask(method, path, body) {
  const response = await fetch(RCPT_URL + path, {
    method, headers: { authorization: "Bearer " + RCPT_KEY, "content-type": "application/json" }, body: typeof body === "object" ? JSON.stringify(body) : body,
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

async function upload(filename, list) {
  const to = await ask("POST", "/v1/uploads", { filename, size: Buffer.byteLength(list) });
  const response = await fetch(to.url, { method: to.method, body: list });
  assert.ok(response.ok, `upload: ${response.status}`);
  return to.upload_id;
}

// delivered submits a job and returns its webhook's body, found genuine.
async function delivered(claim, question) {
  const receiver = new Receiver();
  const webhook_url = await receiver.listen();
  const text = typeof question === "string" ? question.replace("{", `{"webhook_url":"${webhook_url}",`) : { ...question, webhook_url };
  const job = await ask("POST", "/v1/jobs", text);
  const came = await receiver.next();
  const body = genuine(RCPT_WEBHOOK_SECRET, came);
  assert.equal(body.job_id, job.id);
  assert.equal(body.status, "completed", body.error);
  receiver.close();
  console.log("ok  ", claim);
  return body;
}

// The texts are those of no friend: quotes, HTML, what JavaScript's own older
// lines ended with, halves of characters, control characters, formulas.
const nasty = ["😀", "\u2028\u2029", "<script>alert(1)</script>&amp;", "=1+1", "\"'\\/", "\u0000\u0007\u001f\u007f\u0080", "é e\u0301 ﬁ", "\ufeff", "\u202egnp", "{{7*7}}"];

async function inline() {
  const emails = [...nasty.map((text) => text + "@ok.test"), "alice@ok.test", ...nasty, "😀@ok.test"];
  const body = await delivered("a list in the request", { emails, metadata: { 10: "ten", 2: "two", a: nasty.join(""), "😀": "<b>", constructor: "x", "1e3": "1e3" } });
  assert.equal(body.results.length, emails.length);
  body.results.forEach((row, i) => assert.equal(row.email, emails[i]));
  assert.equal(body.results[nasty.length].status, "VALID");
  assert.equal(body.metadata.a, nasty.join(""));
  assert.deepEqual(Object.keys(body.metadata).slice(0, 2), ["2", "10"]);

  const halves = String.raw`["\ud800@ok.test","\udc00\ud800@ok.test","user1@ok.test"]`;
  await assert.rejects(ask("POST", "/v1/jobs", `{"emails":${halves}}`), /half of a surrogate pair/);
  const upload_id = await upload("halves.json", halves);
  const read = await delivered("halves of characters", `{"upload_id":"${upload_id}","metadata":{"__proto__":"p","z":"\\ud83d\\ude00"}}`);
  assert.deepEqual(read.results.map((row) => row.email), ["\ufffd@ok.test", "\ufffd\ufffd@ok.test", "user1@ok.test"]);
  assert.equal(JSON.stringify(read.metadata), '{"__proto__":"p","z":"😀"}');
}

async function objects() {
  const row = (email) => String.raw`{"name":"<b>\u2028\ud800😀","Email":"${email}","10":"ten","9":9,"__proto__":{"polluted":true},"constructor":{"prototype":1},"big":12345678901234567890,"bigger":1e400,"exponent":1E21,"small":0.0000001,"minus":-0,"third":0.1000000000000000055511151231257827,"nested":{"b":[1.0,2.50,{"2":1,"1":2}],"01":1,"a":null},"formula":"=HYPERLINK(\"http://evil.example\")","email":"second","status":"mine","twice":1,"twice":2}`;
  const upload_id = await upload("rows.jsonl", row("user1@ok.test") + "\n" + row("nobody@ok.test") + "\n" + `{"Email":"x@catchall.test","late":true}` + "\n");
  const body = await delivered("objects with numbers and keys of all kinds", { upload_id, email_column: "Email" });
  const first = body.results[0];
  assert.equal(first.status, "VALID");
  assert.equal(first.input_status, "mine");
  assert.equal(first.big, "12345678901234567890", "a number that is no double keeps its digits");
  assert.equal(first.exponent, 1e21);
  assert.ok(Object.hasOwn(first, "__proto__") && {}.polluted === undefined);
  assert.deepEqual(Object.keys(first).slice(0, 2), ["9", "10"]);
  assert.equal(body.results[2].status, "CATCH_ALL");
}

async function table() {
  const texts = nasty.map((text) => text.replace("\0", "")); // a file with a zero octet is no text
  const cells = texts.map((text) => `"${text.replaceAll('"', '""')}"`).join(",");
  const list = `email,10,2,__proto__,"=cmd|' /C calc'!A0",<b>,,,a,a,status\nuser1@ok.test,${cells}\nuser2@ok.test,+1,-2,@x,＝3\n`;
  const body = await delivered("a table with formulas", { upload_id: await upload("table.csv", list) });
  assert.equal(body.results[0].email, "user1@ok.test");
  assert.equal(body.results[0]["10"], texts[0]);
  assert.equal(body.results[0]["2"], texts[1]);
}

async function large() {
  const emails = Array.from({ length: 2000 }, (_, i) => `user${i}@ok-${i % 50}.test`);
  const body = await delivered("a list too long for the body", { emails });
  assert.deepEqual(body.results, []);
  const results = await ask("GET", new URL(body.results_url).pathname);
  assert.deepEqual(results.results.map((row) => row.email), emails);
}

// followed is told of an address that was looked at again.
async function followed() {
  const receiver = new Receiver();
  const now = await ask("POST", "/v1/verify", { email: "user7@greylist.test", on_unknown: "reverify", webhook_url: await receiver.listen() });
  assert.equal(now.status, "UNKNOWN");
  const body = genuine(RCPT_WEBHOOK_SECRET, await receiver.next());
  assert.match(JSON.stringify(body), /"status":"VALID"/);
  receiver.close();
  console.log("ok   an address that was looked at again");
}

// turned turns the secret over: with an overlap receivers with either secret
// accept what comes, one that knows x-rcpt-signature alone after one repetition.
async function turned() {
  const receiver = new Receiver();
  const webhook_url = await receiver.listen();
  const { webhook_secret: fresh } = await ask("POST", "/v1/webhook-secret/rotate", { overlap: "1h" });
  assert.notEqual(fresh, RCPT_WEBHOOK_SECRET);
  receiver.answers.push(500);
  await ask("POST", "/v1/webhooks/test", { webhook_url });
  const [first, second] = [await receiver.next(), await receiver.next()];
  for (const secret of [fresh, RCPT_WEBHOOK_SECRET]) {
    genuine(secret, first, fresh);
    genuine(secret, second, RCPT_WEBHOOK_SECRET);
  }
  assert.equal(first.headers["webhook-signature"].split(" ").length, 2);
  assert.equal(first.raw, second.raw);
  assert.equal(first.headers["webhook-id"], second.headers["webhook-id"]);
  assert.notEqual(first.headers["webhook-timestamp"], second.headers["webhook-timestamp"]);
  // What is stolen and sent again later is refused whatever the secret.
  at(301, () => [fresh, RCPT_WEBHOOK_SECRET].forEach((secret) => refused(secret, first, /too old/i)));
  console.log("ok   two secrets while they overlap");

  const { webhook_secret: last } = await ask("POST", "/v1/webhook-secret/rotate", { overlap: "0s" });
  await ask("POST", "/v1/webhooks/test", { webhook_url });
  const third = await receiver.next();
  genuine(last, third);
  refused(fresh, third, /signature/i);
  assert.ok(!reserialized(fresh, JSON.parse(third.raw), third.headers["x-rcpt-signature"]));
  receiver.close();
  console.log("ok   one secret without an overlap");
}

const following = followed();
await Promise.all([inline(), objects(), table(), large()]);
await following;
await turned();
