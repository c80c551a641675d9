const response = await fetch(process.env.RCPT_URL + "/v1/keys", {
  method: "POST",
  headers: { "Authorization": "Bearer " + process.env.RCPT_ADMIN_KEY, "Content-Type": "application/json" },
  body: JSON.stringify({ account: "acme", label: "sign-up form", scopes: ["verify"], limits: { monthly: 50000 } }),
});
const key = await response.json();
if (!response.ok) throw new Error(`${response.status}: ${key.detail}`);
// key.secret, key.hook_token and key.webhook_secret are shown this once: store them now.
console.log(`${key.account} has the key ${key.id} with ${key.limits.monthly} checks a month`);
// prints acme has the key ... with 50000 checks a month
