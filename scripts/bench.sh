#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every benchmark: bench.sh ROUNDS GROWN
# First the parts, once; then whole servers, ours and the peers in turn, as often
# as ROUNDS says. All output is kept in bin/bench.txt, and ends with a table of
# ratios: a machine's own rates say little, what stands beside them in the same
# round says more. Last, ours with commits 5 ms slower, as on a slow disk, and OCSP, both
# with GROWN certificates in the database.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:?bench.sh: how many rounds, such as 5}
grown=${2:?bench.sh: how many certificates there are, such as 0 or 1000000}
out=bin/bench.txt
each=3s # long enough that a database is past its first, empty pages
servers='^Benchmark(Issue|OpenSSL|Cal|Responder)$'
PATH="$PATH:$(printf '%s:' /usr/lib/postgresql/*/bin)"

mkdir -p bin
# Without cgo: the peer's smart card support would want headers nobody has.
(cd bench/peers && CGO_ENABLED=0 go build -trimpath -o ../../bin/step-ca github.com/smallstep/certificates/cmd/step-ca)
{
	grep -m1 'smallstep/certificates ' bench/peers/go.mod
	openssl version
	go test -run '^$' -bench . -skip "$servers" -benchmem ./...
	for round in $(seq "$rounds"); do
		echo "round $round"
		go test -run '^$' -bench "$servers" -benchtime "$each" -benchmem ./cmd/chancery
		(cd bench/peers && go test -run '^$' -bench . -benchtime "$each" -benchmem ./...)
	done
} | tee "$out"

# "openssl ca" knows one caller only, so its one rate stands beside all of ours.
awk '
	function median(key, peer,   i, j, n, v, swap) {
		for (n = 0; n < round; n++) {
			v[n] = rate[n + 1, key]
			if (peer != "") v[n] /= rate[n + 1, peer]
		}
		for (i = 1; i < n; i++)
			for (j = i; j > 0 && v[j] < v[j - 1]; j--) { swap = v[j]; v[j] = v[j - 1]; v[j - 1] = swap }
		return (v[int((n - 1) / 2)] + v[int(n / 2)]) / 2
	}
	/^round / { round = $2 }
	/^Benchmark/ && round {
		sub(/^Benchmark/, "", $1); sub(/-[0-9]+$/, "", $1)
		for (i = 2; i < NF; i++) if ($(i + 1) == "certs/s" || $(i + 1) == "answers/s") rate[round, $1] = $i
	}
	END {
		printf "\nmedians; rounds: %d; the last three columns are ours as a multiple of theirs\n", round
		printf "%-21s %9s %9s %11s %9s\n", "", "certs/s", "step-ca", "openssl ca", "cal"
		split("sqlite postgresql", engine, " "); split("c=1 c=16 c=64", callers, " ")
		for (e = 1; e <= 2; e++) for (c = 1; c <= 3; c++) {
			ours = "Issue/" engine[e] "/" callers[c]
			printf "%-21s %9.0f %9.2f %11.1f %9.2f\n", engine[e] " " callers[c], median(ours),
				median(ours, "StepCA/" callers[c]), median(ours, "OpenSSL"), median(ours, "Cal/" callers[c])
		}
		others = split("StepCA/c=1 StepCA/c=16 StepCA/c=64 OpenSSL Cal/c=1 Cal/c=16 Cal/c=64", other, " ")
		for (o = 1; o <= others; o++) printf "%-21s %9.0f\n", other[o], median(other[o])
		printf "\n%-21s %9s %13s %11s\n", "64 clients of OCSP", "answers/s", "empty handler", "openssl"
		asked = split("kept many signed openssl empty", kind, " ")
		for (k = 1; k <= asked; k++) {
			answers = "Responder/" kind[k]
			printf "%-21s %9.0f %13.2f %11.2f\n", kind[k], median(answers), median(answers, "Responder/empty"), median(answers, "Responder/openssl")
		}
	}' "$out" | tee -a "$out"

CHANCERY_GROWN=$grown go test -tags faults -run '^$' -bench 'IssueDelayed' -benchtime "$each" -timeout 3h ./cmd/chancery | tee -a "$out"
if ((grown)); then
	CHANCERY_GROWN=$grown go test -run '^$' -bench 'Responder/(empty|kept|many)' -benchtime "$each" -timeout 3h ./cmd/chancery | tee -a "$out"
fi
