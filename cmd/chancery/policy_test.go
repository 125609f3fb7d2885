// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// What a changed profile does to what stands is said before it is in force, and then is
// so; a dry run changes nothing.
func TestAChangedProfileIsRehearsed(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example")
	h.done("issue", "www.lab.example", "--days", "200")
	before := h.done("policy", "show").out
	dry := h.done("profile", "set", "server", "--max-days", "100", "--dry-run")
	for _, want := range []string{"- max_days = 397", "+ max_days = 100", "2 standing certificates", "1 the same, 0 changed, 1 refused", "www.lab.example", "at most 100 days"} {
		if !strings.Contains(dry.err, want) {
			t.Errorf("the plan lacks %q:\n%s", want, dry.err)
		}
	}
	if now := h.done("policy", "show").out; now != before {
		t.Errorf("a dry run changed the policy:\n%s", now)
	}
	h.refused("E1003", "profile", "set", "server", "--max-days", "10", "--yes")
	h.refused("E1003", "profile", "set", "server", "--set", "dais=10", "--yes")
	if s := h.refused("E1003", "profile", "set", "server", "--set", "days=five", "--yes"); !strings.Contains(s.err, `the value "five" of days cannot be read`) {
		t.Errorf("of a value that is none is told:\n%s", s.err)
	}
	if s := h.refused("E1003", "profile", "set", "server", "--unset", "nosuch", "--yes"); !strings.Contains(s.err, "the key nosuch does not stand") {
		t.Errorf("of a key that is not there is told:\n%s", s.err)
	}
	h.refused("E2118", "profile", "set", "servers", "--days", "10", "--yes")
	document := h.write("server.toml", strings.Replace(h.done("profile", "show", "server").out, "max_days = 397", "max_days = 100", 1))
	if plan := h.done("policy", "plan", document, "-q").out; plan != strings.TrimSpace(h.done("list", "--name", "www.lab.example", "-q").out)+"\n" {
		t.Errorf("policy plan names %q", plan)
	}
	h.refused("E2112", "profile", "test", "server", "--file", document, "www.lab.example", "--days", "200")
	h.done("profile", "test", "server", "www.lab.example", "--days", "200")
	h.done("profile", "set", "server", "--file", document, "--yes")
	h.refused("E2112", "profile", "test", "server", "www.lab.example", "--days", "200")
	h.refused("E2112", "issue", "mail.lab.example", "--days", "200")
	h.done("issue", "mail.lab.example", "--days", "100")
	h.done("issue", "printer.lab.example", "--profile", "device")
	h.done("policy", "grant", "uid:4711", "--profile", "device,server", "--dns", "printer.lab.example", "--yes")
	grants := h.done("policy", "show").out
	for _, more := range []string{"--dry-run", "--yes"} {
		s := h.done("profile", "set", "device", "--remove", more, "--yes")
		for _, want := range []string{"- name = \"device\"", "the grant to uid:4711 for profile device goes too: printer.lab.example", "under profile device stands: 1 certificate, good until"} {
			if !strings.Contains(s.err, want) {
				t.Errorf("%s: not told: %s\n%s", more, want, s.err)
			}
		}
		if same := h.done("policy", "show").out == grants; same != (more == "--dry-run") {
			t.Errorf("%s: the policy is the same: %t", more, same)
		}
	}
	h.refused("E2118", "issue", "fax.lab.example", "--profile", "device")
}

// PF-03: where a profile asks for grants, a name is certified for whoever was granted it.
func TestPF03_NamesAreGranted(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	me := fmt.Sprintf("uid:%d", os.Getuid())
	h.done("profile", "set", "server", "--set", "names.granted=true", "--yes")
	h.refused("E2124", "issue", "nas.lab.example")
	if s := h.refused("E2118", "policy", "grant", me, "--profile", "nothing", "--dns", "nas.lab.example", "--yes"); !strings.Contains(s.err, "server") {
		t.Errorf("the profiles that there are are not named:\n%s", s.err)
	}
	if s := h.refused("E2110", "policy", "grant", me, "--profile", "server", "--dns", "a b,*.*.example", "--yes"); strings.Contains(s.err, "bundle") || strings.Count(s.err, "the grant: names.dns[") != 2 {
		t.Errorf("of bad patterns is told:\n%s", s.err)
	}
	h.done("policy", "grant", me, "--profile", "server", "--dns", "*.web.lab.example", "--dry-run")
	h.done("policy", "grant", me, "--profile", "server", "--dns", "nas.lab.example,*.web.lab.example", "--yes")
	h.done("issue", "nas.lab.example")
	h.done("issue", "a.web.lab.example")
	h.refused("E2124", "issue", "mail.lab.example")
	if s := h.done("policy", "show").out; !strings.Contains(s, "grant to "+me) {
		t.Errorf("the grant is not shown:\n%s", s)
	}
	if s := h.done("policy", "withdraw", me, "--dry-run"); !strings.Contains(s.err, "- grant to "+me+", profile server: nas.lab.example, *.web.lab.example") {
		t.Errorf("what would be taken back is not shown:\n%s%s", s.out, s.err)
	}
	h.done("policy", "withdraw", me, "--yes")
	h.refused("E2124", "issue", "b.web.lab.example")
	h.refused("E2101", "policy", "withdraw", me, "--yes")
}
