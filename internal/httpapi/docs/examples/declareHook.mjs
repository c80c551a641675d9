// Any ESP with webhooks in JSON: where address, event, time and id are, and what the words mean.
const response = await fetch(process.env.RCPT_URL + "/v1/hooks/generic", {
  method: "PUT",
  headers: { "Authorization": "Bearer " + process.env.RCPT_KEY, "Content-Type": "application/json" },
  body: JSON.stringify({
    mapping: {
      email: "$.recipient", event: "$.event", time: "$.at", id: "$.id",
      values: { bounce: "hard_bounce", complaint: "spam_complaint", deferred: "ignore" },
    },
  }),
});
const hook = await response.json();
if (!response.ok) throw new Error(`${response.status}: ${hook.detail}`);
console.log(`${hook.esp}: ${hook.signed ? "signed" : "the token in the URL alone admits"}`);
// prints generic: ...
