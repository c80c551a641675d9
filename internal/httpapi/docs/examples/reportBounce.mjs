const ask = async (path, body) => {
  const response = await fetch(process.env.RCPT_URL + path, {
    method: "POST",
    headers: { "Authorization": "Bearer " + process.env.RCPT_KEY, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${response.status}: ${answer.detail}`);
  return answer;
};
await ask("/v1/report-bounce", { email: "user8@ok.test", reason: "spam_complaint", event_id: "complaint-8" });
const check = await ask("/v1/check", { email: "user8@ok.test" });
console.log(`${check.result}: ${check.reason}, ${check.account_history.previous_reason}`);
// prints undeliverable: previously_bounced, spam_complaint
