import json, os, urllib.request

request = urllib.request.Request(
    os.environ["RCPT_URL"] + "/v1/verify",
    data=json.dumps({"email": "alice@ok.test"}).encode(),
    headers={"Authorization": "Bearer " + os.environ["RCPT_KEY"], "Content-Type": "application/json"},
)
# The answer is there after 4.5 seconds at the latest. A status of 400 and above raises HTTPError.
with urllib.request.urlopen(request, timeout=6) as response:
    answer = json.load(response)
print(f"{answer['email']} is {answer['status']} ({answer['reason']}): {answer['action']}")
# prints alice@ok.test is VALID (smtp_verified): accept
