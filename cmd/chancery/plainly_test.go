// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Refusals say whose words are wanted, and by which flag they come; numbers that are none
// are said to be none.
func TestRefusalsSayWhatIsWanted(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	wrong := h.write("wrong", strings.Repeat("abandon ", 11)+"about")
	for _, tt := range []struct {
		code  string
		args  string
		wants []string
	}{
		{"E3002", "crl publish --ca root-g1 --recovery-file " + wrong, []string{"seal the key of root-g1", h.file("words")}},
		{"E3002", "ca create users-g1 --for client --yes --recovery-file " + wrong, []string{"root-g1 are wanted", h.file("words")}},
		{"E1101", "crl publish --ca root-g1", []string{"--recovery-file FILE"}},
		{"E1101", "issue nas.lab.example --days abc", []string{`--days takes a whole number, and got "abc"`}},
		{"E1101", "ca rollover issuing-g1 --accept-missing many", []string{"--accept-missing takes a whole number"}},
		{"E1101", "list --limit 2 --all", []string{"--all and --limit do not go together"}},
		{"E1101", "renew nas.lab.example --resign --reuse-key --key-file nas.key", []string{"--resign and --reuse-key do not go together"}},
		{"E1101", "doctor --context lab", []string{"on the machine of the service"}},
		{"E1101", "audit verify --context lab", []string{"on the machine of the service"}},
		{"E1101", "key list --context lab", []string{"on the machine of the service"}},
		{"E1101", "init --names lab.example --context lab", []string{"without --context"}},
	} {
		s := h.refused(tt.code, strings.Fields(tt.args)...)
		for _, want := range tt.wants {
			if !strings.Contains(s.err, want) || strings.Contains(s.err, "strconv") || s.code == exitFailure {
				t.Errorf("%s: it does not say %q:\n%s", tt.args, want, s.err)
			}
		}
	}
}

// Taking a hold back twice says that there was none any more.
func TestAHoldIsTakenBackOnce(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("profile", "set", "server", "--set", "hold=true", "--yes")
	if s := h.refused("E2107", "issue", "nas.other.example"); strings.Contains(s.err, "note: the key") {
		t.Errorf("it speaks of a key that was thrown away:\n%s", s.err)
	}
	if s := h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key")); strings.Count(s.err, "authority's own machine") != 1 {
		t.Errorf("%s", s.err)
	}
	h.done("revoke", h.file("nas.pem"), "--reason", "certificateHold", "--confirm", "nas.lab.example")
	if s := h.done("unhold", h.file("nas.pem")); !strings.Contains(s.out, "is not held any more") {
		t.Errorf("%s", s.out)
	}
	if s := h.done("unhold", h.file("nas.pem")); !strings.Contains(s.out, "was not held") {
		t.Errorf("%s", s.out)
	}
}

// --yes asks nothing at a terminal either: what cannot be proposed is named.
func TestInitWithYesAsksNothing(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.dir = h.file("second")
	if code := h.at(newDesk(t), "init needs: ", "", "init", "--yes"); code != exitUsage {
		t.Errorf("exit %d", code)
	}
	if code := h.at(newDesk(t), "Root fingerprint", "", "init", "--yes", "--names", "lab.example", "--recovery-file", h.file("words2")); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// Who uses a service elsewhere is not told to found another authority here.
func TestWhatIsDoneOnTheMachineOfTheServiceSaysSo(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "none")}
	if err := os.MkdirAll(h.file("chancery"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.write("chancery/contexts.toml", "current = \"lab\"\n[context.lab]\nurl = \"https://ca.lab.example:8443\"\nroot = \"\"\n")
	for _, verb := range []string{"doctor", "audit verify", "key list", "config show", "policy show"} {
		c := h.command(t.Context(), strings.Fields(verb)...)
		c.Env = append(c.Env, "CHANCERY_DIR=", "XDG_CONFIG_HOME="+filepath.Dir(h.dir), "XDG_DATA_HOME="+h.dir, "HOME="+h.dir)
		if s := h.runs(c); s.code != exitUsage || !strings.Contains(s.err, "on the machine of the service") {
			t.Errorf("%s: exit %d\n%s", verb, s.code, s.err)
		}
	}
}
