import json, os, urllib.request

request = urllib.request.Request(
    os.environ["RCPT_URL"] + "/v1/report-bounce",
    data=json.dumps({"email": "user9@ok.test", "reason": "soft_bounce", "event_id": "deferred-9"}).encode(),
    headers={"Authorization": "Bearer " + os.environ["RCPT_KEY"], "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=6) as response:
    report = json.load(response)
print("new" if report["recorded"] else "known before")
# prints ...
