import json, os, urllib.request

request = urllib.request.Request(
    os.environ["RCPT_URL"] + "/v1/lists",
    data=json.dumps({"list": "deny", "domains": ["competitor.example"]}).encode(),
    headers={"Authorization": "Bearer " + os.environ["RCPT_KEY"], "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=6) as response:
    change = json.load(response)
print(f"{change['added']} added, {change['unchanged']} there already, {change['entries']} entries in all")
# prints ... added, ... there already, ... entries in all
