"""Keeps schemathesis from sawing off the branch it sits on, and from knocking at
doors that nobody could open by chance.

It finds the ids of keys in answers and uses them: sooner or later it would
revoke, rotate or change the key that its own requests carry. Such requests go to
a key that there is not.

Of domains at random one is none, and of ids at random each is nobody's: good
requests about lists get domains of their length and the key of this run.
"""

import os

import schemathesis


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
