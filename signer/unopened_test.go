// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer"
)

// A key that was sealed for one kind of authority becomes none of the other: nothing
// could open it, and a start that fails on it fails for ever.
func TestSG03_AHeldKeyIsTakenForTheKindItWasSealedForOnly(t *testing.T) {
	for _, tt := range []struct {
		sealed, taken ca.AuthorityKind
		extensions    string
	}{
		{ca.Intermediate, ca.Issuing, issuingExtensions},
		{ca.Issuing, ca.Intermediate, rootExtensions},
	} {
		c, e := ceremonial(t), elsewhere{t, t.TempDir()}
		q := signer.KeyRequest{Name: "pol-g1", Kind: tt.sealed, Subject: named("pol-g1"), KeyType: "ecdsa-p256", Words: c.words}
		r, err := c.ExportCSR(q)
		if err != nil {
			t.Fatal(err)
		}
		e.request("sub", r.DER)
		root := e.makes("root", "", "ec", 4000, rootExtensions)
		sub := e.signs("sub", "root", 2000, tt.extensions)
		c.untouched("a key sealed for "+string(tt.sealed), ca.E2602, func() error {
			_, err := c.Import(c.importing("pol-g1", tt.taken, sub, root))
			return err
		})
		q.Kind = tt.taken
		c.untouched("a request of a key sealed for "+string(tt.sealed), ca.E2602, func() error { _, err := c.ExportCSR(q); return err })
		c.restarts()
	}
}

// A generation whose key file is another's, or none, stops no start: the others sign.
func TestKY07_OneKeyThatCannotBeOpenedStopsNoStart(t *testing.T) {
	for _, broken := range []func(path string) error{
		os.Remove,
		func(path string) error {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(path), "issuing-g2.key"))
			if err != nil {
				return err
			}
			return os.WriteFile(path, []byte(strings.ReplaceAll(string(b), "issuing-g2", "users-g1")), 0o600)
		},
	} {
		c := ceremonial(t)
		c.creates(c.creation("users-g1", "root-g1", ca.Issuing))
		c.creates(c.creation("issuing-g2", "root-g1", ca.Issuing))
		dir := c.Dir
		c.stop()
		if err := broken(filepath.Join(dir, "keys", "users-g1.key")); err != nil {
			t.Fatal(err)
		}
		c.site = start(t, dir)
		states, err := c.Keys()
		if err != nil || len(states.Unopened) != 1 || states.Unopened["users-g1"] == "" {
			t.Errorf("the keys are said to be %+v, %v", states, err)
		}
		h := c.hello(0)
		c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
		if _, err := c.MakeLists(h.Number, ca.ListWish{Authority: "users-g1"}); !isCode(err, ca.E3004) {
			t.Errorf("a list of it: %v", err)
		}
		c.remembered("with a key that is not loaded")
	}
}

// SG-04: an exception that is withdrawn takes the key out of use, at once and at each
// start, and no more than that.
func TestSG04_AWithdrawnExceptionTakesOneKeyOutOfUse(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	except := func(names ...string) signer.PolicyState {
		t.Helper()
		state, err := c.SetPolicy(signer.PolicyChange{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := policy.ParseBundle(state.Document)
		if err != nil {
			t.Fatal(err)
		}
		b.Version, b.Issued, b.Exceptions = state.Version+1, time.Now().UTC().Truncate(time.Second), names
		if state.Document, err = b.Marshal(); err != nil {
			t.Fatal(err)
		}
		if state, err = c.SetPolicy(signer.PolicyChange{Document: state.Document}); err != nil {
			t.Fatal(err)
		}
		return state
	}
	except("online:users-g1")
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	q := c.importing("users-g1", ca.Issuing, e.makes("sub", "root", "ec", 2000, rootExtensions), root)
	q.Key, q.Use = e.key("sub"), []string{"server"}
	c.imports(q)
	listed := func(want bool) {
		t.Helper()
		l, err := c.MakeLists(c.hello(0).Number, ca.ListWish{Authority: "users-g1"})
		if (err == nil) != want || err != nil && !isCode(err, ca.E3004) {
			t.Errorf("a list of it: %v", err)
		}
		if l != nil {
			_ = l.Close()
		}
	}
	listed(true)
	if s := except(); len(s.Notices) != 1 || !strings.Contains(s.Notices[0], "users-g1") {
		t.Errorf("the new bundle says %q", s.Notices)
	}
	listed(false)
	c.restarts()
	listed(false)
	h := c.hello(0)
	c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	except("online:users-g1")
	listed(true)
}
