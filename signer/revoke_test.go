// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"chancery/ca"
)

// Any order of steps gives each serial's last one, in ascending order.
func TestStepsComeSortedAndTheLastOneCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	r, want := &revoked{}, map[[20]byte]step{}
	for i := range 3 * maxYoung {
		var serial [20]byte
		serial[0], serial[18], serial[19] = 0x41, byte(random.IntN(40)), byte(random.IntN(256))
		if i%3 == 0 {
			serial[10] = byte(random.IntN(256))
		}
		one := step{serial: serial, at: int64(i + 1), leaf: int64(i), number: uint8(i % 2), reason: uint8(i % 5)}
		r.put(one)
		if before, ok := want[serial]; ok {
			one.at = before.at // RV-03: a date never moves to later
		}
		want[serial] = one
	}
	if len(r.main) == 0 {
		t.Fatal("nothing was merged")
	}
	now := r.steps()
	r.put(step{serial: [20]byte{1}})
	all := slices.Collect(now)
	if len(all) != len(want) {
		t.Fatalf("%d steps, want %d", len(all), len(want))
	}
	for i, one := range all {
		if i > 0 && bytes.Compare(all[i-1].serial[:], one.serial[:]) >= 0 {
			t.Fatalf("step %d is out of order", i)
		}
		if one != want[one.serial] {
			t.Fatalf("serial %x: %+v, want %+v", one.serial, one, want[one.serial])
		}
		if found, ok := r.find(one.serial); !ok || found != one {
			t.Fatalf("serial %x is not found", one.serial)
		}
	}
	if _, ok := r.find([20]byte{2}); ok {
		t.Error("found what was never put")
	}
}

func FuzzWideSerialsSortAsNumbers(f *testing.F) {
	f.Add([]byte{1}, []byte{1, 0})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, err := ca.SerialFromBytes(a)
		if err != nil {
			t.Skip()
		}
		y, err := ca.SerialFromBytes(b)
		if err != nil {
			t.Skip()
		}
		number := func(s ca.Serial) []byte { return s.Bytes() }
		want := len(number(x)) - len(number(y))
		if want == 0 {
			want = bytes.Compare(number(x), number(y))
		}
		wx, wy := wide(x), wide(y)
		if got := bytes.Compare(wx[:], wy[:]); got < 0 != (want < 0) || got == 0 != (want == 0) {
			t.Errorf("%s and %s compare as %d, want %d", x, y, got, want)
		}
		if e, err := (step{serial: wx}).entry(); err != nil || e.Serial != x {
			t.Errorf("%s came back as %s, %v", x, e.Serial, err)
		}
	})
}
