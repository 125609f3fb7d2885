// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"
	"errors"
	"testing"
	"time"

	"chancery/ca"
)

// counted counts how often the authorities are read.
type counted struct {
	times int
	err   error
}

func (c *counted) Authorities(ctx context.Context) ([]ca.Authority, error) {
	c.times++
	return nil, errors.Join(c.err, ctx.Err())
}

// WB-03: a flood of handshakes has the authorities read once a second, and none hangs up
// for the others.
func TestWB03_TheAuthoritiesAreReadOnceASecond(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	shelf := &counted{}
	taken := &pools{shelf: shelf, now: func() time.Time { return now }}
	handshake := func() error {
		_, err := taken.get(t.Context())
		return err
	}
	for range 100 {
		if err := handshake(); err != nil {
			t.Fatal(err)
		}
	}
	if shelf.times != 1 {
		t.Errorf("they were read %d times", shelf.times)
	}
	shelf.err = errors.New("the book is away")
	for i, want := range []int{1, 2, 2, 3} {
		if i%2 == 1 {
			now = now.Add(poolAge)
		}
		if err := handshake(); (err != nil) != (i > 0) || shelf.times != want {
			t.Errorf("handshake %d: %v, read %d times", i, err, shelf.times)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	shelf.err = nil
	if _, err := (&pools{shelf: shelf, now: time.Now}).get(gone); err != nil {
		t.Errorf("the first hung up: %v", err)
	}
}
