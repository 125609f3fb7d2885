// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
	"chancery/internal/ocsp"
)

// An answer is signed once and said again, octet for octet, whoever signs it, and by
// whichever form of a CertID it was asked.
func TestAnswersAreKeptAsTheyWereSigned(t *testing.T) {
	for keyType, by := range map[string]string{"ecdsa-p256": "ecdsa-p384", "ecdsa-p384": "rsa-2048", "rsa-2048": "ecdsa-p256", "ed25519": "ecdsa-p521", "ecdsa-p521": "ed25519"} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, keyType, by)
			d.opened(t)
			for _, hash := range ca.CertIDHashes() {
				for _, parameters := range []bool{true, false} {
					for _, serial := range []ca.Serial{"01", "06"} {
						id, err := ocsp.CertID(hash, d.a.Subject, d.a.SPKI, serial)
						if err != nil {
							t.Fatal(err)
						}
						id.Parameters = parameters
						der, err := ocsp.Encode(ocsp.Request{IDs: []ca.CertID{id}})
						if err != nil {
							t.Fatal(err)
						}
						before := d.signed()
						first, again := d.get(der), d.get(der)
						if d.signed() != before+1 || !bytes.Equal(first.Body.Bytes(), again.Body.Bytes()) {
							t.Errorf("%s by %s, %s: signed %d times\n%x\n%x", keyType, by, hash, d.signed()-before, first.Body, again.Body)
						}
					}
				}
			}
			if s := d.Stats(); s.Kept != 16 || s.Hits != 16 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// RV-06: at half of its life an answer is signed again while the old one is said, and at
// its end it is said no more.
func TestRV06_AnswersAreSignedAgainAtHalfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ed25519")
		d.opened(t)
		der := request(t, d.a, nil, "01")
		first := d.get(der)
		time.Sleep(12 * time.Hour)
		if wants(t, "until half of its life", d.get(der), "good"); d.signed() != 1 {
			t.Fatalf("signed %d times", d.signed())
		}
		time.Sleep(time.Second)
		// The first who asks has it signed, and whoever comes then may have the new one already.
		if w := d.get(der); !bytes.Equal(w.Body.Bytes(), first.Body.Bytes()) {
			t.Error("nobody waits for the new one")
		}
		wants(t, "meanwhile", d.get(der), "good")
		synctest.Wait()
		if w := d.get(der); d.signed() != 2 || bytes.Equal(w.Body.Bytes(), first.Body.Bytes()) {
			t.Errorf("signed %d times", d.signed())
		}
		d.change(func() { d.away = errors.New("away") })
		time.Sleep(24*time.Hour - time.Second)
		wants(t, "as long as it lives", d.get(der), "good")
		time.Sleep(time.Second)
		wants(t, "no longer than it lives", d.get(der), "tryLater")
	})
}

// RV-07: what is kept never outlives a step, and neither does what was under way to be
// signed when the step was taken.
func TestRV07_NoAnswerOutlivesAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ed25519")
		d.opened(t)
		der := request(t, d.a, nil, "01")
		step := func(why ca.Reason) {
			d.change(func() { d.revoked["01"] = why })
			if why == ca.RemoveFromCRL {
				d.change(func() { delete(d.revoked, "01") })
			}
			d.Changed(d.a.Key, "01")
		}
		wants(t, "at first", d.get(der), "good")
		step(ca.CertificateHold)
		wants(t, "held", d.get(der), "revoked")
		step(ca.RemoveFromCRL)
		wants(t, "given back", d.get(der), "good")
		d.Changed(d.a.Key, "02")
		d.Changed(ca.Digest{9}, "01")
		before := d.signed()
		if wants(t, "another's steps", d.get(der), "good"); d.signed() != before {
			t.Error("another's step made it be signed again")
		}

		// The signer has signed, and is slow to say so; meanwhile the step is taken.
		d.Changed(d.a.Key, "01")
		hold := make(chan struct{})
		d.change(func() { d.hold = hold })
		var late sync.WaitGroup
		late.Go(func() { wants(t, "asked before the step", d.get(der), "good") })
		synctest.Wait()
		step(ca.KeyCompromise)
		d.change(func() { d.hold = nil })
		close(hold)
		late.Wait()
		wants(t, "asked behind the step", d.get(der), "revoked")
	})
}

