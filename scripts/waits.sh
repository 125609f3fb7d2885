#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Counts how often the service waits for the disk under load: waits.sh CERTIFICATES
# Once with one caller, where each certificate is a batch of its own, and once with 32.
# A request waits for the log (its intent) and for the database (its row), and each of
# these waits may be shared by many. What nobody waits for is counted apart: groups of
# the log that hold FINALs alone, checkpoints and lists, the database's own checkpoint.
# Exits 1 if a certificate of one caller has more than two waits. Needs strace.
set -euo pipefail
cd "$(dirname "$0")/.."

count=${1:?waits.sh: how many certificates, such as 500}
scripts/need.sh strace=strace openssl=openssl python3=python3
CGO_ENABLED=0 go build -trimpath -o bin/chancery ./cmd/chancery
dir=$(mktemp -d)
tracer=
trap 'test -z "$tracer" || { kill -INT $(cat "/proc/$tracer/task/$tracer/children") || true; wait "$tracer" || true; }; rm -r "$dir"' EXIT
export CHANCERY_DIR=$dir/ca CHANCERY_LISTEN_HTTP=127.0.0.1:0 CHANCERY_LISTEN=off CHANCERY_LISTEN_MTLS=off

bin/chancery init --names lab.example --recovery-file "$dir/words" >/dev/null 2>&1
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -keyout "$dir/key" -subj /CN=nas.lab.example -addext subjectAltName=DNS:nas.lab.example -out "$dir/csr" 2>/dev/null
strace -f -y -ttt -s 0 -e trace=fsync,fdatasync -o "$dir/trace" bin/chancery serve 2>"$dir/serve.log" &
tracer=$!
until grep -q '^ready in' "$dir/serve.log"; do
	kill -0 "$tracer" || { cat "$dir/serve.log" >&2; exit 1; }
	sleep 0.1
done
bin/chancery sign "$dir/csr" >/dev/null # which waits for the end of the start

# groups counts the log's groups, all of them and those that hold nothing but FINALs.
groups() {
	python3 - "$CHANCERY_DIR"/signer/journal/*.seg <<-'PY'
		import struct, sys
		every = finals = 0
		for path in sys.argv[1:]:
		    b = open(path, "rb").read()
		    at = 64
		    while at + 40 <= len(b) and b[at:at + 8].strip(b"\0"):
		        octets, frames = struct.unpack(">II", b[at + 24:at + 32])
		        kinds, frame = set(), at + 40
		        for _ in range(frames):
		            kinds.add(b[frame + 5])
		            frame += 4 + struct.unpack(">I", b[frame:frame + 4])[0]
		        at += 40 + octets
		        every += 1
		        finals += kinds == {3}
		print(every, finals)
	PY
}

printf '%-9s %12s %10s %10s %12s %12s %8s %18s\n' callers certificates log database 'log: FINALs' 'db: its own' others 'waits/certificate'
for callers in 1 32; do
	read -r every finals < <(groups)
	from=$(date +%s.%N)
	seq "$count" | xargs -P "$callers" -I{} bin/chancery sign "$dir/csr" >/dev/null
	until_=$(date +%s.%N)
	read -r every_ finals_ < <(groups)
	awk -v from="$from" -v until="$until_" -v n="$count" -v callers="$callers" -v groups=$((every_ - every)) -v finals=$((finals_ - finals)) '
		$2 < from || $2 > until || !/(fsync|fdatasync)\(/ { next }
		/\.seg>/ { log_++; next }
		# A checkpoint of the database syncs its log first, and the first commit after it
		# syncs the new head of that log: neither is a wait of each batch.
		/book\.sqlite-wal>/ { if (head) own++; else wal++; head = 0; next }
		/book\.sqlite>/ { own += 2; wal--; head = 1; next }
		{ others++ }
		END {
			each = (log_ - finals + wal) / n
			printf "%-9d %12d %10d %10d %12d %12d %8d %18.2f\n", callers, n, log_ - finals, wal, finals, own, others, each
			# A checkpoint that a commit overtook looks like one wait more: one in some 170.
			exit callers == 1 && each > 2.02
		}' "$dir/trace"
done
