// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
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
	if s := h.done("crl", "publish", "-o", "csv"); !strings.HasPrefix(s.out, "authority,scope,number,") {
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

func TestSmallAnswersOfAFirstDay(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	// Two processes know of a loose mode; one says it.
	key := filepath.Join(h.dir, "signer", "keys", "issuing-g1.key")
	for _, mode := range []os.FileMode{0o644, 0o400} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		if s := h.types("status"); mode == 0o644 && (strings.Count(s.err, "code: E1404") != 1 || strings.Contains(s.err, "KY-")) {
			t.Errorf("%s", s.err)
		}
	}
	if s := h.refused("E1101", "serve", "--listen-http", "nonsense"); !strings.Contains(s.err, "hint: chancery serve --listen-http") {
		t.Errorf("%s", s.err)
	}
	if s := h.refused("E1001", "status", "--dir", "/etc"); strings.Contains(s.err, "init") {
		t.Errorf("a hint that init refuses:\n%s", s.err)
	}
	bad := hand{t, h.file("bad")}
	if err := os.Mkdir(bad.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	h.write("bad/chancery.toml", "pki_url = 'x'\n")
	if s := bad.refused("E1003", "serve"); !strings.Contains(s.err, "bad/chancery.toml") {
		t.Errorf("it does not name the file:\n%s", s.err)
	}

	h.serve()
	certificate := h.write("nas.pem", h.done("sign", h.request("nas.lab.example")).out)
	if s := h.done("show", certificate); !strings.Contains(s.out, "ecdsa-p256") {
		t.Errorf("%s", s.out)
	}
	for name, form := range map[string]string{"list.pem": "pem", "list.crl": "der"} {
		list := h.write(name, h.done("crl", "show", "--ca", "issuing-g1", "-o", form).out)
		if s := h.done("show", list); !strings.Contains(s.out, "number") || !strings.Contains(s.out, "entries") {
			t.Errorf("%s", s.out)
		}
	}
	if s := h.refused("E2111", "revoke", h.newestCA()); strings.Contains(s.err, "Effect") {
		t.Errorf("it announces what it refuses:\n%s", s.err)
	}
	for _, verb := range []string{"lock", "unlock"} {
		if s := h.done("key", verb); !strings.Contains(s.out, "  "+verb+"ed\n") || !strings.Contains(s.out, "  sealed\n") || !strings.Contains(s.out, "keys are "+verb+"ed") {
			t.Errorf("%s", s.out)
		}
	}
	for line, want := range map[string]string{"list -o js": "jsonl", "init --unlock pro": "prompt", "doctor --only lo": "log-id"} {
		if s := h.done(append([]string{"__complete"}, strings.Fields(line)...)...); !strings.Contains(s.out, want+"\n") {
			t.Errorf("%s: %s", line, s.out)
		}
	}
}
