// SPDX-License-Identifier: Apache-2.0

//go:build faults

package main

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// falls lets a process kill itself under load as it passes a point for the n-th
// time, and then kills the parent, so that what is left can be looked at.
func (k *killing) falls(point string, n int) (met map[string]int) {
	k.t.Helper()
	k.begins(fmt.Sprintf("CHANCERY_FAULT_POINT=%s:%d", point, n))
	ctx, cancel := context.WithTimeout(k.t.Context(), killWait)
	defer cancel()
	done := k.calling(ctx, &load{served: make(chan struct{}), stays: true})
	select {
	case <-k.service.died:
	case <-ctx.Done():
		k.t.Fatalf("nobody came by the point %q %d times", point, n)
	}
	k.kills("", nil)
	cancel()
	done()
	k.tally.add(func(y *tally) { y.kills["at "+point]++ })
	return k.corpse(nil)
}

// FT-02: front and signer die at the places where it matters, and what the state
// table says of them is what is found there.
func TestFT02_DeathAtEachPoint(t *testing.T) {
	t.Parallel()
	seed, y := killSeed(t), newTally()
	t.Cleanup(func() {
		t.Log(y)
		for _, row := range []string{"S04", "S06", "S07", "S08 unanswered", "S12", "L06"} {
			if y.met[row] == 0 && !t.Failed() {
				t.Errorf("none of these deaths has left what row %s is about", row)
			}
		}
	})
	for i, p := range []struct{ point, leaves string }{
		{"intended", "S04"}, {"signed", "S04"}, {"concluded", "S04"}, {"revoked", "L06"}, {"before-commit", "S07"}, {"committed", "S08 unanswered"},
	} {
		t.Run(p.point, func(t *testing.T) {
			t.Parallel()
			k := newKilling(t, y, seed, 200+uint64(i)) //nolint:gosec // a small number
			left := 0
			for _, n := range []int{1, 2, 7} {
				met := k.falls(p.point, n)
				left += met[p.leaves]
				t.Logf("%s:%d leaves %v", p.point, n, met)
				k.begins()
				k.holds()
			}
			if left == 0 {
				t.Errorf("who dies at %s does not leave %s behind", p.point, p.leaves)
			}
			k.counted()
		})
	}
	// The front dies between a VOID row and its leaf: in settling what a signer left.
	t.Run("while it settles", func(t *testing.T) {
		t.Parallel()
		k := newKilling(t, y, seed, 300)
		began := time.Now()
		for n := 1; ; n++ {
			k.falls("intended", 1)
			met := k.falls("committed", n)
			k.begins()
			k.holds()
			if met["S06"] > 0 {
				break
			}
			if time.Since(began) > killWait {
				t.Fatal("no commit of a settling is one of VOID rows")
			}
		}
		k.counted()
	})
}
