// Checks the address of a sign-up form. What is not known lets the person in.
async function refusal(email) {
  const response = await fetch(process.env.RCPT_URL + "/v1/check", {
    method: "POST",
    headers: { "Authorization": "Bearer " + process.env.RCPT_KEY, "Content-Type": "application/json" },
    body: JSON.stringify({ email, policy: "b2c_strict" }),
    signal: AbortSignal.timeout(6000),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${response.status}: ${answer.detail}`);
  return answer.action === "block" ? answer.reason_message : null;
}

for (const email of ["alice@ok.test", "nobody@ok.test"]) {
  console.log(`${email}: ${await refusal(email) ?? "welcome"}`);
}
// prints alice@ok.test: welcome
// prints nobody@ok.test: The mail server says that this mailbox does not exist.
