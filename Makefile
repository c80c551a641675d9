# rcpt. Bare `make` prints this list.
.DEFAULT_GOAL := help

FUZZTIME  ?= 60s
ENV       := CGO_ENABLED=0
PACKAGES  := ./...
FUNCTIONS := $(notdir $(patsubst %/main.go,%,$(wildcard functions/*/main.go)))
# The tracer brings grpc, and that a tracer of its own, unless told not to. Who
# traces its own steps is told in internal/telemetry.
TRACED    := account egresscheck verify webhooks
TAGS       = lambda.norpc,grpcnotrace$(UNTRACED)
VERSION   := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## run the product on this machine (storage in .local; settings in the README)
	@mkdir -p .build
	@$(ENV) go build -o .build/local ./infra/local
	@exec .build/local

.PHONY: job
job: ## check a list: FILE=list.csv, and maybe FORMAT=csv|jsonl|json MODE=soft|full POLICY=name COLUMN=name (RCPT_URL and RCPT_KEY, else those of .local)
	@mkdir -p .build
	@$(ENV) go build -o .build/job ./infra/job
	@exec .build/job -format "$(FORMAT)" -mode "$(MODE)" -policy "$(POLICY)" -column "$(COLUMN)" $(if $(FILE),"$(FILE)")

.PHONY: test
test: lint ## everything that needs only Go: format, vet, lint, unit and end-to-end tests
	go test $(PACKAGES)

.PHONY: race
race: ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race $(PACKAGES)

.PHONY: test-api
test-api: .build/schemathesis ## schemathesis, the programs of /docs and a receiver of webhooks against a running rcpt (Python 3, Node 20, npm, curl)
	@$(ENV) go build -o .build/local ./infra/local
	@infra/test-api/run.sh
	@infra/test-webhook/run.sh

.PHONY: drill
drill: ## jobs of 20,000 and 300,000 rows while the product is killed 20 times, and while everything comes twice
	DRILL=full go test -count=1 -timeout 20m -v -run 'SurvivesDeaths|EverythingComesTwice' ./infra/local

.build/schemathesis: infra/test-api/requirements.txt
	@rm -rf $@
	@python3 -m venv $@
	@$@/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: build
build: $(FUNCTIONS:%=.build/%.zip) ## the functions as archives for Lambda: .build/NAME.zip

.build/%.zip: FORCE
	@mkdir -p .build/$*
	GOOS=linux GOARCH=arm64 $(ENV) go build -trimpath -buildvcs=false -tags $(TAGS) -ldflags '-s -w -X rcpt/internal/function.version=$(VERSION)' -o .build/$*/bootstrap ./functions/$*
	@go run ./infra/zip .build/$*/bootstrap $@

$(filter-out $(TRACED:%=.build/%.zip),$(FUNCTIONS:%=.build/%.zip)): UNTRACED := ,notrace

# Of HTTP/2, 0.4 MB, they have no use: they ask services of AWS alone.
.build/jobs.zip .build/planner.zip: TAGS := lambda.norpc,grpcnotrace,notrace,nethttpomithttp2

FORCE:

.PHONY: deploy
deploy: build ## the stack of template.yaml into your AWS account; prints the first admin key (AWS CLI, SAM CLI)
	@infra/deploy.sh

.PHONY: cost
cost: ## what it costs on AWS, reckoned from measured calls
	@go run ./infra/cost

.PHONY: test-mta
test-mta: ## probe Postfix, Exim, OpenSMTPD and others in namespaces of their own (root, Debian; fetches their packages)
	@mkdir -p .build
	@$(ENV) go build -o .build/local ./infra/local
	@$(ENV) go build -o .build/test-mta ./infra/test-mta
	@.build/test-mta

.PHONY: test-aws
test-aws: ## the AWS side against stand-ins for AWS (Java 17, Maven, Python 3; fetches DynamoDB Local and moto)
	@infra/test-aws/run.sh

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, errcheck, ineffassign
	@unformatted=$$(gofmt -l functions infra internal); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	go vet $(PACKAGES)
	go tool staticcheck $(PACKAGES)
	go tool errcheck $(PACKAGES)
	go tool ineffassign $(PACKAGES)

.PHONY: bench
bench: ## the binaries of the functions, the prober beside a naive one, pacing, a long stream, jobs, webhooks, HTTP beside an empty handler; BENCH=prober runs one, BENCH=million a million rows
	@mkdir -p .build
	@$(ENV) go build -o .build/local ./infra/local
	@$(ENV) go build -o .build/bench ./infra/bench
	@.build/bench $(BENCH)

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (default 60s)
	@grep -rlE '^func Fuzz' --include='*_test.go' internal | while read -r file; do \
		for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9]*).*/\1/p' $$file); do \
			echo "$$target in $$(dirname $$file)"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file) || exit 1; \
		done; \
	done

.PHONY: lists
lists: ## make the tables of internal/lists from the packages in infra/lists/lock.json (needs npm and apt)
	@$(ENV) go run ./infra/lists

.PHONY: lists-check
lists-check: ## what the lists promise, built in and refreshed, with the figures (the last line needs a C compiler)
	@go test -count=1 -v -run 'TestCheck|TestPoison|TestBad|TestTyposAre|TestListsAgree|TestLookUps|TestInfoCounts|TestHuge|TestSourcesThatHang|TestDeath' -bench . ./internal/lists/... ./internal/app ./infra/lists | grep -vE '^(===|goos|goarch|pkg)'
	@CGO_ENABLED=1 go test -count=1 -race -v -run TestSwapUnderLookUps ./internal/lists/refresh | grep -vE '^==='

.PHONY: golden
golden: ## rewrite the expected verdicts and answers in testdata; review the diff
	go test ./internal/verify ./internal/httpapi ./internal/trigger -update
