#!/bin/sh
# Deploys the stack and prints the first admin key. Needs Go, the AWS CLI and the
# SAM CLI, and credentials that may create what template.yaml lists.
#
#   HELO=probe.example.com MAIL_FROM=verify@example.com make deploy
#
# Other parameters of template.yaml go into samconfig.toml or OVERRIDES, such as
# OVERRIDES="NatMode=instance EgressCheck=mx.example.com:25".
set -eu
cd "$(dirname "$0")/.."
: "${HELO:?the name of our address, such as probe.example.com}"
: "${MAIL_FROM:?a mailbox of yours, such as verify@example.com}"
stack=${STACK:-rcpt}
for tool in aws sam go; do
	command -v "$tool" >/dev/null || { echo "make deploy needs the command $tool: README, Deploy" >&2; exit 1; }
done

# An account that may run few environments at once, as new ones, cannot keep some
# of them for webhooks: AWS would refuse the stack. Batch jobs must leave it some.
limit=$(aws lambda get-account-settings --query AccountLimit.ConcurrentExecutions --output text)
if [ "$limit" -lt 200 ]; then
	echo "this account may run $limit environments at once: none are kept for webhooks, 2 for batch jobs; ask AWS for 1000,"
	echo 'then deploy once with OVERRIDES="WebhookConcurrency=100 ProbeConcurrency=20"'
	OVERRIDES="WebhookConcurrency=0 ProbeConcurrency=2 ${OVERRIDES:-}"
fi

# shellcheck disable=SC2086 # each override is a word
sam deploy --template-file template.yaml --stack-name "$stack" \
	--parameter-overrides "Helo=$HELO" "MailFrom=$MAIL_FROM" ${OVERRIDES:-}

output() {
	aws cloudformation describe-stacks --stack-name "$stack" --output text \
		--query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

key=$(output VaultKey)
if [ -z "$key" ]; then
	echo "nothing was deployed" >&2 # the changes were not confirmed
	exit 1
fi
address=$(output EgressAddress)
echo "API:            $(output Url)"
if [ -n "$address" ]; then
	echo "egress address: $address ($(output EgressAllocation))"
fi
echo "dashboard:      $(output Dashboard)"
# The CLI finds its region in more places than the environment: the key tells it.
eval "$(aws configure export-credentials --format env)"
AWS_REGION=$(echo "$key" | cut -d : -f 4) RCPT_CONTROL_TABLE=$(output ControlTable) RCPT_VAULT_KEY=$key \
	go run ./infra/adminkey
