const response = await fetch(process.env.RCPT_URL + "/v1/usage?days=7", {
  headers: { "Authorization": "Bearer " + process.env.RCPT_KEY },
});
const usage = await response.json();
if (!response.ok) throw new Error(`${response.status}: ${usage.detail}`);
console.log(`${usage.total} checks in seven days, ${usage.by_outcome.VALID ?? 0} of them VALID`);
// prints ... checks in seven days, ... of them VALID
