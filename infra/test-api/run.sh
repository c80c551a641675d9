#!/bin/sh
# Starts rcpt on a free port and a folder of its own, has schemathesis hold it
# against its OpenAPI description, runs the programs of /docs, and looks whether
# rcpt ends in order with nothing in its log that should not be there.
#
#   SEED     of what schemathesis sends (default 1)
#   EXAMPLES how many tries an operation gets (default 300)
#
# Nothing leaves the machine: names outside .test are asked of a port where
# nobody listens.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
schemathesis=$root/.build/schemathesis/bin

work=$(mktemp -d)
env -i RCPT_ADDR=127.0.0.1:0 RCPT_DATA="$work/data" RCPT_DNS=127.0.0.1:1 RCPT_WEBHOOK_ALLOW=127.0.0.1/32 \
	RCPT_VENDOR_BASE_MILLIONVERIFIER=sim RCPT_VENDOR_BASE_REOON=sim RCPT_VENDOR_BASE_NEVERBOUNCE=sim RCPT_VENDOR_BASE_ZEROBOUNCE=sim \
	RCPT_VENDOR_BASE_HUNTER=sim .build/local >"$work/out" 2>"$work/log" &
rcpt=$!
trap 'kill "$rcpt" 2>/dev/null || true; rm -rf "$work"' EXIT
until grep -q 'listens on' "$work/out"; do
	kill -0 "$rcpt" || { cat "$work/log"; exit 1; }
	sleep 0.1
done
set -a
. "$work/data/env"
set +a

# A key that may do everything. Its policy lets requests name it.
answer=$(curl -sS --fail-with-body "$RCPT_URL/v1/keys" -H "Authorization: Bearer $RCPT_ADMIN_KEY" \
	-d '{"account":"schemathesis","scopes":["verify","report","jobs","providers","admin"],"policy":"b2b","limits":{"reports_per_day":0}}')
key=$(printf %s "$answer" | sed 's/.*"secret":"\([^"]*\)".*/\1/')
RUN_KEY=$key
RUN_HOOK_TOKEN=$(printf %s "$answer" | sed 's/.*"hook_token":"\([^"]*\)".*/\1/')

# What requests about reports are led to: an address that this key reported, and
# keys of three accounts that report a domain.
curl -sS --fail "$RCPT_URL/v1/report-bounce" -H "Authorization: Bearer $key" \
	-d '{"email":"schemathesis@reported.example","reason":"hard_bounce"}' >/dev/null
RUN_BOUNCE=$(curl -sS --fail "$RCPT_URL/v1/bounces" -H "Authorization: Bearer $key" | sed 's/.*"id":"\([^"]*\)".*/\1/')
RUN_REPORTERS=
for account in one two three; do
	RUN_REPORTERS="$RUN_REPORTERS $(curl -sS --fail "$RCPT_URL/v1/keys" -H "Authorization: Bearer $RCPT_ADMIN_KEY" \
		-d '{"account":"'$account'","limits":{"reports_per_day":0}}' | sed 's/.*"secret":"\([^"]*\)".*/\1/')"
done
# And to a provider: a key that its double takes.
RUN_PROVIDER=$(curl -sS --fail "$RCPT_URL/v1/email-verifiers/providers" -H "Authorization: Bearer $key" \
	-d '{"provider":"hunter","api_key":"good-key-0123456789"}' | sed 's/.*"key":{"id":\([0-9]*\),.*/\1/')
# And to a check that will be repeated.
RUN_RECHECK=$(curl -sS --fail "$RCPT_URL/v1/verify" -H "Authorization: Bearer $key" \
	-d '{"email":"user1@busy.test","on_unknown":"reverify"}' | sed 's/.*"reverify":{"id":"\([^"]*\)".*/\1/')
# And to a job whose webhook nobody takes.
RUN_JOB=$(curl -sS --fail "$RCPT_URL/v1/jobs" -H "Authorization: Bearer $key" \
	-d '{"emails":["user1@ok.test"],"webhook_url":"http://127.0.0.1:1/"}' | sed 's/.*"id":"\(job_[^"]*\)".*/\1/')
until curl -sS --fail "$RCPT_URL/v1/jobs/$RUN_JOB/deliveries" -H "Authorization: Bearer $key" | grep -q msg_; do
	sleep 0.1
done
export RUN_JOB RUN_RECHECK RUN_KEY RUN_HOOK_TOKEN RUN_BOUNCE RUN_REPORTERS RUN_PROVIDER

# The keys of this run, by the id inside of each.
# shellcheck disable=SC2086 # each reporter is a word
RUN_KEYS=
for secret in "$key" "$RCPT_KEY" "$RCPT_ADMIN_KEY" $RUN_REPORTERS; do
	secret=${secret#rk_*_}
	RUN_KEYS="$RUN_KEYS ${secret%%_*}"
done
export RUN_KEYS

# From a file, so that the description's own path is asked for like the others.
curl -sS --fail "$RCPT_URL/v1/openapi.json" >"$work/openapi.json"
(
	cd "$work"
	PYTHONPATH=$root/infra/test-api PYTHONDONTWRITEBYTECODE=1 timeout 400 \
		"$schemathesis/st" --config-file "$root/infra/test-api/schemathesis.toml" --no-color run openapi.json --url "$RCPT_URL" \
		--header "Authorization: Bearer $key" --seed "${SEED:-1}" --max-examples "${EXAMPLES:-300}" --workers 1
)
python3 infra/test-api/examples.py

kill "$rcpt"
wait "$rcpt" || { echo "rcpt did not end in order"; cat "$work/log"; exit 1; }
trap 'rm -rf "$work"' EXIT
if grep -E '"level":"ERROR"|"panic"|@[a-z0-9.-]+\.[a-z]|rk_(live|test)_' "$work/log"; then
	echo "the log tells of an error, an address or a secret"
	exit 1
fi
