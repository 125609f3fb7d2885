#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzz target of the tree, one after the other: fuzz.sh TIME
# where TIME is what the go command takes, such as 10s, and counts per target.
# What a target finds stays in its package's testdata/fuzz: commit it with the cure.
set -euo pipefail
cd "$(dirname "$0")/.."

each=${1:?fuzz.sh: how long for each target, such as 10s}
count=0
failed=()
while IFS=: read -r file target; do
	count=$((count + 1))
	package=$(dirname "$file")
	echo "== $package $target"
	# The bound on the whole run is for a target that hangs inside one input.
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" -timeout 1h "$package" || failed+=("$package $target")
done < <(grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func /:/' | sort)

if ((count == 0)); then
	echo "fuzz.sh: no fuzz target found" >&2
	exit 1
fi
if ((${#failed[@]})); then
	printf 'failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
echo "$count targets, $each each"
