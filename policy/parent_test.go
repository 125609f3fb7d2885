// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"strings"
	"testing"

	"chancery/ca"
)

func TestWhoSignsTheNextGenerationOfALine(t *testing.T) {
	one := func(name, line string, kind ca.AuthorityKind, parent string, state ca.AuthorityState) ca.Authority {
		return ca.Authority{Name: name, Line: line, Kind: kind, Parent: parent, State: state}
	}
	revoked := func(a ca.Authority) ca.Authority {
		a.Revoked = []ca.AuthorityRevocation{{By: a.Parent, Reason: ca.CessationOfOperation}}
		return a
	}
	external := func(a ca.Authority) ca.Authority {
		a.External = true
		return a
	}
	root := func(state ca.AuthorityState) ca.Authority { return one("root-g1", "root", ca.Root, "root-g1", state) }
	second := one("root-g2", "root", ca.Root, "root-g2", ca.Active)
	other := one("lab-g1", "lab", ca.Root, "lab-g1", ca.Active)
	middle := one("policy-g1", "policy", ca.Intermediate, "root-g1", ca.Active)
	users := one("users-g1", "users", ca.Issuing, "root-g1", ca.Active)
	deep := one("users-g1", "users", ca.Issuing, "policy-g1", ca.Active)
	for _, tt := range []struct {
		name string
		all  []ca.Authority
		want string // a name, or words of the refusal, with a blank between them
	}{
		{"the one that signed the one before", []ca.Authority{root(ca.Active), other, users}, "root-g1"},
		{"the root that became active in its place", []ca.Authority{root(ca.Retiring), users, second}, "root-g2"},
		{"the root that followed a retired one", []ca.Authority{root(ca.Retired), users, second}, "root-g2"},
		{"a retired root, and no other of its line", []ca.Authority{root(ca.Retired), users, other}, "root-g1 is retired lab-g1"},
		{"a revoked intermediate, and no other of its line", []ca.Authority{root(ca.Active), revoked(middle), deep}, "policy-g1 is revoked root-g1"},
		{"an intermediate below a retired root", []ca.Authority{root(ca.Retired), middle, deep, other}, "root-g1 is retired lab-g1"},
		{"nobody can sign", []ca.Authority{root(ca.Retired), users}, "root-g1 is retired --root"},
		{"one from elsewhere stands for itself", []ca.Authority{external(root(ca.Active)), users}, "root-g1"},
		{"the first of its line below the only root", []ca.Authority{root(ca.Active), middle}, "root-g1"},
		{"the first of its line, and two generations of roots", []ca.Authority{root(ca.Retiring), second}, "root-g2"},
		{"the first of its line, and two lines of roots", []ca.Authority{root(ca.Active), other}, "not clear root-g1, lab-g1"},
		{"a line that signs itself", []ca.Authority{one("users-g1", "users", ca.Issuing, "users-g1", ca.Active)}, "sign themselves"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParentOf(tt.all, "users")
			var p *ca.Problem
			if !errors.As(err, &p) {
				if err != nil || got.Name != tt.want {
					t.Errorf("%s, %v, want %s", got.Name, err, tt.want)
				}
				return
			}
			for _, word := range strings.Fields(tt.want) {
				if p.Code != ca.E1101 || !strings.Contains(p.Detail+" "+p.Why+" "+p.Fix, word) {
					t.Errorf("%s: %s, %s: %s, want %q", p.Code, p.Detail, p.Why, p.Fix, tt.want)
				}
			}
		})
	}
	if a, err := SuccessorOf(nil, "root-g1"); err == nil {
		t.Errorf("a generation that is not there has a successor: %s", a.Name)
	}
}
