import json, os, urllib.request

draft = {"account": "acme", "label": "sign-up form", "scopes": ["verify"], "limits": {"monthly": 50000}}
request = urllib.request.Request(
    os.environ["RCPT_URL"] + "/v1/keys",
    data=json.dumps(draft).encode(),
    headers={"Authorization": "Bearer " + os.environ["RCPT_ADMIN_KEY"], "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=6) as response:
    key = json.load(response)
# key["secret"], key["hook_token"] and key["webhook_secret"] are shown this once: store them now.
print(f"{key['account']} has the key {key['id']} with {key['limits']['monthly']} checks a month")
# prints acme has the key ... with 50000 checks a month
