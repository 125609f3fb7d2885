// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"

	"chancery/ca"
)

// PF-03: with names.granted each name must lie in a grant of whoever asks, for this
// profile; a grant adds nothing to what the profile allows.
func TestPF03_EachNameNeedsAGrant(t *testing.T) {
	ask := func(grants ...Grant) func(*wish) {
		return func(w *wish) {
			w.profile.Names.Granted, w.grants, w.csr.Subject = true, grants, nil
			w.csr.Names = []ca.Name{{Type: ca.DNS, Value: "a.lab.example"}, {Type: ca.IP, Value: "10.0.0.1"}, {Type: ca.DNS, Value: "b.lab.example"}}
		}
	}
	mine := Grant{To: "uid:1000", Profiles: []string{"client", "server"}, DNS: []string{"*.lab.example"}, IP: []string{"10.0.0.0/24"}}
	run(t, []trial{
		{"all in one grant", ask(mine), "", ""},
		{"in two grants", ask(Grant{To: "uid:1000", Profiles: []string{"server"}, DNS: []string{"*.lab.example"}}, Grant{To: "uid:1000", Profiles: []string{"server"}, IP: []string{"10.0.0.1"}}), "", ""},
		{"no grants", ask(), ca.E2124, "dns[0]"},
		{"somebody else's", ask(with(mine, func(g *Grant) { g.To = "uid:1001" })), ca.E2124, "dns[0]"},
		{"for another profile", ask(with(mine, func(g *Grant) { g.Profiles = []string{"client"} })), ca.E2124, "dns[0]"},
		{"one name of three", ask(with(mine, func(g *Grant) { g.DNS = []string{"a.lab.example"} })), ca.E2124, "dns[1]"},
		{"an address outside", ask(with(mine, func(g *Grant) { g.IP = []string{"10.0.1.0/24"} })), ca.E2124, "ip[0]"},
		{"a type without patterns", ask(with(mine, func(g *Grant) { g.IP = nil })), ca.E2124, "ip[0]"},
		{"a grant of what the profile does not allow", func(w *wish) {
			ask(with(mine, func(g *Grant) { g.DNS = []string{"*"} }))(w)
			w.csr.Names[0].Value = "a.other.example"
		}, ca.E2107, "dns[0]"},
		{"not asked for", func(w *wish) { ask()(w); w.profile.Names.Granted = false }, "", ""},
		{"the name that was taken from the subject", func(w *wish) {
			ask()(w)
			w.csr.Names, w.csr.Subject, w.profile.Names.FromCN = nil, ca.Subject{{OID: ca.OIDCommonName, Value: "a.lab.example"}}, true
		}, ca.E2124, "dns[0]"},
	})
}

func with(g Grant, change func(*Grant)) Grant { change(&g); return g }

func TestABundleHasSoundGrants(t *testing.T) {
	sound := Grant{To: "uid:1001", Profiles: []string{"server"}, DNS: []string{"*.lab.example", "*"}, IP: []string{"10.0.0.0/8"}, Email: []string{"@lab.example"}, URI: []string{"https://lab.example/"}}
	for _, c := range []struct {
		name   string
		change func(*Grant)
		fault  string
	}{
		{"a sound one", func(*Grant) {}, ""},
		{"to nobody", func(g *Grant) { g.To = "" }, "to nobody"},
		{"to an escape sequence", func(g *Grant) { g.To = "\x1b[2J" }, "to nobody"},
		{"for no profile", func(g *Grant) { g.Profiles = nil }, "for no profile"},
		{"for a profile that is not there", func(g *Grant) { g.Profiles = []string{"vpn"} }, `profile "vpn", which is not there`},
		{"for a profile twice", func(g *Grant) { g.Profiles = []string{"server", "server"} }, "stands twice"},
		{"of nothing", func(g *Grant) { *g = Grant{To: g.To, Profiles: g.Profiles} }, "no name"},
		{"of a bad pattern", func(g *Grant) { g.DNS = []string{"*lab.example"} }, "dns[0]"},
		{"of a bad prefix", func(g *Grant) { g.IP = []string{"10.0.0.1/8"} }, "ip[0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := goodBundle()
			b.Grants = []Grant{sound, with(sound, c.change)}
			document, err := b.Marshal()
			if c.fault == "" {
				if err != nil {
					t.Fatal(err)
				}
				if again, err := ParseBundle(document); err != nil || fmt.Sprint(again.Grants) != fmt.Sprint(b.Grants) {
					t.Errorf("read again as %+v, %v", again.Grants, err)
				}
				return
			}
			if p := problem(t, err); p.Code != ca.E2121 || !strings.Contains(p.Detail, c.fault) || !ca.PlainText(p.Detail) {
				t.Errorf("refused with %s %q, want %q", p.Code, p.Detail, c.fault)
			}
		})
	}
	b := goodBundle()
	b.Grants = make([]Grant, maxGrants+1)
	if _, err := b.Marshal(); problem(t, err).Code != ca.E2121 {
		t.Error("more grants than the bound")
	}
}
