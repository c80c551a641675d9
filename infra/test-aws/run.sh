#!/bin/sh
# Shows without AWS that the AWS side is right: installs the stand-ins, starts
# them on free ports, holds everything against them, and ends them.
set -eu
cd "$(dirname "$0")/../.."

infra/test-aws/tools.sh
. infra/test-aws/standins.sh
. infra/test-aws/template.sh
. infra/test-aws/suites.sh

work=$(mktemp -d)
trap 'stop_standins; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

check_template
start_dynamodb
start_moto
test_suites
