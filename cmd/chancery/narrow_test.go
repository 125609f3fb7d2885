// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// Lines fit a terminal of forty columns, and what is to be copied stays whole.
func TestLinesFitATerminalOfFortyColumnsAndCommandsStayWhole(t *testing.T) {
	const hint = "chancery profile set server --allow-dns '*.other.example' --yes"
	text := fitted("short\n! the certificate of the listeners over TLS ends on 2027-01-01 and was not renewed  → "+hint+"\n"+
		"  certificates  408 valid, 12 of them end within 30 days; nothing is issued (chancery key unlock --words), as you see\n", 40)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if utf8.RuneCountInString(line) > 40 && !strings.HasSuffix(line, hint) {
			t.Errorf("too long: %q", line)
		}
	}
	for _, whole := range []string{"short\n", "\n  → " + hint + "\n", "(chancery key unlock --words),"} {
		if !strings.Contains(text, whole) {
			t.Errorf("%q is not whole:\n%s", whole, text)
		}
	}
	if whole := "  certificates  408 valid, 12 of them\n                end within 30 days;"; !strings.Contains(text, whole) { // a column stays one
		t.Errorf("%q is not in its columns:\n%s", whole, text)
	}
	const flags = "--password-file FILE --recovery-file FILE --yes"
	if text := fitted("  hint: the same again with "+flags+", or not\n", 40); !strings.Contains(text, flags+",\n") {
		t.Errorf("flags are torn apart:\n%s", text)
	}
	if long := strings.Repeat("word ", 40); fitted(long, 0) != long {
		t.Error("what is no terminal is broken")
	}
}

// A cell of CSV is a text: neither brackets nor braces.
func TestACellIsAText(t *testing.T) {
	for value, want := range map[string]string{
		`["requester","auditor"]`: "requester auditor", `{"code":"E2107","kind":"refused","detail":"not allowed"}`: "E2107 not allowed", `"a"`: "a", `7`: "7", `null`: "",
	} {
		if got := (field{"x", json.RawMessage(value)}).cell(); got != want {
			t.Errorf("%s: %q", value, got)
		}
	}
	for n, want := range map[int]string{1: "1 entry", 2: "2 entries"} {
		if got := counted(n, "entry"); got != want {
			t.Errorf("%q", got)
		}
	}
	if counted(2, "authority") != "2 authorities" || counted(0, "key") != "0 keys" || counted(2, "day") != "2 days" {
		t.Error("a plural is wrong")
	}
}
