// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"iter"
	mrand "math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/feed"
	"chancery/feed/verify"
)

// pair makes a small complete feed and a delta over it; the book is that of the delta.
func pair(t testing.TB, i *issuer, seed uint64) (complete, delta []byte, truth book) {
	t.Helper()
	r := mrand.New(mrand.NewPCG(seed, 0))
	before := make(book)
	before.issue(r, 1500, 0.02)
	truth = before.later(r)
	truth[ours(r, noon)] = true // newer than the horizon
	truth[ours(r, noon)] = false
	body, err := feed.Build(before.input(r, nil))
	if err != nil {
		t.Fatal(err)
	}
	complete = i.file(t, 7, body, nil)
	base, err := feed.Parse(complete, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err = feed.Build(truth.input(r, base)); err != nil {
		t.Fatal(err)
	}
	return complete, i.file(t, 9, body, complete), truth
}

func TestEachOctetChangedOrCutIsRefused(t *testing.T) {
	t.Parallel()
	i := quick(t)
	complete, delta, _ := pair(t, i, 1)
	open := map[string]struct {
		file []byte
		open func(b []byte) error
	}{
		"complete": {complete, func(b []byte) error { _, err := verify.Open(b, i.spki, noon); return err }},
		"delta":    {delta, func(b []byte) error { _, err := verify.OpenDelta(b, complete, i.spki, noon); return err }},
		"base":     {complete, func(b []byte) error { _, err := verify.OpenDelta(delta, b, i.spki, noon); return err }},
	}
	for name, kind := range open {
		if err := kind.open(kind.file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for at := range kind.file {
			for _, flip := range []byte{1, 0x80, 0xff} {
				b := bytes.Clone(kind.file)
				b[at] ^= flip
				if kind.open(b) == nil {
					t.Errorf("%s: octet %d changed by %#x is accepted", name, at, flip)
				}
			}
			if kind.open(kind.file[:at]) == nil {
				t.Errorf("%s: cut to %d octets it is accepted", name, at)
			}
			if err := feed.Whole(kind.file[:at]); !errors.Is(err, feed.ErrShort) {
				t.Errorf("%s: cut to %d octets it is not said to be cut: %v", name, at, err)
			}
		}
		if kind.open(append(bytes.Clone(kind.file), 0)) == nil {
			t.Errorf("%s: one octet more is accepted", name)
		}
	}
}

// rewritten is a signed file with other octets at a place.
func rewritten(t *testing.T, i *issuer, file []byte, at int, octets ...byte) []byte {
	t.Helper()
	size := len(file) - 66 // of an Ed25519 signature and its length
	message := bytes.Clone(file[:size])
	copy(message[at:], octets)
	return append(append(message, file[size:size+2]...), i.sign(t, message)...)
}

func TestFieldsThatMakeNoSenseAreRefusedThoughSigned(t *testing.T) {
	t.Parallel()
	i := quick(t)
	complete, delta, _ := pair(t, i, 2)
	body, err := feed.Build(book{}.input(mrand.New(mrand.NewPCG(1, 1)), nil))
	if err != nil {
		t.Fatal(err)
	}
	empty := i.file(t, 7, body, nil)
	long := func(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
	for _, tt := range []struct {
		name   string
		file   []byte
		at     int
		octets []byte
	}{
		{"another tag", complete, 26, []byte{'2'}},
		{"a kind that is not known", complete, 28, []byte{3}},
		{"an algorithm of 0", complete, 29, []byte{0}},
		{"an algorithm that is not known", complete, 29, []byte{8}},
		{"a certificate that is not there", complete, 30, []byte{0, 1}},
		{"a number of 0", complete, 64, long(0)},
		{"a negative number", complete, 64, long(-7)},
		{"a negative time", complete, 72, long(-1)},
		{"a next update that is this one", complete, 80, complete[72:80]},
		{"a next update after the year 9999", complete, 80, long(253402300800)},
		{"a complete feed with a base", complete, 88, long(3)},
		{"a complete feed with the digest of a base", complete, 96, []byte{1}},
		{"a delta without a base", delta, 88, long(0)},
		{"a delta with a base as new as itself", delta, 88, long(9)},
		{"a delta with a negative base", delta, 88, long(-1)},
		{"a delta that says it is complete", delta, 28, []byte{1}},
		{"a complete feed that says it is a delta", complete, 28, []byte{2}},
		{"a negative horizon", complete, 128, long(-1)},
		{"more revoked than live", complete, 136, []byte{0, 0, 0, 0}},
		{"more listed than revoked", delta, 140, []byte{0, 0, 0, 0}},
		{"a listed number more than there are", complete, 144, []byte{0, 0, 0, 9}},
		{"columns without end", complete, 148, []byte{0xff, 0xff, 0xff, 0xff}},
		{"33 columns", complete, 148, []byte{0, 0, 0, 33}},
		{"no columns, and rows", complete, 148, []byte{0, 0, 0, 0}},
		{"rows without end", complete, 152, []byte{0xff, 0xff, 0xff, 0xf8}},
		{"rows that are no octets", complete, 152, []byte{0, 0, 0, 129}},
		{"fewer rows than an equation has", complete, 152, []byte{0, 0, 0, 120}},
		{"no rows in the second table", complete, 156, []byte{0, 0, 0, 0}},
		{"as many rows as a table can have", complete, 156, []byte{0x10, 0, 0, 0}},
		{"columns without rows", empty, 148, []byte{0, 0, 0, 1}},
		{"a salt without a first table", empty, 160, []byte{1}},
		{"a salt without a second table", empty, 176, []byte{1}},
		{"a horizon after what is listed", delta, 128, long(noon.Unix() + 90)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := rewritten(t, i, tt.file, tt.at, tt.octets...)
			for _, base := range [][]byte{nil, complete} {
				if _, err := feed.Parse(b, base); err == nil {
					t.Error("Parse accepts it")
				}
			}
			if _, err := verify.Open(b, i.spki, noon); err == nil {
				t.Error("Open accepts it")
			}
			if _, err := verify.OpenDelta(b, complete, i.spki, noon); err == nil {
				t.Error("OpenDelta accepts it")
			}
		})
	}
}

// A device has little memory: what a file claims must not cost any.
func TestReadingTakesNoMemoryForWhatIsNotThere(t *testing.T) {
	i := quick(t)
	complete, _, _ := pair(t, i, 3)
	claims := bytes.Clone(complete)
	copy(claims[144:], []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 32, 0x0f, 0xff, 0xff, 0xf8, 0x0f, 0xff, 0xff, 0xf8})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := feed.Parse(claims, nil)
	_, also := verify.Open(claims, i.spki, noon)
	runtime.ReadMemStats(&after)
	if err == nil || also == nil {
		t.Error("a file that claims gigabytes is accepted")
	}
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 64<<10 {
		t.Errorf("reading it took %d octets of memory", spent)
	}
}

func TestADeltaStandsOnItsBaseAlone(t *testing.T) {
	t.Parallel()
	i := quick(t)
	complete, delta, truth := pair(t, i, 4)
	again, _, _ := pair(t, i, 5) // the same number, other salts
	for name, base := range map[string][]byte{"no base": nil, "another file with the same number": again, "itself": delta} {
		if _, err := feed.Parse(delta, base); err == nil {
			t.Errorf("Parse takes %s", name)
		}
		if _, err := verify.OpenDelta(delta, base, i.spki, noon); err == nil {
			t.Errorf("OpenDelta takes %s", name)
		}
	}
	if _, err := feed.Parse(complete, complete); err == nil {
		t.Error("Parse takes a base for a complete feed")
	}
	if _, err := verify.Open(delta, i.spki, noon); err == nil {
		t.Error("Open takes a delta")
	}
	if _, err := verify.OpenDelta(complete, complete, i.spki, noon); err == nil {
		t.Error("OpenDelta takes a complete feed")
	}
	f, err := feed.Parse(delta, complete)
	if err != nil {
		t.Fatal(err)
	}
	r := mrand.New(mrand.NewPCG(1, 1))
	if _, err := feed.Build(truth.input(r, f)); err == nil {
		t.Error("Build makes a delta over a delta")
	}
	h := i.head(9)
	body := delta[128 : len(delta)-66]
	if _, err := feed.New(h, body, delta); err == nil {
		t.Error("New puts a delta on a delta")
	}
	h.Number = 7
	if _, err := feed.New(h, body, complete); err == nil {
		t.Error("New takes the number of the base")
	}
	h = i.head(9)
	h.Issuer[0]++
	if _, err := feed.New(h, body, complete); err == nil {
		t.Error("New takes a base of another issuer")
	}
}

// What a delta names by its digest may still be no base for it.
func TestADigestAloneMakesNoBase(t *testing.T) {
	t.Parallel()
	i, other := quick(t), issuers(t)["ecdsa-p256"]
	complete, delta, _ := pair(t, i, 14)
	theirs, _, _ := pair(t, other, 14)
	long := func(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
	for name, base := range map[string][]byte{
		"of another issuer":     theirs,
		"with another number":   rewritten(t, i, complete, 64, long(6)...),
		"that is a delta":       rewritten(t, i, delta, 64, long(7)...),
		"that is no feed":       []byte("no feed"),
		"without its signature": complete[:len(complete)-66],
	} {
		if name == "that is a delta" {
			base = rewritten(t, i, base, 88, long(3)...) // below its own number
		}
		digest := sha256.Sum256(base)
		over := rewritten(t, i, delta, 96, digest[:]...)
		if _, err := feed.Parse(over, base); err == nil {
			t.Errorf("Parse takes a base %s", name)
		}
		if _, err := verify.OpenDelta(over, base, i.spki, noon); err == nil {
			t.Errorf("OpenDelta takes a base %s", name)
		}
	}
}

// A front that was taken over hands the signer a body that forgets a revocation.
func TestTheSignerFindsARevocationThatAFeedContradicts(t *testing.T) {
	t.Parallel()
	i := quick(t)
	complete, delta, truth := pair(t, i, 6)
	f, err := feed.Parse(delta, complete)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(truth.seq(true)()); err != nil {
		t.Errorf("a feed that is right: %v", err)
	}
	r := mrand.New(mrand.NewPCG(2, 2))
	for s, revoked := range truth {
		if !revoked {
			continue
		}
		truth[s] = false
		body, err := feed.Build(truth.input(r, nil))
		if err != nil {
			t.Fatal(err)
		}
		f, err := feed.New(i.head(10), body, nil)
		if err != nil {
			t.Fatal(err)
		}
		truth[s] = true
		if err := f.Check(truth.seq(true)()); err == nil || !strings.Contains(err.Error(), string(s)) {
			t.Errorf("a feed without %s passes: %v", s, err)
		}
	}
	broken := errors.New("the log cannot be read")
	if err := f.Check(func(yield func(ca.Serial, error) bool) { yield("", broken) }); !errors.Is(err, broken) {
		t.Errorf("an error of what is known: %v", err)
	}
}

func TestBuildRefusesWhatWouldBeAnsweredWrongly(t *testing.T) {
	t.Parallel()
	fine := each([]ca.Serial{"01", "02", "0100"})
	calls := 0
	changing := func() iter.Seq2[ca.Serial, error] {
		calls++
		if calls > 1 {
			return each([]ca.Serial{"01", "03", "0100"})()
		}
		return fine()
	}
	broken := errors.New("the database went away")
	for _, tt := range []struct {
		name    string
		live    func() iter.Seq2[ca.Serial, error]
		revoked func() iter.Seq2[ca.Serial, error]
		horizon time.Time
	}{
		{"numbers in the order of text", each([]ca.Serial{"01", "0100", "02"}), fine, horizon},
		{"a number twice", fine, each([]ca.Serial{"01", "01"}), horizon},
		{"zero", each([]ca.Serial{"00"}), fine, horizon},
		{"a number of 21 octets", fine, each([]ca.Serial{ca.Serial(strings.Repeat("7f", 21))}), horizon},
		{"half an octet", fine, each([]ca.Serial{"123"}), horizon},
		{"what is no hex", fine, each([]ca.Serial{"zz"}), horizon},
		{"another number in the second pass", changing, each([]ca.Serial{"02"}), horizon},
		{"a horizon between seconds", fine, fine, horizon.Add(time.Millisecond)},
		{"no horizon", fine, fine, time.Time{}},
	} {
		if _, err := feed.Build(feed.Input{Live: tt.live, Revoked: tt.revoked, Horizon: tt.horizon}); err == nil {
			t.Errorf("%s: Build takes it", tt.name)
		}
	}
	_, err := feed.Build(feed.Input{Live: fine, Horizon: horizon, Revoked: func() iter.Seq2[ca.Serial, error] {
		return func(yield func(ca.Serial, error) bool) { yield("", broken) }
	}})
	if !errors.Is(err, broken) {
		t.Errorf("the error of a sequence is lost: %v", err)
	}
}

// The laws: nothing panics; both readers accept the same files; what is accepted has
// one form only; and both give the same answers, for the very octets that came too.
func FuzzFeed(f *testing.F) {
	i := quick(f)
	complete, delta, _ := pair(f, i, 8)
	f.Add(complete[:len(complete)-66], complete[200:240])
	f.Add(delta[:len(delta)-66], []byte{0x41, 0, 1, 0x80})
	empty, err := feed.Build(book{}.input(mrand.New(mrand.NewPCG(1, 1)), nil))
	if err != nil {
		f.Fatal(err)
	}
	none := i.file(f, 1, empty, nil)
	f.Add(none[:len(none)-66], []byte{})
	f.Fuzz(func(t *testing.T, message, serials []byte) {
		if len(message) >= 72 {
			message = bytes.Clone(message)
			message[29] = byte(feed.Ed25519) // so that it can be signed: only the parsers are tried
			issued := i.head(1).Issuer
			copy(message[32:], issued[:])
		}
		signature := i.sign(t, message)
		file := append(append(bytes.Clone(message), 0, byte(len(signature))), signature...)
		for _, base := range [][]byte{nil, complete} {
			parsed, err := feed.Parse(file, base)
			now := noon
			if err == nil {
				now = parsed.ThisUpdate
			}
			var v *verify.Feed
			var refused error
			if base == nil {
				v, refused = verify.Open(file, i.spki, now)
			} else {
				v, refused = verify.OpenDelta(file, base, i.spki, now)
			}
			if err == nil && len(parsed.Certificate) > 0 {
				continue // a certificate that fuzzing made is none
			}
			if (err == nil) != (refused == nil) {
				t.Fatalf("Parse says %v, and the verifier %v", err, refused)
			}
			if err != nil {
				continue
			}
			made, err := feed.New(parsed.Head, message[128:], base)
			if err != nil || !bytes.Equal(made.Message(), message) {
				t.Fatalf("made again it is another file (%v)", err)
			}
			for serials := serials; len(serials) > 0; serials = serials[1:] {
				s, err := ca.SerialFromBytes(serials[:min(20, len(serials))])
				if err == nil && !same(parsed.Status(s), v.Status(s.Bytes())) {
					t.Fatalf("of %s Parse says %v, and the verifier %d", s, parsed.Status(s), v.Status(s.Bytes()))
				}
			}
		}
	})
}
