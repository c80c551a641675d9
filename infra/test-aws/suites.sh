# shellcheck shell=sh
# Runs the tests of the adapters, and of the functions over them, against the
# stand-ins. To be sourced.

# test_suites fails by name for every test that was skipped, and for every one
# of suites.txt that did not pass.
test_suites() {
	status=0
	go test -p 1 -count=1 -v ./internal/cloud/... >"$work/suites.log" 2>&1 || status=$?
	# Tests that wait for greylisting and deadlines do so at the same time.
	go test -p 1 -count=1 -parallel 16 -v ./infra/test-aws/... >>"$work/suites.log" 2>&1 || status=$?
	grep -E '^(ok|FAIL|panic)' "$work/suites.log" || true
	if [ "$status" != 0 ]; then
		grep -vE '^ *(=== |--- PASS)' "$work/suites.log"
		cp "$work"/*.log .build/aws
		echo "test-aws: some test failed; the stand-ins' logs are in .build/aws" >&2
		return 1
	fi
	if grep -A1 -E '^ *--- SKIP' "$work/suites.log"; then
		echo "test-aws: nothing may be skipped here" >&2
		return 1
	fi
	missing=0
	while read -r package name; do
		case $package in '' | '#'*) continue ;; esac
		if passed "$package" "$name" <"$work/suites.log"; then
			echo "passed $package $name"
		else
			echo "missing: $name of $package did not run" >&2
			missing=1
		fi
	done <infra/test-aws/suites.txt
	return "$missing"
}

# passed PACKAGE TEST looks into the output of go test -v, where a package is
# named behind its tests.
passed() {
	awk -v package="rcpt/$1" -v test="$2" '
		$2 == "PASS:" && $3 == test { seen = 1 }
		$1 == "ok" { if ($2 == package && seen) found = 1; seen = 0 }
		END { exit !found }'
}
