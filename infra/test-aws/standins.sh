# shellcheck shell=sh
# Starts and ends the stand-ins for AWS. To be sourced, from the root of the
# project, after tools.sh; $work is a folder for their logs.
#
#   start_dynamodb  DynamoDB Local, RCPT_TEST_DYNAMODB
#   start_moto      moto, RCPT_TEST_MOTO; its state machines look for the services
#                   they call at RCPT_TEST_MOTO_CALLS, where a test listens
#   stop_standins   ends what was started
#
# A stand-in is ready when it answers, not when its port is open. One that ends
# before, or does not answer for a minute, ends the run by name.

standins=

# free_port prints a port that nobody has. Another process might take it before
# the stand-in does; then the stand-in ends, and says so in its log.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# started NAME PID COMMAND waits until the command succeeds.
started() {
	standins="$standins $2"
	tries=0
	until sh -c "$3" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if ! kill -0 "$2" 2>/dev/null || [ "$tries" -gt 600 ]; then
			echo "$1 did not start:" >&2
			cat "$work/$1.log" >&2
			exit 1
		fi
		sleep 0.1
	done
}

# It listens on all addresses and cannot be told otherwise; it holds nothing but
# what tests write.
start_dynamodb() {
	port=$(free_port)
	java -Djava.library.path=.build/aws/dynamodb -cp '.build/aws/dynamodb/*' \
		software.amazon.dynamodb.services.local.main.ServerRunner \
		-inMemory -sharedDb -disableTelemetry -port "$port" >"$work/dynamodb.log" 2>&1 &
	started dynamodb $! "curl -sf -m 5 http://127.0.0.1:$port -d '{}' \
		-H 'X-Amz-Target: DynamoDB_20120810.ListTables' -H 'Content-Type: application/x-amz-json-1.0' \
		-H 'Authorization: AWS4-HMAC-SHA256 Credential=rcpt/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00'"
	export RCPT_TEST_DYNAMODB="http://127.0.0.1:$port"
}

start_moto() {
	port=$(free_port)
	calls=$(free_port)
	MOTO_PORT=$calls .build/aws/python/bin/moto_server -H 127.0.0.1 -p "$port" >"$work/moto.log" 2>&1 &
	started moto $! "curl -sf -m 5 http://127.0.0.1:$port/moto-api/data.json"
	export RCPT_TEST_MOTO="http://127.0.0.1:$port" RCPT_TEST_MOTO_CALLS="127.0.0.1:$calls"
}

stop_standins() {
	for pid in $standins; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in $standins; do
		wait "$pid" 2>/dev/null || true
	done
	standins=
}
