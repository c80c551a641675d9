const response = await fetch(process.env.RCPT_URL + "/v1/lists", {
  method: "POST",
  headers: { "Authorization": "Bearer " + process.env.RCPT_KEY, "Content-Type": "application/json" },
  body: JSON.stringify({ list: "deny", domains: ["competitor.example"] }),
});
const change = await response.json();
if (!response.ok) throw new Error(`${response.status}: ${change.detail}`);
console.log(`${change.added} added, ${change.unchanged} there already, ${change.entries} entries in all`);
// prints ... added, ... there already, ... entries in all
