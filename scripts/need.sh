#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of commands that are missing, by the package
# manager and nothing else: need.sh COMMAND=PACKAGE...
# Servers among them are not started, neither now nor at boot: tests start their own.
# A command that begins with / is a file, for packages that bring no command.
# Does nothing where all are found. Needs root, or sudo that asks no question.
set -euo pipefail

missing=()
for pair in "$@"; do
	if [[ $pair != ?*=?* ]]; then
		echo "need.sh: ${pair@Q} is not COMMAND=PACKAGE" >&2
		exit 2
	fi
	[[ ${pair%%=*} == /* && -e ${pair%%=*} ]] && continue
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
# Debian starts a server that it installs, unless this file says 101: not allowed
# (invoke-rc.d(8)). One that is there is the machine's own, and stays.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
	trap '"${as_root[@]}" rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
	"${as_root[@]}" chmod 755 "$policy"
fi
# What a boot starts; a machine without systemd has none.
boot() {
	if command -v systemctl >/dev/null; then
		(cd /etc/systemd/system/multi-user.target.wants 2>/dev/null && ls -- *.service 2>/dev/null) || true
	fi
}
before=$(boot)
# A lock held by a machine's own updates is waited for, within a bound.
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120)
# The lists may be absent on a fresh machine, or name versions that are gone.
"${apt[@]}" install --no-install-recommends "${missing[@]}" >&2 || {
	"${apt[@]}" update >&2
	"${apt[@]}" install --no-install-recommends "${missing[@]}" >&2
}
while read -r unit; do
	[[ -z $unit ]] || "${as_root[@]}" systemctl disable --quiet "$unit" >&2
done < <(comm -13 <(echo "$before") <(boot))
