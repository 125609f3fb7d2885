// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
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
