// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// generations are two roots, the second of which cross-certified the first, with an
// authority whose key is elsewhere between the second and a line of its own.
func generations() []Authority {
	make := func(name, line, parent string, state AuthorityState, version int) Authority {
		return Authority{Name: name, Line: line, Parent: parent, State: state, Version: version, Certificate: []byte("<" + name + ">")}
	}
	all := []Authority{
		make("root-g1", "root", "root-g1", Active, 2), make("issuing-g1", "issuing", "root-g1", Retired, 4), make("issuing-g2", "issuing", "root-g1", Retiring, 3),
		make("root-g2", "root", "root-g2", Standby, 1), make("issuing-g3", "issuing", "root-g1", Active, 1), make("between", "between", "root-g2", Active, 1),
		make("users-g1", "users", "between", Active, 1),
	}
	all[0].Cross = []CrossCertificate{{"root-g2", []byte("<older root-g1 by root-g2>")}, {"root-g2", []byte("<root-g1 by root-g2>")}}
	all[2].Earlier = [][]byte{[]byte("<earlier issuing-g2>")}
	all[5].External = true
	return all
}

func members(b Bundle) string {
	names := []string{}
	for _, a := range b.Members {
		names = append(names, a.Name)
	}
	return strings.Join(names, " ")
}

// R7: old and new together, the old first, each once, what is retired left out.
func TestR7_ABundleHasWhatLivesAndAllAboveIt(t *testing.T) {
	all := generations()
	for _, tt := range []struct {
		line, members string
		number        int
	}{
		{"", "root-g1 issuing-g2 root-g2 issuing-g3 between users-g1", 13},
		{"issuing", "root-g1 issuing-g2 issuing-g3", 10},
		{"users", "root-g2 between users-g1", 3},
		{"root", "root-g1 root-g2", 3},
		{"nobody", "", 0},
	} {
		b := BundleOf(all, tt.line)
		if members(b) != tt.members || b.Number != tt.number || b.Line != tt.line {
			t.Errorf("line %q: %d of %q, want %d of %q", tt.line, b.Number, members(b), tt.number, tt.members)
		}
		joined := ""
		for _, der := range b.Certificates() {
			joined += string(der)
		}
		if b.Hash != sha256.Sum256([]byte(joined)) {
			t.Errorf("line %q: the hash is not that of the certificates", tt.line)
		}
	}
}

// The number rises with each change, one that leaves the certificates as they are
// included: it never names two bundles.
func TestTheNumberOfABundleOnlyRises(t *testing.T) {
	all, last := generations(), 0
	for _, step := range []func(){
		func() {},
		func() { all[2].State, all[2].Version = Retired, all[2].Version+1 },
		func() { all[4].State, all[4].Version = Retired, all[4].Version+1 },
		func() {
			all = append(all, Authority{Name: "issuing-g4", Line: "issuing", Parent: "root-g2", State: Active, Version: 1})
		},
		func() { all[0].State, all[0].Version = Retired, all[0].Version+1 },
	} {
		step()
		b := BundleOf(all, "issuing")
		if b.Number <= last {
			t.Errorf("after %d comes %d of %q", last, b.Number, members(b))
		}
		last = b.Number
	}
	if b := BundleOf(all, "issuing"); members(b) != "root-g2 issuing-g4" {
		t.Errorf("in the end: %q", members(b))
	}
}

func TestAChainLeadsToTheRoot(t *testing.T) {
	all := generations()
	earlier := sha256.Sum256([]byte("<earlier issuing-g2>"))
	older := sha256.Sum256([]byte("<older root-g1 by root-g2>"))
	for _, tt := range []struct{ name, via, want string }{
		{"root-g1", "", "<root-g1>"},
		{"users-g1", "", "<users-g1><between><root-g2>"},
		{"issuing-g3", "", "<issuing-g3><root-g1>"},
		{"issuing-g3", "root-g2", "<issuing-g3><root-g1 by root-g2><root-g2>"},
		{"root-g1", "root-g2", "<root-g1 by root-g2><root-g2>"},
		{"issuing-g3", hex.EncodeToString(older[:]), "<issuing-g3><older root-g1 by root-g2><root-g2>"},
		{"issuing-g2", hex.EncodeToString(earlier[:]), "<earlier issuing-g2><root-g1>"},
		{"users-g1", "root-g1", ""},
		{"users-g1", "zz", ""},
		{"nobody", "", ""},
	} {
		chain, err := ChainOf(all, tt.name, tt.via)
		got := ""
		for _, der := range chain {
			got += string(der)
		}
		var p *Problem
		if got != tt.want || tt.want == "" && (!errors.As(err, &p) || p.Code != E2101) {
			t.Errorf("%s via %q: %s, %v, want %s", tt.name, tt.via, got, err, tt.want)
		}
	}
}

// What is damaged in the book ends a chain, and nothing turns in a circle.
func TestACircleOfParentsEnds(t *testing.T) {
	all := []Authority{{Name: "a", Parent: "b", Version: 1, Certificate: []byte("a")}, {Name: "b", Parent: "a", Version: 1, Certificate: []byte("b")}}
	if chain, err := ChainOf(all, "a", ""); err != nil || len(chain) != 2 {
		t.Errorf("%q, %v", chain, err)
	}
	all[0].Cross = []CrossCertificate{{By: "a", Certificate: []byte("x")}}
	if chain, err := ChainOf(all, "a", "a"); err != nil || len(chain) != 3 {
		t.Errorf("%q, %v", chain, err)
	}
	if b := BundleOf(all, ""); len(b.Members) != 2 {
		t.Errorf("%+v", b)
	}
}

// R7: what is elsewhere is trusted while something of ours below it lives, and no longer.
func TestR7_AnAncestorFromElsewhereLeavesWithTheLastBelowIt(t *testing.T) {
	all := generations()
	all[3].External = true // the root above it
	if got := members(BundleOf(all, "")); got != "root-g1 issuing-g2 root-g2 issuing-g3 between users-g1" {
		t.Errorf("with something below: %q", got)
	}
	before := BundleOf(all, "").Number
	all[6].State, all[6].Version = Retired, 2
	b := BundleOf(all, "")
	if members(b) != "root-g1 issuing-g2 issuing-g3" || b.Number <= before {
		t.Errorf("with nothing below: %d after %d, %q", b.Number, before, members(b))
	}
}

// BK-06: what is below one that is revoked is an anchor for nobody.
func TestBK06_NothingBelowARevokedAuthorityIsInABundle(t *testing.T) {
	all := generations()
	before := BundleOf(all, "").Number
	all[5].Revoked, all[5].State, all[5].Version = []AuthorityRevocation{{By: "root-g2", Reason: CACompromise}}, Retired, all[5].Version+1
	if b := BundleOf(all, ""); members(b) != "root-g1 issuing-g2 root-g2 issuing-g3" || b.Number != before+1 {
		t.Errorf("%d of %q", b.Number, members(b))
	}
	if b := BundleOf(all, "users"); members(b) != "" {
		t.Errorf("the line below it has %q", members(b))
	}
}
