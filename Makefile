# SPDX-License-Identifier: Apache-2.0
# FUZZTIME is how long `make fuzz` stays with each target.
FUZZTIME ?= 10s
# ROUNDS is how often `make bench` lets the servers take turns.
ROUNDS ?= 5
# GROWN is how many certificates there are when slow commits, and OCSP, are measured once more.
GROWN ?= 0

# CLIENTS and SERVERS are the programs that tests meet, each with its Debian
# package. apache2-bin is the server without a service.
CLIENTS = openssl=openssl curl=curl certtool=gnutls-bin python3=python3 node=nodejs npm=npm javac=default-jdk-headless keytool=default-jre-headless pk12util=libnss3-tools groff=groff-base zsh=zsh fish=fish /usr/lib/python3/dist-packages/cryptography/__init__.py=python3-cryptography
SERVERS = initdb=postgresql nginx=nginx apache2=apache2-bin haproxy=haproxy stunnel=stunnel4

.PHONY: help build docs run test integration lint fuzz bench soak

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

build: ## the program, static: bin/chancery
	CGO_ENABLED=0 go build -trimpath -o bin/chancery ./cmd/chancery

docs: build ## the pages that are made of the program: docs/cli.md, docs/errors.md
	LC_ALL=C.UTF-8 bin/chancery man --reference > docs/cli.md
	LC_ALL=C.UTF-8 bin/chancery explain --all > docs/errors.md

run: ## build, found an authority in ./chancery-data, sign a request, stay up
	@scripts/need.sh openssl=openssl
	@scripts/run.sh

test: ## every test, with the real tools they need
	@scripts/need.sh $(CLIENTS) $(SERVERS)
	go vet ./...
	PATH="$$PATH:$$(printf '%s:' /usr/lib/postgresql/*/bin)" go test -tags faults -timeout 40m ./...

integration: ## only the tests with real clients, databases and whole processes, afresh
	@scripts/need.sh $(CLIENTS) $(SERVERS)
	PATH="$$PATH:$$(printf '%s:' /usr/lib/postgresql/*/bin)" go test -tags faults -count=1 ./cmd/... ./store/... ./audit/... ./internal/fronts

# staticcheck looks at the program alone: tests do on purpose what it warns of,
# such as making a DSA key that must be refused.
lint: ## go vet, gofmt, staticcheck, and the rules of internal/arch
	go vet ./...
	go vet -tags faults ./...
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt: $$unformatted" >&2; exit 1; fi
	cd tools && go build -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck -tests=false ./...
	go test -count=1 ./internal/arch

fuzz: ## each fuzz target for FUZZTIME (10s)
	scripts/fuzz.sh $(FUZZTIME)

bench: ## each benchmark, then ours beside step-ca and openssl ca in ROUNDS (5) rounds, as ratios
	@scripts/need.sh openssl=openssl initdb=postgresql
	scripts/bench.sh $(ROUNDS) $(GROWN)

soak: ## the same tests at night size: a million crashes and hostile frames, ten minutes for each fuzz target
	@scripts/need.sh openssl=openssl initdb=postgresql
	CHANCERY_SOAK=1 PATH="$$PATH:$$(printf '%s:' /usr/lib/postgresql/*/bin)" go test -count=1 -timeout 4h ./signer/... ./audit ./encode ./store ./internal/crash
	CHANCERY_SOAK=1 PATH="$$PATH:$$(printf '%s:' /usr/lib/postgresql/*/bin)" go test -tags faults -count=1 -v -timeout 1h -run 'FT02|BK06|LN01' ./cmd/chancery
	scripts/fuzz.sh 10m
