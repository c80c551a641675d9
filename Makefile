# rcpt. Bare `make` prints this list.
.DEFAULT_GOAL := help

FUZZTIME  ?= 60s
ENV       := CGO_ENABLED=0
PACKAGES  := ./...
FUNCTIONS := $(notdir $(wildcard functions/*))

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## run the product on this machine (storage in .local; settings in the README)
	@mkdir -p .build
	@$(ENV) go build -o .build/local ./infra/local
	@exec .build/local

.PHONY: test
test: lint ## everything that needs only Go: format, vet, lint, unit and end-to-end tests
	go test $(PACKAGES)

.PHONY: race
race: ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race $(PACKAGES)

.PHONY: test-api
test-api: .build/schemathesis ## schemathesis and the programs of /docs against a running rcpt (Python 3, Node 20, curl)
	@$(ENV) go build -o .build/local ./infra/local
	@infra/test-api/run.sh

.build/schemathesis: infra/test-api/requirements.txt
	@rm -rf $@
	@python3 -m venv $@
	@$@/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: build
build: $(FUNCTIONS:%=.build/%.zip) ## the functions as archives for Lambda: .build/NAME.zip

.build/%.zip: FORCE
	@mkdir -p .build/$*
	GOOS=linux GOARCH=arm64 $(ENV) go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w' -o .build/$*/bootstrap ./functions/$*
	@go run ./infra/zip .build/$*/bootstrap $@

FORCE:

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, errcheck, ineffassign
	@unformatted=$$(gofmt -l functions infra internal); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	go vet $(PACKAGES)
	go tool staticcheck $(PACKAGES)
	go tool errcheck $(PACKAGES)
	go tool ineffassign $(PACKAGES)

.PHONY: bench
bench: ## warm checks over HTTP beside an empty handler, median of five runs
	@mkdir -p .build
	@$(ENV) go build -o .build/local ./infra/local
	@$(ENV) go build -o .build/bench ./infra/bench
	@.build/bench

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
lists-check: ## what the tables of internal/lists promise, with the figures
	@go test -count=1 -v -run 'TestCheck|TestPoison|TestBadData|TestTyposAre|TestListsAgree|TestLookUps|TestInfoCounts' -bench . ./internal/lists/... ./infra/lists | grep -vE '^(===|goos|goarch|pkg)'

.PHONY: golden
golden: ## rewrite the expected verdicts and answers in testdata; review the diff
	go test ./internal/verify ./internal/httpapi ./internal/trigger -update