// RV-07: a certificate that was made elsewhere has no row in the book, and neither have its
// steps: nobody would tell that what is kept is over.
func TestRV07_WhatTheBookDoesNotHaveIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ed25519")
		d.opened(t)
		d.change(func() { d.elsewhere = "0a" })
		der := request(t, d.a, nil, "0a")
		wants(t, "at first", d.get(der), "good")
		d.change(func() { d.revoked["0a"] = ca.Superseded })
		wants(t, "revoked", d.get(der), "revoked")
	})
}

// RV-07: what another node revoked is seen within a second, and while nobody can know
// whether it did, nothing is called good. Whoever is alone needs nobody for that.
func TestRV07_WhatOthersRevokedIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ed25519")
		d.opened(t)
		good, held := request(t, d.a, nil, "01"), request(t, d.a, nil, "06")
		wants(t, "at first", d.get(good), "good")
		wants(t, "held", d.get(held), "revoked")
		other := func(leaf int64) {
			d.change(func() {
				d.logs, d.revoked["01"] = 2, ca.Superseded
				d.steps = append(d.steps, ca.Revocation{ID: ca.NewID(2, leaf), IssuerKey: d.a.Key, Serial: "01"})
			})
			time.Sleep(watchEvery)
			synctest.Wait()
		}
		other(5)
		wants(t, "revoked by a new node", d.get(good), "revoked")
		d.change(func() { delete(d.revoked, "01") })
		other(6)
		wants(t, "and again", d.get(good), "revoked")
		d.change(func() { d.revoked = map[ca.Serial]ca.Reason{"06": ca.CertificateHold} })
		d.Changed(d.a.Key, "01")
		wants(t, "and back", d.get(good), "good")
		wants(t, "held", d.get(held), "revoked") // all was forgotten when the other node came

		d.change(func() { d.lost = errors.New("the database is away") })
		time.Sleep(trueFor - watchEvery)
		wants(t, "with the book away for a moment", d.get(good), "good")
		time.Sleep(2 * watchEvery)
		wants(t, "with the book away for longer", d.get(good), "tryLater")
		wants(t, "held, with the book away", d.get(held), "revoked")
		d.change(func() { d.lost = nil })
		time.Sleep(watchEvery)
		synctest.Wait()
		wants(t, "with the book back", d.get(good), "good")

		alone := newDesk(t, "ecdsa-p256", "ed25519")
		alone.opened(t)
		wants(t, "alone", alone.get(good), "good")
		alone.change(func() { alone.lost = errors.New("the database is away") })
		time.Sleep(time.Hour)
		wants(t, "alone, with the book away", alone.get(good), "good")
		wants(t, "what was never asked, with the book away", alone.get(request(t, d.a, nil, "02")), "tryLater")
	})
}

// RV-06, P9: without the signer, what it signed is said as long as it lives, and all else
// later.
func TestRV06_WithoutTheSignerWhatItSignedIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ed25519")
		d.opened(t)
		kept := request(t, d.a, nil, "01")
		wants(t, "at first", d.get(kept), "good")
		d.change(func() { d.away = errors.New("sealed") })
		wants(t, "kept", d.get(kept), "good")
		wants(t, "not kept", d.get(request(t, d.a, nil, "02")), "tryLater")
		wants(t, "with a nonce", d.get(request(t, d.a, []byte{1}, "01")), "tryLater")
		d.change(func() { d.away, d.hold = nil, make(chan struct{}) })
		wants(t, "while it hangs", d.get(request(t, d.a, nil, "02")), "tryLater")
	})
}

