// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"crypto/rand"
	"testing"
	"time"

	"chancery/ca"
)

// SN-01: a number says in which second it was made, for its own log alone.
func TestASerialNumberSaysWhenItWasMade(t *testing.T) {
	for _, at := range []int64{0, 1_800_000_000, 1<<32 - 1} {
		serial, err := Serial(7, time.Unix(at, 999), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := SerialTime(7, serial); !ok || got.Unix() != at {
			t.Errorf("%s was made at %v, %t; not %d", serial, got, ok, at)
		}
		for _, other := range []struct {
			log    uint16
			serial ca.Serial
		}{{8, serial}, {7, "42" + serial[2:]}, {7, serial[:36]}, {7, "01"}} {
			if _, ok := SerialTime(other.log, other.serial); ok {
				t.Errorf("%s is taken for one of log %d", other.serial, other.log)
			}
		}
	}
}
