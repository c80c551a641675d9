const response = await fetch(process.env.RCPT_URL + "/v1/verify", {
  method: "POST",
  headers: { "Authorization": "Bearer " + process.env.RCPT_KEY, "Content-Type": "application/json" },
  body: JSON.stringify({ email: "alice@ok.test" }),
  signal: AbortSignal.timeout(6000), // the answer is there after 4.5 seconds at the latest
});
const answer = await response.json();
if (!response.ok) throw new Error(`${response.status}: ${answer.detail}`);
console.log(`${answer.email} is ${answer.status} (${answer.reason}): ${answer.action}`);
// prints alice@ok.test is VALID (smtp_verified): accept
