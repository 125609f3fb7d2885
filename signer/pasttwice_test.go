// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/x509"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/journal"
)

// hours is a time so many hours ago, as a list tells it.
func hours(ago int) time.Time {
	return time.Now().Add(-time.Duration(ago) * time.Hour).UTC().Truncate(time.Second)
}

// listing makes a list of the imported key, of an hour ago.
func (i imported) listing(number int64, entries ...x509.RevocationListEntry) []byte {
	i.t.Helper()
	return i.makesList("sub", &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: hours(1), NextUpdate: hours(-1), RevokedCertificateEntries: entries})
}

// entryOf is the one entry of a serial number on the list that the imported key makes now.
func (i imported) entryOf(serial *big.Int) (found x509.RevocationListEntry) {
	i.t.Helper()
	_, l := i.listOf(i.hello(0), "issuing-g2", 0)
	n := 0
	for _, e := range l.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(serial) == 0 {
			found = e
			n++
		}
	}
	if n != 1 {
		i.t.Errorf("%x is %d times on the list", serial, n)
	}
	return found
}

// RV-05: what is revoked here while a list from elsewhere is taken that has it, too, is on
// the lists once. Twice, and the key could never make a list again, as any restart shows.
func TestRV05_WhatIsRevokedHereMeanwhileIsOnceOnTheLists(t *testing.T) {
	i := newImported(t)
	h := i.hello(0)
	a := i.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	serial := parsed(t, a.DER).SerialNumber
	list := i.listing(9, append(many(ca.MaxEarlier-1), x509.RevocationListEntry{SerialNumber: serial, RevocationTime: hours(2), ReasonCode: 4})...)
	if got := i.revoke(h, a, 1, ca.Superseded); got.Problem != nil {
		t.Fatal(got.Problem)
	}
	// As it was judged before the step was taken.
	if err := i.InheritPart("issuing-g2", list); err != nil {
		t.Fatal(err)
	}
	i.inherits(list)
	i.entryOf(serial)
	i.restarts()
	i.entryOf(serial)
}

