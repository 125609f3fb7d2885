// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/signer"
)

// PF-07, SG-09: what is foreseen of a wish is what Issue says of it, and leaves nothing
// behind. A document is judged by as if it was in force.
func TestPF07_SG09_WhatIsForeseenIsWhatIssueSays(t *testing.T) {
	s, _, h := founded(t)
	p := profiles(t, h)["server"]
	burnt, good := csrBy(t, "a.lab.example", p256...), csrBy(t, "b.lab.example", p256...)
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	if a := s.revoke(h, s.issued(h, wish(1, burnt, p)), 1, ca.KeyCompromise); a.Problem != nil {
		t.Fatal(a.Problem)
	}
	leaves := len(s.leaves())
	other := p
	other.Name, other.Digest = "other", ca.Digest{}
	named := strings.Replace(p.Document, `name = "server"`, `name = "other"`, 1)
	if named == p.Document {
		t.Fatal("the profile has no such name")
	}
	for n, c := range []struct {
		what, document string
		q              ca.Request
		want           ca.Code
	}{
		{"a good one", "", wish(10, good, p), ""},
		{"a key revoked as compromised", "", wish(11, burnt, p), ca.E2204},
		{"a forged signature", "", wish(12, forged, p), ca.E2203},
		{"a profile that there is not", "", wish(13, good, other), ca.E2118},
		{"the profile in its document", named, func() ca.Request {
			q := wish(14, good, other)
			q.Digest = ca.ProfileDigest([]byte(named))
			return q
		}(), ""},
		{"a document that is none", "dais = 1", wish(15, good, p), ca.E1003},
	} {
		var p *ca.Problem
		err := s.Foresee(signer.Foreseeing{Wish: c.q, Document: c.document})
		if errors.As(err, &p); (err == nil) != (c.want == "") || err != nil && (p == nil || p.Code != c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
		if len(s.leaves()) != leaves {
			t.Fatalf("%s is on the log", c.what)
		}
		if c.document != "" {
			continue
		}
		a := s.one(h, c.q)
		leaves = len(s.leaves())
		if (a.Problem == nil) != (err == nil) || a.Problem != nil && a.Problem.Error() != err.Error() {
			t.Errorf("%s (%d): foreseen %v, and issue says %v", c.what, n, err, a.Problem)
		}
	}
}