// More than can wait are told to try later at once, and nobody is forgotten.
func TestACrowdIsToldToTryLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ed25519")
		d.opened(t)
		hold := make(chan struct{})
		d.change(func() { d.hold = hold })
		der := request(t, d.a, []byte{1}, "01")
		var mu sync.Mutex
		said := map[string]int{}
		var all sync.WaitGroup
		for range maxQuestions + 500 {
			all.Go(func() {
				word := says(t, d.post(der))
				mu.Lock()
				defer mu.Unlock()
				said[word]++
			})
		}
		synctest.Wait()
		mu.Lock()
		early := said["tryLater"]
		mu.Unlock()
		close(hold)
		all.Wait()
		if early == 0 || early > 500 || said["good"] != maxQuestions+500-early {
			t.Errorf("%d were told early, in the end %v", early, said)
		}
		d.change(func() { early = d.calls })
		if early > 2+maxQuestions/maxWishes+flights {
			t.Errorf("the signer was called %d times", early)
		}
	})
}

// Memory is bounded: the oldest answers are given up, and whatever is kept is right.
func TestTheRoomForAnswersIsBounded(t *testing.T) {
	d := newDesk(t, "ecdsa-p256", "ed25519")
	d.kept = newAnswers(2 * (pageSize + pageSize/4))
	d.look(t.Context())
	n := d.named.Load()
	by := 1
	serial := func(i int) ca.Serial { return ca.Serial(fmt.Sprintf("41%036x", i)) }
	id := func(i int) ca.CertID {
		c, err := ocsp.CertID("sha1", d.a.Subject, d.a.SPKI, serial(i))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const all = 30_000
	d.rows[serial(0)] = 1
	for i := range all {
		c := id(i)
		a := d.say(ca.OCSPWish{Queries: []ca.OCSPQuery{{CertID: c, ID: 1}}})
		d.kept.put(n, keyOf(by, &c), 0, a.DER)
		if i%1000 == 0 { // asked for often, so signed again, and never among the oldest
			c := id(0)
			d.kept.put(n, keyOf(by, &c), 0, d.say(ca.OCSPWish{Queries: []ca.OCSPQuery{{CertID: c, ID: 1}}}).DER)
		}
	}
	count, octets, oldest := d.kept.size()
	if octets != 2*pageSize || count < all/4 || count > all/2 || oldest.IsZero() {
		t.Errorf("%d are kept in %d octets, the oldest of %v", count, octets, oldest)
	}
	found := 0
	for i := range all {
		c := id(i)
		a, ok := d.kept.get(n, keyOf(by, &c))
		if !ok {
			continue
		}
		found++
		der, err := a.whole(c)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ocsp.Read(der)
		if err != nil || len(r.Singles) != 1 || r.Singles[0].CertID.Serial != serial(i) {
			t.Fatalf("%d: %v, %+v", i, err, r)
		}
	}
	c := id(0)
	if _, ok := d.kept.get(n, keyOf(by, &c)); !ok || found != count {
		t.Errorf("%d of %d are found, the one that is asked for often: %t", found, count, ok)
	}
	d.kept.drop(n, d.a.Key, serial(all-1))
	last := id(all - 1)
	if _, ok := d.kept.get(n, keyOf(by, &last)); ok {
		t.Error("what was dropped is kept")
	}
	// Of other authorities, whatever their place, nothing is said.
	if _, ok := d.kept.get(newIssuers(n.all), keyOf(by, &c)); ok {
		t.Error("an answer of the authorities before is said")
	}
	d.kept.clear(n)
	if count, octets, _ := d.kept.size(); count+octets != 0 {
		t.Errorf("%d, %d", count, octets)
	}
}

// RV-07, RV-02: while a thousand certificates are revoked under the eyes of those who ask for
// them all the time, nobody who asks behind the end of a revocation is told that it is good.
func TestRV07_AThousandOverlappingRevocations(t *testing.T) {
	d := newDesk(t, "ecdsa-p256", "ed25519")
	const certificates = 1000
	questions, done := make([][]byte, certificates), make([]atomic.Bool, certificates)
	serial := func(i int) ca.Serial { return ca.Serial(fmt.Sprintf("41%06x", i)) }
	for i := range questions {
		questions[i], d.rows[serial(i)] = request(t, d.a, nil, serial(i)), ca.NewID(1, int64(i+10))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	for d.named.Load() == nil || !d.current(d.signing.now()) {
		runtime.Gosched() // it looks around first
	}
	for i := range questions { // so that answers are kept which a revocation must drop
		wants(t, string(serial(i)), d.get(questions[i]), "good")
	}
	var askers, revokers sync.WaitGroup
	var over atomic.Bool
	var asked atomic.Int64
	for n := range 6 {
		askers.Go(func() {
			for i := n; !over.Load(); i += 7 {
				was := done[i%certificates].Load()
				got := says(t, d.get(questions[i%certificates]))
				if was && got != "revoked" || got != "revoked" && got != "good" {
					t.Errorf("certificate %d is %s, revoked before it was asked for: %t", i%certificates, got, was)
					return
				}
				asked.Add(1)
			}
		})
	}
	for n := range 4 {
		revokers.Go(func() {
			for i := n; i < certificates; i += 4 {
				for asked.Load() <= int64(i) && !t.Failed() {
					runtime.Gosched() // nobody revokes faster than is asked
				}
				d.change(func() { d.revoked[serial(i)] = ca.KeyCompromise })
				d.Changed(d.a.Key, serial(i))
				done[i].Store(true)
			}
		})
	}
	revokers.Wait()
	over.Store(true)
	askers.Wait()
	for i := range questions {
		wants(t, string(serial(i)), d.get(questions[i]), "revoked")
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s := d.Stats(); s.Hits == 0 || s.Good == 0 {
		t.Errorf("%+v", s)
	}
}

// Where a certificate is, is looked up once; where none is, each time, as it may come.
func TestAPlaceIsLookedUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ecdsa-p256")
		d.opened(t)
		for n, c := range []struct {
			serial ca.Serial
			status ca.OCSPStatus
			looks  int
		}{{"01", ca.OCSPGood, 1}, {"01", ca.OCSPGood, 1}, {"0a", ca.OCSPUnknown, 2}, {"0a", ca.OCSPUnknown, 3}, {"01", ca.OCSPGood, 3}} {
			r, err := ocsp.Read(d.get(request(t, d.a, []byte{1, byte(n)}, c.serial)).Body.Bytes())
			if err != nil || len(r.Singles) != 1 || r.Singles[0].Status != c.status || d.looked != c.looks {
				t.Errorf("%d. %s: %+v, %v, after %d looks", n, c.serial, r.Singles, err, d.looked)
			}
		}
		d.change(func() { d.rows["0a"] = ca.NewID(1, 10) })
		if r, err := ocsp.Read(d.get(request(t, d.a, []byte{2}, "0a")).Body.Bytes()); err != nil || r.Singles[0].Status != ca.OCSPGood {
			t.Errorf("a certificate that came is %+v, %v", r.Singles, err)
		}
	})
}

func TestPlacesAreBounded(t *testing.T) {
	p := places{}
	for i := range 3 * maxPlaces {
		c := certificate{serial: ca.Serial(strconv.Itoa(i))}
		p.note(c, ca.ID(i+1))
		if id, known := p.find(c); !known || id != ca.ID(i+1) || len(p.of) > maxPlaces {
			t.Fatalf("%d: %d, %t, with %d remembered", i, id, known, len(p.of))
		}
	}
}

// Another key signs the answers of an authority from now on: what the one before signed is
// not said again, though it is good for half a day yet.
func TestKeptAnswersGoWithWhoSignedThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ecdsa-p384")
		d.opened(t)
		der := request(t, d.a, nil, "01")
		d.get(der)
		before := d.signed()
		d.get(der)
		if d.signed() != before {
			t.Fatal("it is not kept")
		}
		own := d.a
		own.OCSPByItself = true
		d.o.Shelf.(*shelf).all = []ca.Authority{d.root, own}
		d.look(t.Context())
		d.get(der)
		if d.signed() != before+1 {
			t.Error("the answer of the key before is said again")
		}
		d.look(t.Context())
		d.get(der)
		if d.signed() != before+1 {
			t.Error("the new one is not kept")
		}
	})
}
