// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// R133: a part of a name finds, and every filter narrows; a table says how much it shows.
func TestR133_ListFindsByPartsAndFilters(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	for name, days := range map[string]string{"nas.lab.example": "90", "web.lab.example": "7", "mqtt-02.iot.lab.example": "10"} {
		h.done("issue", name, "--days", days, "--out", h.file(name+".pem"), "--key-file", h.file(name+".key"))
	}
	for args, want := range map[string]string{
		"--search qtt-0": "mqtt-02.iot.lab.example", "--name mqtt*": "mqtt-02.iot.lab.example", "--name *.iot.lab.example": "mqtt-02.iot.lab.example",
		"--expiring 8d": "web.lab.example", "--expiring 30d --sort expiry --limit 1": "web.lab.example",
		"--source cli --name nas.lab.example": "nas.lab.example", "--line issuing --search nas": "nas.lab.example",
	} {
		s := h.done(append([]string{"list", "-o", "csv", "--fields", "common_name"}, strings.Fields(args)...)...)
		if got := strings.Fields(s.out); len(got) != 2 || got[1] != want {
			t.Errorf("list %s: %q", args, s.out)
		}
	}
	if s := h.done("list", "--expiring", "30d"); strings.Contains(s.out, "! valid") || !strings.Contains(s.out, " d)") || !strings.Contains(s.out, "OWNER") || !strings.Contains(s.err, "2 shown, 2 found, 5 valid in all, those of authorities included") {
		t.Errorf("the table:\n%s%s", s.out, s.err)
	}
	if s := h.types("list", "--expiring", "8d", "--fail-if-any"); s.code != exitFaults {
		t.Errorf("--fail-if-any: exit %d", s.code)
	}
	if s := h.done("list", "--status", "expiring", "--fail-if-any"); !strings.Contains(s.err, "none") {
		t.Errorf("what is young is expiring:\n%s", s.out)
	}
	if s := h.done("status"); !strings.Contains(s.out, "2 of them end within 30 days, and 0 of these should have been renewed") {
		t.Errorf("status:\n%s", s.out)
	}
	if s := h.done("verify", h.file("web.lab.example.pem")); strings.Contains(s.out, "warn") || strings.Contains(s.out, "! ") {
		t.Errorf("verify:\n%s", s.out)
	}
	if s := h.done("verify", h.file("web.lab.example.pem"), "--warn", "30d"); !strings.Contains(s.out, "expires on") {
		t.Errorf("verify --warn:\n%s", s.out)
	}
	if s := h.done("list", "--expiring", "2d", "--fail-if-any"); !strings.Contains(s.err, `none  --expiring "2d"`) {
		t.Errorf("nothing found: %s", s.err)
	}
	if s := h.done("list", "--issued-since", "2000-01-01", "-q"); strings.Count(s.out, "\n") < 3 {
		t.Errorf("issued since 2000:\n%s", s.out)
	}
	h.refused("E1101", "list", "--expiring", "soon")
	h.refused("E1101", "list", "--issued-since", "yesterday")
	h.refused("E1401", "list", "--status", "happy")
}

// No row is wider than a terminal whose width is known, while names are short.
func TestTablesFitTheTerminal(t *testing.T) {
	now := time.Now()
	rows := []ca.Certificate{{Common: "nas.lab.example", Profile: "server", Owner: "uid:1000", Serial: "41d24f9c21", NotAfter: now.AddDate(0, 0, 20)}}
	rows[0].NotBefore = now.AddDate(0, 0, -60)
	if text := listText(rows, now, 0); !strings.Contains(text, "! valid") {
		t.Errorf("what should have been renewed is not marked:\n%s", text)
	}
	for _, columns := range []int{40, 80, 120} {
		text := listText(rows, now, columns)
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > columns {
				t.Errorf("%d columns in a terminal of %d: %s", n, columns, line)
			}
		}
		if !strings.Contains(text, "nas.lab.example") || !strings.Contains(text, "d24f9c21") {
			t.Errorf("in %d columns:\n%s", columns, text)
		}
	}
	if thousands(1284) != "1 284" || thousands(12) != "12" || thousands(1234567) != "1 234 567" {
		t.Error("numbers are not grouped")
	}
}
