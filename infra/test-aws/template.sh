# shellcheck shell=sh
# Checks template.yaml without AWS: the rules of cfn-lint, the promises of
# template/test_template.py on what AWS's own translator makes of it, and the
# state machines. To be sourced, after tools.sh.
check_template() {
	.build/aws/python/bin/cfn-lint template.yaml infra/*.yaml
	echo "passed cfn-lint"
	(cd infra/test-aws/template && PYTHONDONTWRITEBYTECODE=1 "$OLDPWD/.build/aws/python/bin/python" -m unittest)
	for machine in infra/statemachine/*.asl.json internal/store/storetest/testdata/*.asl.json; do
		.build/aws/node/node_modules/.bin/asl-validator --json-path "$machine"
	done
}
