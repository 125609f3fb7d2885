// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"strings"
	"testing"
)

// BK-06: a revoked cross-certificate does not make an authority fall, and whatever says
// that its key is lost does.
func TestBK06_AnAuthorityFallsByItsParentOrItsKey(t *testing.T) {
	root := Authority{Name: "root-g1", Parent: "root-g1"}
	for _, c := range []struct {
		name string
		by   string
		why  Reason
		want string
	}{
		{"by its parent", "root-g1", Superseded, "mid-g1"},
		{"by a root that cross-certified it", "root-g2", CessationOfOperation, ""},
		{"by that root, whose key is lost", "root-g2", KeyCompromise, "mid-g1"},
	} {
		mid := Authority{Name: "mid-g1", Parent: "root-g1", Revoked: []AuthorityRevocation{{By: c.by, Reason: c.why}}}
		issuing := Authority{Name: "issuing-g1", Line: "issuing", Kind: Issuing, State: Active, Parent: "mid-g1"}
		all := []Authority{issuing, mid, root}
		issuing.Fallen = FallenOf(Ancestry(all, issuing))
		if issuing.Fallen != c.want {
			t.Errorf("%s: %q, want %q", c.name, issuing.Fallen, c.want)
		}
		standby := issuing
		standby.Name, standby.State, standby.Fallen = "issuing-g2", Standby, ""
		if p := NobodySigns("issuing", []Authority{standby, issuing}); (p.Why != "") != (c.want != "") || strings.Contains(p.Fix, "activate issuing-g2") != (c.want != "") {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}
