"""Keeps schemathesis from sawing off the branch it sits on, and from knocking at
doors that nobody could open by chance.

It finds the ids of keys in answers and uses them: sooner or later it would
revoke, rotate or change the key that its own requests carry. Such requests go to
a key that there is not.

Of domains at random one is none, and of ids at random each is nobody's: good
requests about lists get domains of their length and the key of this run. Those
about reports get its hook token, an address that was reported and a domain that
three accounts report, each afresh before it is removed. Those about providers get
keys that the doubles take, and a provider key that there is; base URLs are left
out, for nothing leaves the machine. A job to be canceled is one just submitted.
"""

import json
import os
import urllib.request

import schemathesis
from schemathesis.core import NOT_SET

TRAP = "trap.example"


def report(secret, email):
    """Reports a bounce with a key, over the wire like anybody else."""
    urllib.request.urlopen(urllib.request.Request(
        os.environ["RCPT_URL"] + "/v1/report-bounce", data=json.dumps({"email": email, "reason": "hard_bounce"}).encode(),
        headers={"Authorization": "Bearer " + secret}), timeout=10).close()


def about_reports(case):
    """Leads a good request about reports to something that there is."""
    path = case.path_parameters
    if "token" in path:
        path["token"], path["esp"], case.body = os.environ["RUN_HOOK_TOKEN"], "postmark", {}
    if "source" in path:
        path["source"], case.query["key"], case.body = "from-postmark", os.environ["RUN_HOOK_TOKEN"], {}
    if case.method == "GET" and ("token" in path or "source" in path):
        case.body = NOT_SET
    if "bounce" in path:
        report(os.environ["RUN_KEY"], "schemathesis@reported.example")
        path["bounce"] = os.environ["RUN_BOUNCE"]
    if "domain" in path:
        for secret in os.environ["RUN_REPORTERS"].split():
            report(secret, "schemathesis@" + TRAP)
        path["domain"] = TRAP


def add_provider_key():
    """Adds a provider key, over the wire like anybody else, and returns its id."""
    request = urllib.request.Request(
        os.environ["RCPT_URL"] + "/v1/email-verifiers/providers", data=json.dumps({"provider": "reoon", "api_key": "good-key-0123456789"}).encode(),
        headers={"Authorization": "Bearer " + os.environ["RUN_KEY"]})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["key"]["id"]


def about_providers(case):
    """Leads a good request about providers to something that there is."""
    body = case.body if isinstance(case.body, dict) else {}
    if isinstance(body.get("api_key"), str):
        body["api_key"] = f"good-key-{len(body['api_key']):06}"
    if "is_active" in body:
        body["is_active"] = True
    if isinstance(body.get("email"), str):
        body["email"] = f"user{len(body['email'])}@a.example"
    if "provider" in case.path_parameters:
        case.path_parameters["provider"] = str(add_provider_key()) if case.method == "DELETE" else os.environ["RUN_PROVIDER"]


def about_jobs(case):
    """Leads a good request about jobs to one that there is."""
    if case.path == "/v1/jobs/{job}/cancel":
        request = urllib.request.Request(
            os.environ["RCPT_URL"] + "/v1/jobs", data=json.dumps({"emails": ["user1@slow.test"]}).encode(),
            headers={"Authorization": "Bearer " + os.environ["RUN_KEY"]})
        with urllib.request.urlopen(request, timeout=10) as answer:
            case.path_parameters["job"] = json.load(answer)["id"]
    if "recheck" in case.path_parameters:
        case.path_parameters["recheck"] = os.environ["RUN_RECHECK"]
    if case.path in ("/v1/jobs", "/v1/jobs/estimate") and isinstance(case.body, dict):
        for field in ("upload_id", "email_column", "webhook_url"):
            case.body.pop(field, None)
        case.body["emails"] = ["user1@ok.test", "user2@ok.test"]
    if "delivery" in case.path_parameters:
        case.path_parameters["job"], case.path_parameters["delivery"] = os.environ["RUN_JOB"], "msg_" + os.environ["RUN_JOB"]
    if case.path == "/v1/suppressions/import":
        case.query.pop("email_column", None)
        case.body = ["user1@a.example"] if case.media_type == "application/json" else "email\nuser1@a.example\n"


def about_sequences(case):
    """Gives one of two fields that exclude each other, and addresses that are some."""
    if isinstance(case.body, dict) and case.path.endswith("/members"):
        email = case.body.get("email")
        case.body = {"email": f"user{len(email)}@a.example"} if isinstance(email, str) else {"emails": ["user1@a.example"]}
    if case.method == "GET":
        case.query.pop("next", None)
        if "email" in case.query:
            case.query["email"] = "user1@a.example"
        if "state" in case.query:
            case.query.pop("review", None)


@schemathesis.hook
def after_call(context, case, response):
    """Makes room: an account has only so many provider keys."""
    if case.path == "/v1/email-verifiers/providers" and case.method == "POST" and response.status_code == 201:
        urllib.request.urlopen(urllib.request.Request(
            os.environ["RCPT_URL"] + "/v1/email-verifiers/providers/" + str(response.json()["key"]["id"]), method="DELETE",
            headers={"Authorization": "Bearer " + os.environ["RUN_KEY"]}), timeout=10).close()


@schemathesis.hook
def before_call(context, case, kwargs):
    keys = os.environ["RUN_KEYS"].split()
    if case.method != "GET" and case.path_parameters.get("id") in keys:
        case.path_parameters["id"] = "aaaaaaaa"
    if case.path == "/v1/lists" and case.meta and case.meta.generation.mode.is_positive:
        if "key" in case.query:
            case.query["key"] = keys[0]
        if isinstance(case.body, dict) and isinstance(case.body.get("domains"), list):
            case.body["domains"] = [f"d{len(domain)}.example" for domain in case.body["domains"]]
    if case.method == "DELETE" and case.path_parameters.get("job") == os.environ["RUN_JOB"]:
        case.path_parameters["job"] = "job_00000000000000000000000000"
    if case.method == "DELETE" and str(case.path_parameters.get("provider")) == os.environ["RUN_PROVIDER"]:
        case.path_parameters["provider"] = "999999"
    catalog = case.body.get("catalog") if isinstance(case.body, dict) else None
    for entry in catalog if isinstance(catalog, list) else []:
        if isinstance(entry, dict):
            entry.pop("base_url", None)
    if case.meta and case.meta.generation.mode.is_positive:
        about_reports(case)
        about_jobs(case)
        if case.path.startswith("/v1/sequences/"):
            about_sequences(case)
        if case.path.startswith("/v1/email-verifiers/"):
            about_providers(case)
