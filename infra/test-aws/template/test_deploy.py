"""What infra/deploy.sh does, with commands that only tell how they were called."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from translate import ROOT

AWS = """#!/bin/sh
case "$*" in
*get-account-settings*) echo "$LIMIT" ;;
*export-credentials*) echo 'export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret' ;;
*"'VaultKey'"*) echo "$KEY" ;;
*"'EgressAddress'"*) echo "$ADDRESS" ;;
*) echo some-output ;;
esac
"""
TELLS = """#!/bin/sh
echo "$(basename "$0") $*; region $AWS_REGION, table $RCPT_CONTROL_TABLE, key $RCPT_VAULT_KEY, as $AWS_ACCESS_KEY_ID"
"""
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"


class Deploy(unittest.TestCase):
    def run_with(self, missing=(), **env):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("sh", "dirname", "basename", "cut"):
                os.symlink(f"/usr/bin/{name}", f"{folder}/{name}")
            for name, text in {"aws": AWS, "sam": TELLS, "go": TELLS}.items():
                if name not in missing:
                    path = pathlib.Path(folder, name)
                    path.write_text(text)
                    path.chmod(0o755)
            known = {"HELO": "probe.example.com", "MAIL_FROM": "verify@example.com", "LIMIT": "1000", "KEY": KEY, "ADDRESS": "203.0.113.7"}
            known |= {name: "" for name in ("AWS_REGION", "RCPT_CONTROL_TABLE", "RCPT_VAULT_KEY", "AWS_ACCESS_KEY_ID")}
            return subprocess.run([ROOT / "infra/deploy.sh"], env={"PATH": folder} | known | env, capture_output=True, text=True)

    def test_key_is_made_where_the_stack_is(self):
        # Wherever the CLI has its region from: a profile, AWS_DEFAULT_REGION, samconfig.toml.
        out = self.run_with()
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn(f"go run ./infra/adminkey; region eu-central-1, table some-output, key {KEY}, as AKIDEXAMPLE", out.stdout)
        self.assertIn("egress address: 203.0.113.7 (some-output)", out.stdout)

    def test_parameters_come_through(self):
        out = self.run_with(OVERRIDES="NatMode=none EgressCheck=mx1.example.net:25,mx.example.org:25").stdout
        self.assertIn("--parameter-overrides Helo=probe.example.com MailFrom=verify@example.com NatMode=none EgressCheck=mx1.example.net:25,mx.example.org:25;", out)

    def test_small_accounts_keep_nothing_unless_told(self):
        out = self.run_with(LIMIT="10", OVERRIDES="ProbeConcurrency=3").stdout
        self.assertIn("WebhookConcurrency=0 ProbeConcurrency=2 ProbeConcurrency=3;", out)  # the last one counts
        self.assertNotIn("WebhookConcurrency", self.run_with(LIMIT="200").stdout)

    def test_without_a_network_there_is_no_address(self):
        self.assertNotIn("egress address", self.run_with(ADDRESS="").stdout)

    def test_no_key_is_made_when_nothing_was_deployed(self):
        out = self.run_with(KEY="")
        self.assertEqual((out.returncode, "adminkey" in out.stdout), (1, False))
        self.assertIn("nothing was deployed", out.stderr)

    def test_what_is_missing_is_named_before_anything_is_done(self):
        for tool in ("aws", "sam", "go"):
            out = self.run_with(missing=[tool])
            self.assertEqual((out.returncode, out.stdout), (1, ""), tool)
            self.assertIn(f"needs the command {tool}", out.stderr)
        for name in ("HELO", "MAIL_FROM"):
            self.assertIn(name, self.run_with(**{name: ""}).stderr)


if __name__ == "__main__":
    unittest.main()
