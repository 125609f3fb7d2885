// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/signer"
)

// A signer that died between the key of an authority and its certificate makes it when it
// is asked again, with that key; what does not fit it is told which name is free.
func TestSG03_AnAuthorityIsMadeWithTheKeyThatACrashLeftBehind(t *testing.T) {
	first := ceremonial(t)
	base := first.Dir
	first.stop()
	middle := first.creation("middle-g1", "root-g1", ca.Intermediate)
	middle.OwnWords = otherWords(t)
	for _, tt := range []struct {
		q     signer.Creation
		other func(*signer.Creation)
	}{
		{middle, func(q *signer.Creation) { q.OwnWords = "" }},
		{first.creation("users-g1", "root-g1", ca.Issuing), func(q *signer.Creation) { q.Kind, q.Use = ca.Intermediate, nil }},
		{first.creation("deep-root-g1", "", ca.Root), func(q *signer.Creation) { q.KeyType = "ed25519" }},
	} {
		c, dir := *first, t.TempDir()
		duplicate(t, base, filepath.Join(dir, "whole"))
		duplicate(t, base, filepath.Join(dir, "died"))
		c.site = start(t, filepath.Join(dir, "whole"))
		made, err := c.Create(tt.q)
		if err != nil {
			t.Fatal(err)
		}
		c.stop()
		file := filepath.Join("keys", tt.q.Name+".key")
		duplicate(t, filepath.Join(dir, "whole", file), filepath.Join(dir, "died", file))
		c.site = start(t, filepath.Join(dir, "died"))
		c.untouched(tt.q.Name+" otherwise", ca.E2601, func() error {
			q := tt.q
			tt.other(&q)
			_, err := c.Create(q)
			var p *ca.Problem
			if next := strings.TrimSuffix(q.Name, "1") + "2"; !errors.As(err, &p) || !strings.Contains(p.Fix, "chancery ca create "+next+" ") {
				t.Errorf("%s: the fix is %+v", q.Name, p)
			}
			return err
		})
		again, err := c.Create(tt.q)
		if err != nil {
			t.Fatal(err)
		}
		if again.Authority.Key != made.Authority.Key || len(again.Notices) == 0 {
			t.Errorf("%s has another key than the one that lay there, or nobody was told", tt.q.Name)
		}
		c.remembered("after " + tt.q.Name)
		c.stop()
	}
}