// RV-05: a log that has a serial number twice, as an earlier version wrote it, is read as
// one that has it once.
func TestRV05_ASerialNumberThatIsTwiceOnTheLogIsOnceOnTheLists(t *testing.T) {
	i := newImported(t)
	i.inherits(i.old)
	h := i.hello(0)
	a := i.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	if got := i.revoke(h, a, 1, ca.Superseded); got.Problem != nil {
		t.Fatal(got.Problem)
	}
	serial := parsed(t, a.DER).SerialNumber
	number, err := ca.SerialFromBytes(serial.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(ca.EarlierBody{Entries: []ca.EarlierEntry{{Serial: number, At: hours(2).Unix(), Reason: 4}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Put(journal.Entry{Leaf: audit.Leaf{Kind: audit.Earlier, Issuer: i.all["issuing-g2"].Key}, Body: body}); err != nil {
		t.Fatal(err)
	}
	i.restarts()
	if e := i.entryOf(serial); !e.RevocationTime.Equal(hours(2)) && time.Since(e.RevocationTime) < time.Hour {
		t.Errorf("its date is %v", e.RevocationTime)
	}
	i.remembered("after the restart")
}

// RV-03: of two lists from elsewhere the earlier date of a certificate stands, whichever
// comes first, and a restart knows it.
func TestRV03_TheEarlierDateOfTwoListsFromElsewhereStands(t *testing.T) {
	i := newImported(t)
	serial := big.NewInt(0x77)
	for n, tt := range []struct{ told, stands, taken int }{{20, 20, 1}, {10, 20, 0}, {30, 30, 1}, {30, 30, 0}} {
		when := map[int]time.Time{10: hours(10), 20: hours(20), 30: hours(30)}
		before := i.Size()
		got := i.inherits(i.listing(int64(9+n), x509.RevocationListEntry{SerialNumber: serial, RevocationTime: when[tt.told], ReasonCode: 4}))
		if got.Taken != tt.taken || got.Authority.Past.Entries != 1 || i.Size() != before+int64(tt.taken)+1 {
			t.Errorf("list %d: %+v, %+v, %d leaves", n, got, got.Authority.Past, i.Size()-before)
		}
		for range 2 {
			if e := i.entryOf(serial); e.RevocationTime.Sub(when[tt.stands]).Abs() > time.Minute {
				t.Errorf("list %d: its date is %v", n, e.RevocationTime)
			}
			i.Snapshot()
			i.restarts()
		}
	}
}

// R26, RV-05: a list from elsewhere revokes no certificate of this log: it is refused until
// the certificate is revoked here, so that log, book and lists say the same. It stays revoked
// as it is here then. What was not made here, though its number is like ours, keeps no list out.
func TestR26_AListFromElsewhereRevokesNothingThatWasMadeHere(t *testing.T) {
	i := newImported(t)
	h := i.hello(0)
	p := profiles(t, h)["server"]
	a, b := i.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), p)), i.issued(h, wish(2, csrBy(t, "b.lab.example", p256...), p))
	ours, held := parsed(t, a.DER).SerialNumber, parsed(t, b.DER).SerialNumber
	alike := new(big.Int).Xor(ours, big.NewInt(1))
	list := i.listing(9, x509.RevocationListEntry{SerialNumber: ours, RevocationTime: hours(2), ReasonCode: 4},
		x509.RevocationListEntry{SerialNumber: held, RevocationTime: hours(2), ReasonCode: 5},
		x509.RevocationListEntry{SerialNumber: alike, RevocationTime: hours(3), ReasonCode: 1})
	refused := func(what string) {
		t.Helper()
		for _, dry := range []bool{true, false} {
			before := i.Size()
			_, err := i.Inherit(signer.Inheritance{Authority: "issuing-g2", List: list, DryRun: dry})
			if !isCode(err, ca.E2602) || i.Size() != before {
				t.Errorf("%s: %v, %d leaves more", what, err, i.Size()-before)
			}
		}
	}
	takes := func(a ca.Answer, step int, why ca.Reason) {
		t.Helper()
		if got := i.revoke(i.hello(0), a, step, why); got.Problem != nil {
			t.Fatal(got.Problem)
		}
	}
	refused("both are good here")
	takes(a, 1, ca.Superseded)
	refused("one is good here")
	takes(b, 1, ca.CertificateHold)
	takes(b, 2, ca.RemoveFromCRL)
	refused("the hold of one was taken back")
	takes(b, 3, ca.CessationOfOperation)
	if got := i.inherits(list); got.Entries != 3 || got.Taken != 1 || got.Authority.Past.Entries != 1 {
		t.Errorf("taken: %+v, %+v", got, got.Authority.Past)
	}
	for range 2 {
		if e := i.entryOf(ours); e.ReasonCode != int(ca.Superseded) || time.Since(e.RevocationTime) > time.Hour {
			t.Errorf("the one of this log: %+v", e)
		}
		i.entryOf(held)
		if e := i.entryOf(alike); e.ReasonCode != int(ca.KeyCompromise) {
			t.Errorf("the one that is not: %+v", e)
		}
		i.restarts()
	}
	takes(a, 2, ca.KeyCompromise)
}

// R26: a certificate of this log that has ended keeps no list out: nobody could revoke it.
func TestR26_AListFromElsewhereMayNameWhatHasEndedHere(t *testing.T) {
	i := newImported(t)
	h := i.hello(0)
	w := wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])
	w.NotAfter = time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	list := i.listing(9, x509.RevocationListEntry{SerialNumber: parsed(t, i.issued(h, w).DER).SerialNumber, RevocationTime: hours(2), ReasonCode: 4})
	i.stop()
	later := unopened(i.Dir)
	later.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	if err := later.Open(); err != nil {
		t.Fatal(err)
	}
	i.site = running(t, later)
	got, err := i.Inherit(signer.Inheritance{Authority: "issuing-g2", List: list, Ended: true})
	if err != nil || got.Entries != 1 || got.Taken != 0 {
		t.Errorf("taken: %+v, %v", got, err)
	}
}
