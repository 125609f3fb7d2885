#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of commands that are missing, by the package
# manager and nothing else: need.sh COMMAND=PACKAGE...
# Does nothing where all are found. Needs root, or sudo that asks no question.
set -euo pipefail

missing=()
for pair in "$@"; do
	if [[ $pair != ?*=?* ]]; then
		echo "need.sh: ${pair@Q} is not COMMAND=PACKAGE" >&2
		exit 2
	fi
	# Servers lie outside an ordinary user's PATH, PostgreSQL's outside everybody's.
	PATH="$PATH:/usr/sbin:/sbin:$(printf '%s:' /usr/lib/postgresql/*/bin)" command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
	as_root=(sudo -n)
fi
if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! sudo -n true 2>/dev/null; }; then
	echo "need.sh: missing: ${missing[*]}" >&2
	echo "install them as root: apt-get install ${missing[*]}" >&2
	exit 1
fi

echo "need.sh: installing ${missing[*]}" >&2
# A lock held by a machine's own updates is waited for, within a bound.
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120)
# The lists may be absent on a fresh machine, or name versions that are gone.
"${apt[@]}" install --no-install-recommends "${missing[@]}" >&2 || {
	"${apt[@]}" update >&2
	"${apt[@]}" install --no-install-recommends "${missing[@]}" >&2
}
