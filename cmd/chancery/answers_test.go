// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// An error about the form of the answer must mean that nothing happened.
func TestAnAnswerThatCannotBeGivenIsRefusedBeforeTheDeed(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("sign", h.request("nas.lab.example"))
	request := h.request("web.lab.example")
	fresh := h.file("fresh")
	state := func() string {
		return h.done("list", "--fields", "serial,revoked", "-o", "csv").out + h.done("crl", "show", "-o", "csv").out + h.done("key", "list").out
	}
	before := state()
	for _, line := range []string{
		"sign " + request, "revoke nas.lab.example --confirm nas.lab.example", "crl publish", "key lock", "key unlock",
		"init --names lab.example --dir " + fresh + " --recovery-file " + h.file("fresh.words"), "recover --void 5 --confirm 5", "doctor --fix",
	} {
		forms := []string{"-o csv", "--fields nope"}
		if strings.HasPrefix(line, "crl") || strings.HasPrefix(line, "doctor") {
			forms[0] = "-o pem" // they have rows
		}
		for _, form := range forms {
			h.refused("E1101", strings.Fields(line+" "+form)...)
		}
	}
	if after := state(); after != before {
		t.Errorf("something was done: before\n%s\nafter\n%s", before, after)
	}
	for _, path := range []string{fresh, h.file("fresh.words")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("init made %s", path)
		}
	}
}

// Fields are known by the type of the rows, so an empty list refuses a wrong one
// too; a page stays a page with them.
func TestFieldsOfAPage(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("sign", h.request("nas.lab.example"))
	h.refused("E1101", "list", "--name", "nobody.lab.example", "--fields", "nope")
	var page struct {
		Items []map[string]any `json:"items"`
		Next  string           `json:"next_cursor"`
	}
	s := h.done("list", "--json", "--fields", "serial", "--limit", "1")
	if err := json.Unmarshal([]byte(s.out), &page); err != nil || len(page.Items) != 1 || len(page.Items[0]) != 1 || page.Items[0]["serial"] == "" || page.Next == "" {
		t.Errorf("%v\n%s", err, s.out)
	}
	if s := h.done("crl", "publish", "-o", "csv"); !strings.HasPrefix(s.out, "authority,number,") {
		t.Errorf("the header of a list without columns of its own:\n%s", s.out)
	}
}

// What is not there is told from what nothing passes.
func TestAListNamesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	request := h.request("nas.lab.example")
	h.done("sign", request)
	for line, want := range map[string]string{
		"list --ca nix": "E2101", "list --profile nix": "E2118", "list --limit 0": "E1101", "list --limit 501": "E1101",
		"sign --days 0 " + request: "E1101", "crl publish --days 0": "E1101",
	} {
		s := h.refused(want, strings.Fields(line)...)
		if (s.code == exitUsage) != (want == "E1101") {
			t.Errorf("%s: exit %d", line, s.code)
		}
	}
	h.done("list", "--profile", "client") // which is there, and has none
	if s := h.done("list", "--name", "nas.lab.example", "--fields", "status", "-o", "csv"); s.out != "status\nvalid\n" {
		t.Errorf("the rows' status: %q", s.out)
	}
	h.done("revoke", "nas.lab.example", "--confirm", "nas.lab.example")
	if s := h.done("show", "nas.lab.example", "--json"); !strings.Contains(s.out, `"status": "revoked"`) {
		t.Errorf("show --json:\n%s", s.out)
	}
}
