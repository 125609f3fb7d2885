#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job with embedded defaults: builds, founds an installation in
# ./chancery-data if there is none, has a request signed that this program did
# not make, lets OpenSSL judge the chain, and serves until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."

CGO_ENABLED=0 go build -o bin/chancery ./cmd/chancery
export CHANCERY_DIR=$PWD/chancery-data
if [[ ! -e $CHANCERY_DIR/chancery.toml ]]; then
	bin/chancery init --names lab.example --hostname ca.lab.example --unlock auto --recovery-file chancery-recovery.txt | sed '/^Next:/,$d'
fi

work=$(mktemp -d)
service=
# At a terminal the service becomes its foreground job, so that Ctrl-C is for it alone: make
# would call an end that was wished an interrupt. Job control does that.
if [[ -t 0 && -t 2 ]]; then
	set -m
fi
# Whatever ends this script ends the service with it, and is not the script's fault.
finish() {
	rm -rf "$work"
	if [[ $service ]]; then
		kill -INT "$service" 2>/dev/null || true
		wait "$service" || true
	fi
}
trap finish EXIT

if ! flock --nonblock "$CHANCERY_DIR/run/lock" true; then
	echo "The service runs already, in another terminal."
else
	bin/chancery serve 2> >(tee "$work/said" >&2) &
	service=$!
	until grep -qs '^ready in' "$work/said"; do
		kill -0 "$service" 2>/dev/null || { service=; exit 1; }
		sleep 0.05
	done
fi

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -keyout "$work/key.pem" \
	-subj /CN=nas.lab.example -out "$work/nas.csr" 2>/dev/null
bin/chancery sign "$work/nas.csr" >"$work/nas.pem"
bin/chancery ca show root-g1 -o pem >"$work/root.pem"
openssl verify -x509_strict -purpose sslserver -verify_hostname nas.lab.example \
	-CAfile "$work/root.pem" -untrusted "$work/nas.pem" "$work/nas.pem" >/dev/null
echo "✓ a request made by OpenSSL was signed, and OpenSSL accepts the chain"
openssl x509 -in "$work/root.pem" -noout -fingerprint -sha256 | sed 's/^.*=/  root fingerprint (SHA-256)  /'
cat <<TEXT
Next, in another terminal:
       bin/chancery --dir chancery-data issue web.lab.example
       bin/chancery --dir chancery-data list
       bin/chancery --dir chancery-data audit verify
TEXT
if [[ $service && $- == *m* ]]; then
	fg >/dev/null
	service=
elif [[ $service ]]; then
	wait "$service"
fi
