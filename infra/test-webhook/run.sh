#!/bin/sh
# Starts rcpt on a free port and a folder of its own, and has a receiver in Node
# verify what it sends, in the two ways that receivers do: by re-serializing the
# body, and with the library of Standard Webhooks, which npm fetches once at the
# version that package-lock.json names. Nothing else leaves the machine.
set -eu
cd "$(dirname "$0")/../.."
here=$PWD/infra/test-webhook tools=$PWD/.build/webhook

if ! cmp -s "$tools/made-of" "$here/package-lock.json"; then
	rm -rf "$tools"
	mkdir -p "$tools"
	cp "$here/package.json" "$here/package-lock.json" "$tools/"
	(cd "$tools" && npm ci --silent --ignore-scripts --no-audit --no-fund)
	cp "$here/package-lock.json" "$tools/made-of"
fi

work=$(mktemp -d)
env -i RCPT_ADDR=127.0.0.1:0 RCPT_DATA="$work/data" RCPT_DNS=127.0.0.1:1 RCPT_WEBHOOK_ALLOW=127.0.0.1/32 \
	.build/local >"$work/out" 2>"$work/log" &
rcpt=$!
trap 'kill "$rcpt" 2>/dev/null || true; wait "$rcpt" || true; rm -rf "$work"' EXIT
until grep -q 'listens on' "$work/out" 2>/dev/null; do
	kill -0 "$rcpt" || { cat "$work/log"; exit 1; }
	sleep 0.1
done
set -a
. "$work/data/env"
set +a
(cd "$tools" && timeout 180 node "$here/check.mjs") || { cat "$work/log"; exit 1; }

kill "$rcpt"
wait "$rcpt" || { echo "rcpt did not end in order"; cat "$work/log"; exit 1; }
trap 'rm -rf "$work"' EXIT
if grep -E '"panic"|@[a-z0-9.-]+\.[a-z]|rk_(live|test)_|whsec_' "$work/log"; then
	echo "the log tells of a panic, an address or a secret"
	exit 1
fi
