// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/client"
)

// Who did what is told by a command: each act with who asked, a token's too, and each policy
// with what it changed.
func TestWhoDidWhatIsListed(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	me := fmt.Sprintf("uid:%d", os.Getuid())
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.refused("E2107", "issue", "nas.far.example")
	h.done("revoke", "nas.lab.example", "--confirm", "nas.lab.example")
	h.done("profile", "set", "server", "--days", "47", "--yes")
	h.done("policy", "grant", "uid:7", "--profile", "server", "--dns", "a.lab.example", "--yes")
	said := h.done("audit", "list").out
	for _, told := range []string{"revoked", "refused", `E2107 "nas.far.example"`, "issued", "founded"} {
		if !strings.Contains(said, told) {
			t.Errorf("%s is not told:\n%s", told, said)
		}
	}
	var rows []client.Event
	s := h.done("audit", "list", "--kind", "revoked", "--since", "1h", "--actor", me, "--json")
	if err := json.Unmarshal([]byte(s.out), &rows); err != nil || len(rows) != 1 || rows[0].Kind != "revoked" || rows[0].Actor != me || len(rows[0].Leaf) == 0 {
		t.Errorf("%v\n%s", err, s.out)
	}
	if all, page := strings.Count(h.done("audit", "list", "--all", "-o", "csv").out, "\n"), strings.Count(h.done("audit", "list", "--limit", "1", "-o", "csv").out, "\n"); all < 7 || page != 2 {
		t.Errorf("%d and %d lines", all, page)
	}
	if s := h.done("audit", "list", "--actor", "uid:4711"); s.out != "" || !strings.Contains(s.err, "none") {
		t.Errorf("of nobody: %s%s", s.out, s.err)
	}
	h.refused("E1401", "audit", "list", "--kind", "feast")
	h.refused("E1101", "audit", "list", "--limit", "0")
	var past []ca.PolicyVersion
	s = h.done("policy", "history", "--json")
	if err := json.Unmarshal([]byte(s.out), &past); err != nil || len(past) != 3 || past[0].Version != 3 || past[0].Leaf <= past[1].Leaf || past[1].By != me {
		t.Fatalf("%v\n%s", err, s.out)
	}
	for i, want := range []string{"grant to uid:7 of a.lab.example for server added", "profile server changed", ""} {
		if got := strings.Join(past[i].Changes, "; "); got != want {
			t.Errorf("version %d changed %q, want %q", past[i].Version, got, want)
		}
	}
	if s := h.done("policy", "history"); !strings.Contains(s.out, "the first") || !strings.Contains(s.out, "profile server changed") {
		t.Error(s.out)
	}
}
