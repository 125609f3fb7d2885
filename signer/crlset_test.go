// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// number reads an INTEGER from an extension of a list, 0 if it has none.
func number(l *x509.RevocationList, oid string) int64 {
	for _, e := range l.Extensions {
		if e.Id.String() == oid {
			n := new(big.Int)
			if _, err := asn1.Unmarshal(e.Value, &n); err != nil {
				return -1
			}
			return n.Int64()
		}
	}
	return 0
}

// RV-04: one call makes complete list and delta of one number, each with its leaf; what is
// revoked or released later stands on the next delta of the same base, also after a restart,
// and when the base is a day old a younger one takes its place.
func TestRV04_ADeltaTellsWhatChangedSinceItsBase(t *testing.T) {
	s, f, h := founded(t)
	dir := s.Dir
	p := profiles(t, h)["server"]
	csr := csrBy(t, "a.lab.example", p256...)
	var issued []ca.Answer
	for i := range 3 {
		issued = append(issued, s.issued(h, wish(i+1, csr, p)))
	}
	first, err := x509.ParseRevocationList(f.Lists["issuing-g1.delta"])
	if err != nil || number(first, "2.5.29.27") != first.Number.Int64() || f.Lists["root-g1.arl"] == nil || f.Lists["root-g1.delta"] != nil {
		t.Fatalf("the founding made %v: %v", f.Lists, err)
	}
	base := first.Number.Int64()
	s.revoke(h, issued[0], 1, ca.CertificateHold)
	s.revoke(h, issued[1], 1, ca.Superseded)
	leaves := s.count(audit.CRL)
	all := s.set(h, ca.ListWish{Authority: "issuing-g1"})
	if len(all) != 2 || all[0].Scope != ca.CompleteList || all[1].Scope != ca.DeltaList || s.count(audit.CRL) != leaves+2 {
		t.Fatalf("%+v", all)
	}
	complete, delta := all[0], all[1]
	if complete.Number != delta.Number || !complete.ThisUpdate.Equal(delta.ThisUpdate) || delta.Base != base || number(delta.list, "2.5.29.27") != base || len(delta.list.RevokedCertificateEntries) != 2 {
		t.Errorf("complete %+v, delta %+v", complete.ListBody, delta.ListBody)
	}
	s.revoke(h, issued[0], 2, ca.RemoveFromCRL)
	s.stop()
	var off atomic.Int64 // of the clock
	next := unopened(dir)
	next.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
	if err := next.Open(); err != nil {
		t.Fatal(err)
	}
	s = running(t, next)
	h = s.hello(0)
	news := s.set(h, ca.ListWish{Authority: "issuing-g1", Part: ca.NewsLists})
	if len(news) != 1 || news[0].Base != base || news[0].Number <= delta.Number {
		t.Fatalf("%+v", news)
	}
	reasons := []int{}
	for _, e := range news[0].list.RevokedCertificateEntries {
		reasons = append(reasons, e.ReasonCode)
	}
	slices.Sort(reasons)
	if !slices.Equal(reasons, []int{int(ca.Superseded), int(ca.RemoveFromCRL)}) {
		t.Errorf("the delta has the reasons %v", reasons)
	}
	off.Store(int64(25 * time.Hour))
	all = s.set(h, ca.ListWish{Authority: "issuing-g1"})
	off.Store(int64(50 * time.Hour))
	later := s.set(h, ca.ListWish{Authority: "issuing-g1"})
	if got := later[1]; got.Base != all[0].Number || len(got.list.RevokedCertificateEntries) != 0 {
		t.Errorf("two days later the delta is %+v", got.ListBody)
	}
	if s.Remembers() != "" {
		t.Error(s.Remembers())
	}
	if _, err := s.MakeLists(h.Number, ca.ListWish{Authority: "issuing-g1", Part: "most"}); !isCode(err, ca.E1401) {
		t.Errorf("a part that there is not: %v", err)
	}
}

// RV-04, RFC 5280 §5.2.4: a complete list that is on the log, and was never published since the
// process died, is no base of deltas, however old it gets; neither is one that nobody has while
// a delta alone is asked for. The one that was published before stays the base meanwhile.
func TestRV04_ADeltaStandsOnAListThatWasPublished(t *testing.T) {
	s, f, h := founded(t)
	one := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	first, err := x509.ParseRevocationList(f.Lists["issuing-g1"])
	if err != nil {
		t.Fatal(err)
	}
	dir := s.Dir
	again := func(off time.Duration) {
		t.Helper()
		s.stop()
		next := unopened(dir)
		next.Now = func() time.Time { return time.Now().Add(off) }
		if err := next.Open(); err != nil {
			t.Fatal(err)
		}
		s = running(t, next)
		h = s.hello(0)
	}
	published := first.Number.Int64()
	asks := func(part ca.ListPart) (complete, delta madeList) {
		t.Helper()
		all := s.set(h, ca.ListWish{Authority: "issuing-g1", Part: part, Published: published})
		if len(all) == 2 {
			return all[0], all[1]
		}
		return madeList{}, all[0]
	}
	again(30 * time.Hour)
	lost, _ := asks(ca.AllLists) // becomes the base that follows, and nobody gets it
	s.revoke(h, one, 1, ca.Superseded)
	again(31 * time.Hour)
	came, delta := asks(ca.AllLists)
	if delta.Base != first.Number.Int64() || len(delta.list.RevokedCertificateEntries) != 1 {
		t.Errorf("after the death the delta is %+v", delta.ListBody)
	}
	published = came.Number
	again(60 * time.Hour)
	came, delta = asks(ca.AllLists)
	if delta.Base == lost.Number || delta.Base != published {
		t.Errorf("list %d was lost, %d published, and the delta stands on %d", lost.Number, published, delta.Base)
	}
	published = came.Number
	if complete, _ := asks(ca.NewsLists); complete.Number != 0 {
		t.Errorf("with its base published a delta brings list %d", complete.Number)
	}
	published = 1 // the directory was lost, and came back from a backup
	if complete, delta := asks(ca.NewsLists); complete.Number == 0 || delta.Base != complete.Number {
		t.Errorf("list %d, and a delta on %d, which nobody has", complete.Number, delta.Base)
	}
	if _, err := s.MakeLists(h.Number, ca.ListWish{Authority: "issuing-g1", Published: -1}); !isCode(err, ca.E1401) {
		t.Errorf("a number below 0: %v", err)
	}
}

// The list of authorities of a root is made with its complete one, at the ceremony.
func TestARootsListOfAuthoritiesIsMadeWithItsList(t *testing.T) {
	s := start(t, t.TempDir())
	how := founding(t)
	if _, err := s.Found(how, os.Getuid()); err != nil {
		t.Fatal(err)
	}
	made, err := s.ListRoot(signer.RootListing{Authority: "root-g1", Words: how.Words})
	if err != nil || len(made.Lists) != 2 {
		t.Fatalf("%+v, %v", made, err)
	}
	l, err := x509.ParseRevocationList(made.Lists["root-g1.arl"])
	if err != nil || l.Number.Int64() != made.Number {
		t.Fatalf("%+v, %v", l, err)
	}
	if at := slices.IndexFunc(l.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "2.5.29.28" }); at < 0 || !l.Extensions[at].Critical {
		t.Errorf("the extensions are %+v", l.Extensions)
	}
}
