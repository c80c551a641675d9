import json, os, urllib.request

# Amazon SES: the SNS topic whose subscription is confirmed and whose messages are verified.
request = urllib.request.Request(
    os.environ["RCPT_URL"] + "/v1/hooks/ses",
    data=json.dumps({"topic_arn": "arn:aws:sns:eu-central-1:123456789012:bounces"}).encode(),
    headers={"Authorization": "Bearer " + os.environ["RCPT_KEY"], "Content-Type": "application/json"},
    method="PUT",
)
with urllib.request.urlopen(request, timeout=6) as response:
    hook = json.load(response)
print(f"{hook['esp']}: {hook['topic_arn']}")
# prints ses: arn:aws:sns:eu-central-1:123456789012:bounces
