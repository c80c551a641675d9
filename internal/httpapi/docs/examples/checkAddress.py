import json, os, time, urllib.error, urllib.request


def check(email):
    """Checks an address; waits for its turn when too many checks are under way."""
    request = urllib.request.Request(
        os.environ["RCPT_URL"] + "/v1/check",
        data=json.dumps({"email": email, "policy": "b2c_strict"}).encode(),
        headers={"Authorization": "Bearer " + os.environ["RCPT_KEY"], "Content-Type": "application/json"},
    )
    for _ in range(5):
        try:
            with urllib.request.urlopen(request, timeout=6) as response:
                return json.load(response)
        except urllib.error.HTTPError as refused:
            if refused.code not in (429, 503):
                raise
            time.sleep(int(refused.headers["Retry-After"]))
    raise TimeoutError("too many checks are under way")


for email in ["alice@ok.test", "nobody@ok.test"]:
    answer = check(email)
    print(f"{email}: {answer['reason_message'] if answer['action'] == 'block' else 'welcome'}")
# prints alice@ok.test: welcome
# prints nobody@ok.test: The mail server says that this mailbox does not exist.
