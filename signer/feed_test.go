// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/feed"
	"chancery/feed/verify"
	"chancery/signer"
	"chancery/signer/journal"
)

// ascending gives serial numbers as integers ascend, as often as they are asked for.
func ascending(all []ca.Serial) func() iter.Seq2[ca.Serial, error] {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b ca.Serial) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(string(a), string(b))
	})
	return func() iter.Seq2[ca.Serial, error] {
		return func(yield func(ca.Serial, error) bool) {
			for _, s := range all {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// feedInput is what a front makes a feed of, if these certificates are live.
func (s *site) feedInput(h ca.Session, authority string, live []ca.Serial) feed.Input {
	s.t.Helper()
	g, revoked, err := s.FeedGround(h.Number, authority)
	if err != nil {
		s.t.Fatal(err)
	}
	var given []ca.Serial
	for _, n := range revoked {
		serial, err := ca.SerialFromBytes(n[:])
		if err != nil {
			s.t.Fatal(err)
		}
		given = append(given, serial)
	}
	in := feed.Input{Live: ascending(live), Revoked: ascending(given), Horizon: g.Horizon}
	if _, err := rand.Read(in.Seed[:]); err != nil {
		s.t.Fatal(err)
	}
	return in
}

func bodyOf(t testing.TB, in feed.Input) []byte {
	t.Helper()
	body, err := feed.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// fed makes and signs a feed; a delta, if it is given the file of its base.
func (s *site) fed(h ca.Session, authority string, live []ca.Serial, base []byte) (ca.Feed, []byte) {
	s.t.Helper()
	in := s.feedInput(h, authority, live)
	if base != nil {
		var err error
		if in.Base, err = feed.Parse(base, nil); err != nil {
			s.t.Fatal(err)
		}
	}
	about, file, err := s.SignFeed(h.Number, authority, bodyOf(s.t, in), base)
	if err != nil {
		s.t.Fatal(err)
	}
	return about, file
}

// newest gives the body of the newest FEED leaf, and its digest.
func (s *site) newestFeed() (about ca.Feed, l audit.Leaf) {
	s.t.Helper()
	for _, r := range s.leaves() {
		one, err := audit.ParseLeaf(r.Leaf)
		if err != nil {
			s.t.Fatal(err)
		}
		if one.Kind == audit.Feed {
			l = one
			if err := json.Unmarshal(r.Body, &about); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return about, l
}

func serialsOf(t testing.TB, all []ca.Answer) (out []ca.Serial) {
	t.Helper()
	for _, a := range all {
		out = append(out, serialOf(t, a.DER))
	}
	return out
}

// A feed is signed by the responder whose certificate it brings, for readers that know
// the issuer's key alone; its leaf is of the very octets.
func TestAFeedIsSignedByTheRespondersKeyAndOnTheLogBefore(t *testing.T) {
	for _, keyType := range []string{"ecdsa-p256", "ecdsa-p384", "rsa-3072", "ed25519"} {
		t.Run(keyType, func(t *testing.T) {
			s := start(t, t.TempDir())
			q := founding(t)
			q.Issuing.KeyType = keyType
			f, err := s.Found(q, os.Getuid())
			if err != nil {
				t.Fatal(err)
			}
			h := s.hello(0)
			issuing, root := f.Authorities[1], f.Authorities[0]
			about, file := s.fed(h, issuing.Name, nil, nil)
			got, err := verify.Open(file, issuing.SPKI, time.Now())
			if err != nil || got.Number != about.Number || !got.NextUpdate.Equal(about.NextUpdate) {
				t.Fatalf("%v: %+v, not %+v", err, got, about)
			}
			read, err := feed.Parse(file, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, l := s.newestFeed()
			if body != about || l.Issuer != issuing.Key || l.Digest != sha256.Sum256(read.Message()) {
				t.Errorf("the leaf says %+v, %+v of %+v", body, l, about)
			}
			if _, err := verify.Open(file, root.SPKI, time.Now()); err == nil {
				t.Error("it is taken for the root's")
			}
			s.byAuthority(t, issuing.Name)
			h = s.hello(0)
			_, own := s.fed(h, issuing.Name, nil, file)
			if _, err := verify.OpenDelta(own, file, issuing.SPKI, time.Now()); err != nil {
				t.Errorf("signed by the authority itself: %v", err)
			}
			if signed, err := feed.Parse(own, file); err != nil || len(signed.Certificate) > 0 {
				t.Errorf("it brings a certificate: %v", err)
			}
			// The sealed root has a responder too, from its founding on.
			_, file = s.fed(h, root.Name, []ca.Serial{serialOf(t, issuing.Certificate)}, nil)
			if of, err := verify.Open(file, root.SPKI, time.Now()); err != nil {
				t.Errorf("the root's: %v", err)
			} else if is := of.Status(serialOf(t, issuing.Certificate).Bytes()); is == verify.Revoked {
				t.Errorf("the issuing authority is %v", is)
			}
		})
	}
}

// byAuthority has an authority sign its answers itself.
func (s *site) byAuthority(t *testing.T, name string) {
	t.Helper()
	b, _ := s.risen()
	b.OCSPByAuthority = []string{name}
	next, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetPolicy(signer.PolicyChange{Document: next}); err != nil {
		t.Fatal(err)
	}
}

// What a front that was taken over could send, and what one that is late does.
func TestAFeedThatHidesARevocationIsNotSigned(t *testing.T) {
	s, f, h := founded(t)
	csr, p := csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]
	var all []ca.Answer
	for i := range 4 {
		all = append(all, s.issued(h, wish(i+1, csr, p)))
	}
	live := serialsOf(t, all)
	if a := s.revoke(h, all[0], 1, ca.Superseded); a.Problem != nil {
		t.Fatal(a.Problem)
	}
	before := s.feedInput(h, "issuing-g1", live)
	before.Horizon = before.Horizon.Add(-time.Hour)
	later := bodyOf(t, before) // listed, as all are newer than its horizon
	if a := s.revoke(h, all[1], 1, ca.CertificateHold); a.Problem != nil {
		t.Fatal(a.Problem)
	}
	now := s.feedInput(h, "issuing-g1", live)
	none, other, ahead := now, now, now
	none.Revoked = ascending(nil)
	other.Revoked = ascending(live[2:])
	ahead.Horizon = time.Now().UTC().Truncate(time.Second)
	good := bodyOf(t, now)
	count := s.count(audit.Feed)
	for _, tt := range []struct {
		what string
		body []byte
		kind ca.Kind
	}{
		{"nothing is revoked", bodyOf(t, none), ca.ConflictKind},
		{"others are revoked", bodyOf(t, other), ca.ConflictKind},
		{"something was revoked since it was made", later, ca.ConflictKind},
		{"a horizon at this moment", bodyOf(t, ahead), ca.RefusedKind},
		{"nothing", nil, ca.RefusedKind},
		{"half of it", good[:len(good)/2], ca.RefusedKind},
		{"more than it", append(slices.Clone(good), 0), ca.RefusedKind},
		{"too much", make([]byte, signer.MaxFeed+1), ca.RefusedKind},
	} {
		_, file, err := s.SignFeed(h.Number, "issuing-g1", tt.body, nil)
		var why *ca.Problem
		if !errors.As(err, &why) || why.Code != ca.E3005 || why.Kind != tt.kind || file != nil {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
	var why *ca.Problem
	if _, _, err := s.SignFeed(h.Number, "nobody", good, nil); !errors.As(err, &why) || why.Code != ca.E2101 {
		t.Errorf("of nobody: %v", err)
	}
	if _, _, err := s.SignFeed(h.Number-1, "issuing-g1", good, nil); !errors.As(err, &why) || why.Code != ca.E1402 {
		t.Errorf("in an older session: %v", err)
	}
	if n := s.count(audit.Feed); n != count {
		t.Errorf("%d leaves of feeds that were refused", n-count)
	}
	_, file, err := s.SignFeed(h.Number, "issuing-g1", good, nil)
	if err != nil {
		t.Fatal(err)
	}
	read, err := verify.Open(file, f.Authorities[1].SPKI, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []verify.Status{verify.Revoked, verify.Revoked, verify.NotCovered, verify.NotCovered} {
		if got := read.Status(live[i].Bytes()); got != want {
			t.Errorf("certificate %d is %v, not %v", i, got, want)
		}
	}
}

func TestADeltaStandsOnTheNewestCompleteFeedThatWasSigned(t *testing.T) {
	s, f, h := founded(t)
	oldest, first := s.fed(h, "issuing-g1", nil, nil)
	_, root := s.fed(h, "root-g1", nil, nil)
	_, newest := s.fed(h, "issuing-g1", nil, nil)
	about, delta := s.fed(h, "issuing-g1", nil, newest)
	if about.Base <= oldest.Number || about.Number <= about.Base {
		t.Errorf("delta %d of base %d after %d", about.Number, about.Base, oldest.Number)
	}
	if _, err := verify.OpenDelta(delta, newest, f.Authorities[1].SPKI, time.Now()); err != nil {
		t.Error(err)
	}
	forged := slices.Clone(newest)
	forged[192+3] ^= 1 // of the certificate: what it says is no other
	for what, base := range map[string][]byte{"older": first, "another issuer's": root, "a delta": delta, "changed": forged, "no": []byte("feed")} {
		in := s.feedInput(h, "issuing-g1", nil)
		_, _, err := s.SignFeed(h.Number, "issuing-g1", bodyOf(t, in), base)
		var why *ca.Problem
		if !errors.As(err, &why) || why.Code != ca.E3005 {
			t.Errorf("%s base: %v", what, err)
		}
	}
}

// A key that fails is that of a process which dies while it signs.
type dying struct{ crypto.Signer }

func (dying) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, io.ErrClosedPipe }

// The number of a feed is given when its leaf is durable, whoever got the feed; neither a
// start by the whole log nor one by a snapshot gives it again, nor a clock that stands still.
func TestNumbersOfFeedsRiseWhateverDies(t *testing.T) {
	dir, at := t.TempDir(), time.Now()
	s := unopened(dir)
	s.Now = func() time.Time { return at }
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	r := running(t, s)
	if _, err := r.Found(founding(t), os.Getuid()); err != nil {
		t.Fatal(err)
	}
	again := func() ca.Session {
		t.Helper()
		r.stop()
		next := unopened(dir)
		next.Now = s.Now
		if err := next.Open(); err != nil {
			t.Fatal(err)
		}
		r = running(t, next)
		return r.hello(0)
	}
	h := r.hello(0)
	one, base := r.fed(h, "issuing-g1", nil, nil)
	two, _ := r.fed(h, "issuing-g1", nil, base)
	h = again()
	three, _ := r.fed(h, "issuing-g1", nil, base) // the base is known from the log
	if two.Number != one.Number+1 || three.Number != two.Number+1 || three.Base != one.Number {
		t.Errorf("feeds %d, %d, and after a start %d on base %d", one.Number, two.Number, three.Number, three.Base)
	}
	in := r.feedInput(h, "issuing-g1", nil)
	r.WrapResponders(func(k crypto.Signer) crypto.Signer { return dying{k} })
	if _, _, err := r.SignFeed(h.Number, "issuing-g1", bodyOf(t, in), nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a key that fails: %v", err)
	}
	promised, _ := r.newestFeed()
	if promised.Number != three.Number+1 {
		t.Errorf("feed %d was promised after %d", promised.Number, three.Number)
	}
	h = again()
	// Its base is one that nobody has: the front is told so, and makes a complete one.
	if g, _, err := r.FeedGround(h.Number, "issuing-g1"); err != nil || g.Base != promised.Number {
		t.Errorf("the base is %d, not %d: %v", g.Base, promised.Number, err)
	}
	four, _ := r.fed(h, "issuing-g1", nil, nil)
	if four.Number != promised.Number+1 {
		t.Errorf("feed %d after %d was promised", four.Number, promised.Number)
	}
	r.Snapshot()
	h = again()
	if r.Kept() == 0 {
		t.Fatal("no snapshot was read")
	}
	if five, _ := r.fed(h, "issuing-g1", nil, nil); five.Number != four.Number+1 {
		t.Errorf("feed %d after %d and a snapshot", five.Number, four.Number)
	}
	if what := r.Remembers(); what != "" {
		t.Error(what)
	}
}

// The horizon lies below the second of each certificate that is not on the log yet, and
// all others are below the leaf that it comes with.
func TestTheHorizonOfAFeedIsBelowWhatIsUnderWay(t *testing.T) {
	var ahead atomic.Int64
	o := unopened(t.TempDir())
	o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	if err := o.Open(); err != nil {
		t.Fatal(err)
	}
	s := running(t, o)
	if _, err := s.Found(founding(t), os.Getuid()); err != nil {
		t.Fatal(err)
	}
	h := s.hello(0)
	csr, p := csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]
	before, _, err := s.FeedGround(h.Number, "issuing-g1")
	if err != nil {
		t.Fatal(err)
	}
	one := s.issued(h, wish(1, csr, p))
	after, _, err := s.FeedGround(h.Number, "issuing-g1")
	if err != nil || after.Leaves <= one.Index || before.Leaves > one.Index {
		t.Errorf("leaf %d lies below %d and not below %d: %v", one.Index, after.Leaves, before.Leaves, err)
	}
	n := serialOf(t, one.DER).Bytes()
	if made := time.Unix(int64(binary.BigEndian.Uint32(n[3:])), 0); !made.After(after.Horizon) || time.Since(after.Horizon) > time.Minute {
		t.Errorf("made at %v, and the horizon is %v", made, after.Horizon)
	}
	// While a batch is being signed, for a minute, the horizon stays below when it began.
	var during ca.FeedGround
	s.wrapped(&key{instead: func(k crypto.Signer, random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
		ahead.Add(int64(time.Minute))
		during, _, err = s.FeedGround(h.Number, "issuing-g1")
		return k.Sign(random, message, o)
	}})
	two := s.issued(h, wish(2, csr, p))
	n = serialOf(t, two.DER).Bytes()
	if made := time.Unix(int64(binary.BigEndian.Uint32(n[3:])), 0); err != nil || !made.After(during.Horizon) {
		t.Errorf("made at %v, and the horizon was %v: %v", made, during.Horizon, err)
	}
	// When it has ended, the horizon goes on.
	last, _, err := s.FeedGround(h.Number, "issuing-g1")
	if made := time.Unix(int64(binary.BigEndian.Uint32(n[3:])), 0); err != nil || !last.Horizon.After(made) {
		t.Errorf("made at %v, and the horizon is %v: %v", made, last.Horizon, err)
	}
}

// A number that was given up may be on a certificate that somebody stole half-made.
func TestAVoidNumberIsRevokedInFeeds(t *testing.T) {
	s, f, h := founded(t)
	one := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	rec := s.leaves()[one.Index]
	l, err := audit.ParseLeaf(rec.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	number := bytes.Clone(l.Serial.Bytes())
	binary.BigEndian.PutUint32(number[3:], uint32(time.Now().Add(-time.Hour).Unix()))
	void, err := ca.SerialFromBytes(number)
	if err != nil {
		t.Fatal(err)
	}
	placed, err := s.Put(journal.Entry{Leaf: audit.Leaf{Kind: audit.Intent, Digest: l.Digest, Issuer: l.Issuer, Serial: void}, Body: rec.Body})
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	s = start(t, s.Dir)
	h = s.hello(0)
	if err := s.Settle(h.Number, []ca.Settlement{{Index: placed[0].Index, Act: ca.SettleVoid}}); err != nil {
		t.Fatal(err)
	}
	_, file := s.fed(h, "issuing-g1", serialsOf(t, []ca.Answer{one}), nil)
	read, err := verify.Open(file, f.Authorities[1].SPKI, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got := read.Status(void.Bytes()); got != verify.Revoked {
		t.Errorf("it is %v", got)
	}
}
