// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"fmt"
	"os"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// An authority without a root has its key unlocked all day: that alone renews nothing.
func TestSG03_ARenewalWithoutARootTakesTheWordsOfTheInstallation(t *testing.T) {
	s := start(t, t.TempDir())
	f := founding(t)
	f.Single = true
	if _, err := s.Found(f, os.Getuid()); err != nil {
		t.Fatal(err)
	}
	before, steps := s.count(audit.Intent), len(s.steps())
	for _, words := range []string{"", "no words at all", otherWords(t)} {
		if _, err := s.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 3000, Words: words}); !isCode(err, ca.E3002) {
			t.Errorf("with %q: %v", words, err)
		}
	}
	if s.count(audit.Intent) != before {
		t.Error("something was signed")
	}
	if n := len(s.steps()) - steps; n != 1 {
		t.Errorf("%d leaves tell of one wrong try", n)
	}
	if _, err := s.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 3000, Words: f.Words}); err != nil {
		t.Error(err)
	}
}

// PF-05: what binds everything below an authority is not lost by a renewal: what cannot be
// written again is not left out.
func TestPF05_ARenewalLeavesOutNoExtensionThatItDoesNotKnow(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	for i, tt := range []struct {
		extension string
		known     bool
	}{
		{"policyConstraints=critical,requireExplicitPolicy:0", false},
		{"inhibitAnyPolicy=critical,0", false},
		{"subjectAltName=DNS:lab.example", false},
		{"1.2.3.4=DER:05:00", false},
		{"nsComment=made with an old guide", true},
	} {
		name := fmt.Sprintf("old%d-g1", i)
		q := c.importing(name, ca.Root, e.makes(name, "", "ec", 4000, rootExtensions+tt.extension+"\n"))
		q.Key = e.key(name)
		c.imports(q)
		renew := func() error {
			_, err := c.Recertify(signer.Recertification{Authority: name, Days: 5000, Words: c.words})
			return err
		}
		if tt.known {
			if err := renew(); err != nil {
				t.Errorf("%s: %v", tt.extension, err)
			}
			continue
		}
		c.untouched(tt.extension, ca.E2601, renew)
	}
}

// PF-06: what an authority signed lives as long as its certificate says; a renewal does
// not take that back unasked.
func TestPF06_ARenewalThatShortensALifeIsAskedForByName(t *testing.T) {
	c := ceremonial(t)
	for _, name := range []string{"issuing-g1", "root-g1"} {
		q := signer.Recertification{Authority: name, Days: 200, Words: c.words}
		c.untouched(name, ca.E2601, func() error { _, err := c.Recertify(q); return err })
	}
	q := signer.Recertification{Authority: "issuing-g1", Days: 200, Words: c.words, Shorten: true}
	if made, err := c.Recertify(q); err != nil || !made.Authority.NotAfter.Before(c.all["issuing-g1"].NotAfter) {
		t.Errorf("%v, until %v", err, made.Authority.NotAfter)
	}
}
