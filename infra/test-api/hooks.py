"""Keeps schemathesis from sawing off the branch it sits on.

It finds the ids of keys in answers and uses them: sooner or later it would
revoke, rotate or change the key that its own requests carry. Such requests go to
a key that there is not.
"""

import os

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.method != "GET" and case.path_parameters.get("id") in os.environ["RUN_KEYS"].split():
        case.path_parameters["id"] = "aaaaaaaa"
