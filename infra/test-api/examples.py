"""Runs the programs of /docs as a reader would: from the page, by copy and paste.

Each is taken out of the page that the service shows, run with the environment of
`make run` ($RCPT_URL, $RCPT_KEY, $RCPT_ADMIN_KEY), and must write what its last
lines say it prints, where three dots stand for anything.
"""

import html.parser
import os
import re
import subprocess
import sys
import urllib.request

RUN = {"sh": ["sh", "-eu", "-c"], "mjs": ["node", "--input-type=module", "-e"], "py": ["python3", "-c"]}


class Programs(html.parser.HTMLParser):
    """Gathers what stands in <pre class="program">, by operation and language."""

    def __init__(self):
        super().__init__()
        self.found, self.operation, self.language = {}, "", None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "article":
            self.operation = attrs["id"]
        if tag == "pre":
            self.language = attrs.get("data-language")

    def handle_endtag(self, tag):
        if tag == "pre":
            self.language = None

    def handle_data(self, data):
        if self.language:
            name = self.operation + "." + self.language
            self.found[name] = self.found.get(name, "") + data


def promised(program):
    """What a program says it prints, as a pattern."""
    lines = re.findall(r"^(?:#|//) prints (.*)$", program, re.MULTILINE)
    return "\n".join(".*".join(map(re.escape, line.split("..."))) for line in lines)


def main():
    with urllib.request.urlopen(os.environ["RCPT_URL"] + "/docs", timeout=10) as page:
        programs = Programs()
        programs.feed(page.read().decode())
    wrong = 0
    for name, program in programs.found.items():
        run = subprocess.run([*RUN[name.rsplit(".")[-1]], program], capture_output=True, text=True, timeout=60)
        ok = run.returncode == 0 and re.fullmatch(promised(program), run.stdout.strip())
        print("ok  " if ok else "FAIL", name)
        if not ok:
            wrong += 1
            print(f"{program}\nended with {run.returncode} and wrote\n{run.stdout}{run.stderr}")
    print(f"{len(programs.found)} programs, {wrong} wrong")
    return 1 if wrong or len(programs.found) < 21 else 0


sys.exit(main())
