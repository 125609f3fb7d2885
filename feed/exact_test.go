// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"bytes"
	"fmt"
	mrand "math/rand/v2"
	"testing"
	"time"

	"chancery/ca"
	"chancery/feed"
	"chancery/feed/verify"
)

const (
	// states is how many random books and successors of them there are, and largest how
	// many certificates one in a hundred of them has.
	states  = 10_000
	largest = 2_000
)

// random makes a book: some revoked, from none to all, some newer than the horizon,
// some from elsewhere.
func random(r *mrand.Rand) book {
	size := r.IntN(40)
	if r.IntN(10) == 0 {
		size = r.IntN(300)
	}
	if r.IntN(100) == 0 {
		size = r.IntN(largest)
	}
	b, share := make(book), r.Float64()*r.Float64()*r.Float64()
	if r.IntN(20) == 0 {
		share = float64(r.IntN(2))
	}
	b.issue(r, size, share)
	return b
}

// issue adds certificates of all kinds.
func (b book) issue(r *mrand.Rand, count int, share float64) {
	for range count {
		s := ours(r, horizon.Add(-time.Duration(r.IntN(1_000_000))*time.Second))
		switch r.IntN(20) {
		case 0:
			s = foreign(r)
		case 1:
			s = ours(r, horizon.Add(time.Duration(r.IntN(30)-5)*time.Second))
		}
		b[s] = r.Float64() < share
	}
}

// later is the book after a while: some ended, some were revoked, some holds were
// taken back, and some are new, a few of them with numbers from elsewhere.
func (b book) later(r *mrand.Rand) book {
	out := make(book)
	share := r.Float64() * r.Float64() * 0.2
	for s := range b.seq(false)() { // in order, so that a state can be had again
		if r.IntN(10) > 0 {
			out[s] = b[s] != (r.Float64() < share)
		}
	}
	out.issue(r, r.IntN(2+len(b)), share)
	return out
}

// ask holds both readers' answers for all numbers against the book.
func ask(b book, f *feed.Feed, v *verify.Feed) error {
	for s, revoked := range b {
		got, other := f.Status(s), v.Status(s.Bytes())
		if got != want(s, revoked, f.Horizon) || !same(got, other) {
			return fmt.Errorf("of %s, revoked %t, the feed says %v, and the verifier %d", s, revoked, got, other)
		}
	}
	return f.Check(b.seq(true)())
}

// round makes a complete feed of a random book, a delta to what it became, and a
// complete one of that, and asks all of them.
func round(t *testing.T, i *issuer, r *mrand.Rand) error {
	before := random(r)
	after := before.later(r)
	make := func(b book, number int64, base []byte) (*feed.Feed, *verify.Feed, []byte, error) {
		var stands *feed.Feed
		var err error
		if base != nil {
			if stands, err = feed.Parse(base, nil); err != nil {
				return nil, nil, nil, err
			}
		}
		in := b.input(r, stands)
		in.Horizon = horizon.Add(time.Duration(number-1) * 10 * time.Second) // some that were newer are covered later
		body, err := feed.Build(in)
		if err != nil {
			return nil, nil, nil, err
		}
		file := i.file(t, number, body, base)
		f, err := feed.Parse(file, base)
		if err != nil {
			return nil, nil, nil, err
		}
		var v *verify.Feed
		if base == nil {
			v, err = verify.Open(file, i.spki, noon)
		} else {
			v, err = verify.OpenDelta(file, base, i.spki, noon)
		}
		return f, v, file, err
	}
	f, v, base, err := make(before, 1, nil)
	if err == nil {
		err = ask(before, f, v)
	}
	if err != nil {
		return fmt.Errorf("complete: %w", err)
	}
	if f, v, _, err = make(after, 2, base); err == nil {
		err = ask(after, f, v)
	}
	if err != nil {
		return fmt.Errorf("delta: %w", err)
	}
	if f, v, _, err = make(after, 2, nil); err == nil {
		err = ask(after, f, v)
	}
	return err
}

// Issue of the feed: exact for each certificate, as complete feed and as delta, in
// 10 000 states.
func TestEachAnswerIsExactInRandomStates(t *testing.T) {
	t.Parallel()
	const parts = 4
	for part := range uint64(parts) {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			i := quick(t)
			for n := part; n < states; n += parts {
				if err := round(t, i, mrand.New(mrand.NewPCG(n, 6))); err != nil {
					t.Fatalf("state %d: %v", n, err)
				}
			}
		})
	}
}

func TestALargeBookIsAnsweredExactlyAtEachShare(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{0, 0.0002, 0.01, 0.2, 0.5, 0.9, 1} {
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			t.Parallel()
			r := mrand.New(mrand.NewPCG(1, uint64(share*10_000)))
			b := make(book)
			b.issue(r, 20_000, share)
			body, err := feed.Build(b.input(r, nil))
			if err != nil {
				t.Fatal(err)
			}
			i := quick(t)
			file := i.file(t, 1, body, nil)
			f, err := feed.Parse(file, nil)
			if err != nil {
				t.Fatal(err)
			}
			v, err := verify.Open(file, i.spki, noon)
			if err != nil {
				t.Fatal(err)
			}
			if err := ask(b, f, v); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheSameInputMakesTheSameOctets(t *testing.T) {
	t.Parallel()
	r := mrand.New(mrand.NewPCG(3, 4))
	b := make(book)
	b.issue(r, 3000, 0.1)
	in := b.input(r, nil)
	first, err := feed.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	second, err := feed.Build(in)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the same seed made other octets (%v)", err)
	}
	in.Seed[0]++
	other, err := feed.Build(in)
	if err != nil || bytes.Equal(first, other) {
		t.Errorf("another seed made the same octets (%v)", err)
	}
	// A number that is revoked need not be live: intents that were given up are not.
	var good []ca.Serial
	for s := range in.Live() {
		if !b[s] {
			good = append(good, s)
		}
	}
	in.Seed[0]--
	in.Live = each(good)
	if apart, err := feed.Build(in); err != nil || !bytes.Equal(first, apart) {
		t.Errorf("it matters whether what is revoked is live too (%v)", err)
	}
}

// Some of these seeds give a salt with which the equations contradict each other, and
// are tried again with another.
func TestABodyIsMadeWhateverTheSeed(t *testing.T) {
	t.Parallel()
	r := mrand.New(mrand.NewPCG(5, 5))
	b := make(book)
	b.issue(r, 9000, 0.5)
	in := b.input(r, nil)
	for n := range 40 {
		in.Seed[0] = byte(n)
		if _, err := feed.Build(in); err != nil {
			t.Fatalf("seed %d: %v", n, err)
		}
	}
}
