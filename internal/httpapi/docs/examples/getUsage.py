import json, os, urllib.request

request = urllib.request.Request(
    os.environ["RCPT_URL"] + "/v1/usage?days=7",
    headers={"Authorization": "Bearer " + os.environ["RCPT_KEY"]},
)
with urllib.request.urlopen(request, timeout=6) as response:
    usage = json.load(response)
print(f"{usage['total']} checks in seven days, {usage['by_outcome'].get('VALID', 0)} of them VALID")
# prints ... checks in seven days, ... of them VALID
