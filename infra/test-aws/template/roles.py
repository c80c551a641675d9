"""Prints what each function of template.yaml may do, for tests that run them: JSON
of {"verify": [statement, ...], ...}. Resources go by their logical names."""

import json

from test_template import as_list, ref, stack


def granted():
    everything = stack(EgressCheck="mx.example.com:25")
    for name in everything.of("AWS::Lambda::Function"):
        policies = everything.properties(name + "Role")["Policies"]
        statements = [s for p in policies for s in as_list(p["PolicyDocument"]["Statement"])]
        yield name.removesuffix("Function").lower(), [
            {
                "actions": as_list(s["Action"]),
                "resources": [ref(r) for r in as_list(s["Resource"])],
                "prefixes": as_list(s.get("Condition", {}).get("StringLike", {}).get("s3:prefix", [])),
                "context": [key.removeprefix("kms:EncryptionContext:") for key in s.get("Condition", {}).get("Null", {})],
            }
            for s in statements
        ]


if __name__ == "__main__":
    print(json.dumps(dict(granted())))
