// A receiver of webhooks as a user would write one: it verifies what comes and
// keeps it.

import assert from "node:assert/strict";
import { createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { Webhook, WebhookVerificationError } = createRequire(process.cwd() + "/")("standardwebhooks");

// reserialized verifies like a framework that hands over the parsed body alone.
export function reserialized(secret, body, signature) {
  const want = createHmac("sha256", secret).update(JSON.stringify(body)).digest("hex");
  return want.length === signature.length && timingSafeEqual(Buffer.from(want), Buffer.from(signature));
}

// refused wants the library to refuse, and its reason.
export function refused(secret, { raw, headers }, why) {
  assert.throws(() => new Webhook(secret).verify(raw, headers), (e) => e instanceof WebhookVerificationError && why.test(e.message));
}

// at runs something with a clock that is off by so many seconds.
export function at(seconds, run) {
  const real = Date;
  globalThis.Date = class extends real {
    constructor(...args) {
      super(...(args.length > 0 ? args : [Date.now()]));
    }

    static now() {
      return real.now() + seconds * 1000;
    }
  };
  try {
    run();
  } finally {
    globalThis.Date = real;
  }
}

// genuine wants one that came to be what it should be, by every way of looking.
export function genuine(secret, came, turn = secret) {
  const { raw, headers } = came;
  const body = JSON.parse(raw);
  assert.equal(JSON.stringify(body), raw, "JSON.stringify(JSON.parse(body)) is not body");
  assert.ok(reserialized(turn, body, headers["x-rcpt-signature"]), "x-rcpt-signature is not that of the body written again");
  assert.deepEqual(new Webhook(secret).verify(raw, headers), body);
  assert.match(headers["webhook-id"], /^[A-Za-z0-9_-]+$/);
  assert.equal(headers["content-type"], "application/json");

  refused(secret, { raw: raw.replace("status", "Status"), headers }, /signature/i);
  refused("whsec_" + Buffer.alloc(24, 7).toString("base64"), came, /signature/i);
  refused(secret, { raw, headers: { ...headers, "webhook-id": "msg_other" } }, /signature/i);
  refused(secret, { raw, headers: { ...headers, "webhook-timestamp": String(+headers["webhook-timestamp"] + 1) } }, /signature/i);
  at(6 * 60, () => refused(secret, came, /too old/i)); // somebody sends it again later
  at(-6 * 60, () => refused(secret, came, /too new/i));
  return body;
}

// Receiver listens on a free port and hands out what comes, in its order.
export class Receiver {
  came = [];
  answers = []; // statuses to give; 200 when there are none

  async listen() {
    this.server = createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      this.came.push({ raw: Buffer.concat(parts).toString("utf8"), headers: request.headers });
      response.writeHead(this.answers.shift() ?? 200).end();
      this.server.emit("came");
    });
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `http://127.0.0.1:${this.server.address().port}/hook`;
  }

  async next() {
    while (this.came.length === 0) await once(this.server, "came", { signal: AbortSignal.timeout(60_000) });
    return this.came.shift();
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
