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
