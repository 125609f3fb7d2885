// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// A story is a log and a book as they grow together, one step at a time.
type story struct {
	t      testing.TB
	frames []Frame
	book   Book
	certs  []Row
	steps  []Row
	events []Row
	// seen is the size of the newest checkpoint; 0 is all.
	seen int
}

// newStory is an installation: an authority with its certificate, and a session
// that settled them.
func newStory(t testing.TB) *story {
	s := &story{t: t, book: Book{LogNo: 1, Entered: 1, Database: "db", Revocations: stream2(nil), Tokens: stream2(nil), TokenEnds: stream2(nil)}}
	s.leaf(Leaf{Kind: Genesis}, `{"database_id":"db"}`)
	ca0 := s.intent(ca.CACertificate)
	der := s.final(ca0)
	a := ca.Authority{Name: "issuing-g1", Line: "issuing", State: ca.Active, Key: digestOf(1), Certificate: der}
	body, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	at := s.leaf(Leaf{Kind: Authority, Cites: ca0, Digest: sha256.Sum256(der), Issuer: a.Key}, string(body))
	s.row(ca0, ca.CACertificate)
	s.book.Authorities = append(s.book.Authorities, ca.AuthorityRow{ID: ca.NewID(1, at), Authority: a})
	s.eventRow(at)
	s.session()
	s.settled()
	return s
}

func (s *story) leaf(l Leaf, body string) int64 {
	l.Index, l.Log, l.Time = int64(len(s.frames)), testLog, int64(1000+len(s.frames))
	s.frames = append(s.frames, frameOf(s.t, l, body))
	return l.Index
}

// certificateOf is a certificate of which nothing is real but its outline.
func (s *story) certificateOf(index int64) []byte {
	tbs, err := asn1.Marshal(struct{ Serial int64 }{1000 + index})
	if err != nil {
		s.t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, asn1.BitString{Bytes: []byte{byte(index)}, BitLength: 8}})
	if err != nil {
		s.t.Fatal(err)
	}
	return der
}

func (s *story) intent(kind ca.CertificateKind) int64 {
	index := int64(len(s.frames))
	return s.leaf(Leaf{Kind: Intent, Issuer: digestOf(1), Serial: intentSerial(index), Digest: signedPart(s.certificateOf(index))}, fmt.Sprintf(`{"kind":%q}`, kind))
}

func (s *story) final(intent int64) []byte {
	der := s.certificateOf(intent)
	s.leaf(Leaf{Kind: Final, Cites: intent, Digest: sha256.Sum256(der)}, "{}")
	return der
}

func (s *story) void(intent int64) { s.leaf(Leaf{Kind: Void, Cites: intent}, "{}") }

// row commits the row of an intent, with its event.
func (s *story) row(intent int64, kind ca.CertificateKind) {
	r := Row{ID: ca.NewID(1, intent), Kind: kind, Issuer: digestOf(1), Serial: intentSerial(intent)}
	if kind != ca.Void {
		r.DER = s.certificateOf(intent)
	}
	s.certs = append(s.certs, r)
	s.eventRow(intent)
}

func (s *story) eventRow(index int64) {
	s.events = append(s.events, Row{ID: ca.NewID(1, index), Leaf: s.frames[index].Leaf})
}

// settled moves the mark to the log's end, and session says hello with it.
func (s *story) settled()       { s.book.Mark = int64(len(s.frames)) }
func (s *story) session() int64 { return s.leaf(Leaf{Kind: Session, Cites: s.book.Mark}, "{}") }

// issue is a certificate from INTENT to FINAL, with its row.
func (s *story) issue() int64 {
	i := s.intent(ca.EndEntity)
	s.final(i)
	s.row(i, ca.EndEntity)
	s.settled()
	return i
}

func (s *story) certificate(index int64) *Row {
	return &s.certs[slices.IndexFunc(s.certs, func(r Row) bool { return r.ID.Index() == index })]
}

func (s *story) without(index int64) {
	gone := func(r Row) bool { return r.ID.Index() == index }
	s.certs, s.events = slices.DeleteFunc(s.certs, gone), slices.DeleteFunc(s.events, gone)
}

func stream2(rows []Row) iter.Seq2[Row, error] {
	rows = slices.SortedFunc(slices.Values(rows), func(a, b Row) int { return int(a.ID - b.ID) })
	return func(yield func(Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (s *story) compare() Agreement {
	s.t.Helper()
	m := lay(s.t, s.frames)
	if s.seen == 0 {
		s.seen = len(s.frames)
	}
	m.newest = checkpointOf(s.t, s.frames, s.seen)
	s.book.Certificates, s.book.Events = stream2(s.certs), stream2(s.events)
	s.book.Revocations = stream2(s.steps)
	_, a, err := Compare(m.verification(), s.book)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// A told is a story and what a comparison says of it.
type told struct {
	tell               func(s *story)
	unsettled, unclose int64
	// says are parts of the differences, in their order.
	says []string
}

func (c told) check(t *testing.T) {
	s := newStory(t)
	c.tell(s)
	a := s.compare()
	if a.Unsettled != c.unsettled || a.Unclosed != c.unclose || a.Count != int64(len(c.says)) {
		t.Fatalf("%d unsettled, %d unclosed, want %d, %d; differences %v, want %q", a.Unsettled, a.Unclosed, c.unsettled, c.unclose, a.First, c.says)
	}
	for i, want := range c.says {
		if !strings.Contains(a.First[i].String(), want) {
			t.Errorf("difference %v, want %q", a.First[i], want)
		}
	}
}

// What a crash leaves behind at any point is no fault (docs/recovery.md).
func TestAU06_WhatACrashOrARunningServiceLeavesIsNoFault(t *testing.T) {
	for name, c := range map[string]told{
		"nothing happened": {tell: func(*story) {}},
		"an issue":         {tell: func(s *story) { s.issue() }},
		"just founded":     {tell: func(s *story) { s.certs, s.events, s.book.Authorities, s.book.Mark = nil, nil, nil, 0 }, unsettled: 2},
		"S04 before":       {tell: func(s *story) { s.intent(ca.EndEntity) }, unsettled: 1},
		"S04 found by a session that has not settled": {tell: func(s *story) { s.intent(ca.EndEntity); s.session() }, unsettled: 1},
		"S05":          {tell: func(s *story) { s.row(s.intent(ca.EndEntity), ca.EndEntity); s.settled() }, unclose: 1},
		"S05, a hello": {tell: func(s *story) { s.row(s.intent(ca.EndEntity), ca.EndEntity); s.settled(); s.session() }, unclose: 1},
		"S05 settled": {tell: func(s *story) {
			i := s.intent(ca.EndEntity)
			s.row(i, ca.EndEntity)
			s.session()
			s.final(i)
			s.issue()
		}},
		"S06": {tell: func(s *story) { s.row(s.intent(ca.EndEntity), ca.Void) }, unclose: 1},
		"S07": {tell: func(s *story) { s.final(s.intent(ca.EndEntity)) }, unsettled: 1},
		"S10": {tell: func(s *story) { s.void(s.intent(ca.EndEntity)) }, unsettled: 1},
		"S12": {tell: func(s *story) {
			i := s.intent(ca.EndEntity)
			s.row(i, ca.Void)
			s.void(i)
			s.settled()
			s.session()
			s.issue()
		}},
		"adopted (L08)": {tell: func(s *story) {
			i := s.intent(ca.EndEntity)
			s.row(i, ca.EndEntity)
			s.leaf(Leaf{Kind: Adopted, Cites: i, Digest: sha256.Sum256(s.certificateOf(i))}, "{}")
		}},
		"an event (L05)":           {tell: func(s *story) { s.eventRow(s.leaf(Leaf{Kind: FrontEvent}, "{}")); s.settled() }},
		"an event under way (L05)": {tell: func(s *story) { s.leaf(Leaf{Kind: FrontEvent}, "{}") }, unsettled: 1},
		"rows out of order":        {tell: func(s *story) { s.intent(ca.EndEntity); mark := s.book.Mark; s.issue(); s.book.Mark = mark }, unsettled: 1},
		"a state that changed":     {tell: func(s *story) { s.retire(ca.Retiring) }},
		"a state under way":        {tell: func(s *story) { mark := s.book.Mark; s.retire(ca.Active); s.book.Mark = mark }},
		"another node's rows":      {tell: func(s *story) { s.book.Others = []OtherLog{{LogNo: 2, Log: "ff", First: ca.NewID(2, 5)}} }},
		// The row was committed between two pages, or after the page that would have it;
		// the hello and the wish came after the checkpoint that was read.
		"what came while the book was read": {tell: func(s *story) {
			s.seen = len(s.frames)
			s.final(s.intent(ca.EndEntity))
			s.leaf(Leaf{Kind: Session, Cites: int64(len(s.frames))}, "{}")
			s.intent(ca.EndEntity)
		}, unsettled: 2},
		"a row of event whose certificate is on the page before": {tell: func(s *story) { s.eventRow(s.intent(ca.EndEntity)) }, unsettled: 1},
	} {
		t.Run(name, c.check)
	}
}

// retire changes the state of the one authority, and has a row of it.
func (s *story) retire(row ca.AuthorityState) {
	a := &s.book.Authorities[0]
	said := a.Authority
	said.State = ca.Retiring
	body, err := json.Marshal(said)
	if err != nil {
		s.t.Fatal(err)
	}
	s.eventRow(s.leaf(Leaf{Kind: Authority, Digest: sha256.Sum256(a.Certificate), Issuer: a.Key}, string(body)))
	a.State = row
	s.settled()
}

// What no crash brings about is found, whoever has signed the log.
func TestAU06_WhatContradictsTheLogIsFound(t *testing.T) {
	for name, c := range map[string]told{
		"a row taken away": {tell: func(s *story) { s.without(s.issue()) }, says: []string{"needs a row of certificate"}},
		"its row of certificate": {tell: func(s *story) {
			i := s.issue()
			s.certs = slices.DeleteFunc(s.certs, func(r Row) bool { return r.ID.Index() == i })
		}, says: []string{"needs a row of certificate"}},
		"its row of event": {tell: func(s *story) {
			i := s.issue()
			s.events = slices.DeleteFunc(s.events, func(r Row) bool { return r.ID.Index() == i })
		}, says: []string{"needs a row of event"}},
		"the mark set back with it, a session": {tell: func(s *story) { i := s.issue(); s.session(); s.without(i); s.book.Mark = i }, says: []string{"a session found it at", "the row was taken away"}},
		"the mark set back with it, an issue": {tell: func(s *story) {
			mark := s.book.Mark
			i := s.issue()
			s.book.Mark = mark
			s.session()
			s.issue()
			s.without(i)
			s.book.Mark = mark
		}, says: []string{"the row was taken away"}},
		"an authority taken away":          {tell: func(s *story) { s.book.Authorities = nil }, says: []string{"needs a row of authority"}},
		"an authority's other certificate": {tell: func(s *story) { s.book.Authorities[0].Certificate = []byte("x") }, says: []string{"not what its leaf says"}},
		"an authority's other address":     {tell: func(s *story) { s.book.Authorities[0].CRL = "http://evil.example" }, says: []string{"not what its leaf says"}},
		"an authority's other state":       {tell: func(s *story) { s.book.Authorities[0].State = ca.Retired }, says: []string{"says retired, and the log active"}},
		"an authority's other leaf":        {tell: func(s *story) { s.book.Authorities[0].ID++ }, says: []string{"names leaf 4"}},
		"an authority twice": {tell: func(s *story) {
			a := s.book.Authorities[0]
			a.Name = "twin"
			s.book.Authorities = append(s.book.Authorities, a)
		}, says: []string{"twin has a key that no"}},
		"another certificate in the row": {tell: func(s *story) { i := s.issue(); s.certificate(i).DER = s.certificateOf(77) }, says: []string{"not the one that was intended"}},
		"another signature in the row":   {tell: func(s *story) { r := s.certificate(s.issue()); r.DER[len(r.DER)-1] ^= 1 }, says: []string{"(S08)"}},
		"no certificate in the row":      {tell: func(s *story) { s.certificate(s.issue()).DER = nil }, says: []string{"not the one that was intended"}},
		"another certificate, FINAL lost (S05)": {tell: func(s *story) {
			i := s.intent(ca.EndEntity)
			s.row(i, ca.EndEntity)
			s.certificate(i).DER = s.certificateOf(77)
		}, says: []string{"not the one that was intended"}},
		"another serial": {tell: func(s *story) { s.certificate(s.issue()).Serial = "41" }, says: []string{"of another certificate than its INTENT"}},
		"another issuer": {tell: func(s *story) { s.certificate(s.issue()).Issuer = digestOf(9) }, says: []string{"of another certificate than its INTENT"}},
		"two rows swapped": {tell: func(s *story) {
			i, j := s.issue(), s.issue()
			a, b := s.certificate(i), s.certificate(j)
			a.ID, b.ID = b.ID, a.ID
		}, says: []string{"of another certificate", "of another certificate"}},
		"another leaf in the event":   {tell: func(s *story) { s.issue(); s.events[len(s.events)-1].Leaf = []byte("{}") }, says: []string{"is not the log's"}},
		"a row at another leaf (S02)": {tell: func(s *story) { s.row(s.issue()+1, ca.EndEntity) }, says: []string{"the book has an event here, the log a leaf of final", "the log a leaf of final (S02)"}},
		"rows behind the log's end (S02)": {tell: func(s *story) {
			i := s.issue()
			s.frames = s.frames[:i]
			s.book.Mark = i
			s.events[len(s.events)-1].Leaf = nil
		}, says: []string{"a row of certificate, and the log ends", "a row of event, and the log ends"}},
		"a mark behind the log's end":     {tell: func(s *story) { s.book.Mark += 5 }, says: []string{"the log went back"}},
		"a void row with a FINAL (S09)":   {tell: func(s *story) { i := s.issue(); r := s.certificate(i); r.Kind, r.DER = ca.Void, nil }, says: []string{"(S09)"}},
		"a void row with a certificate":   {tell: func(s *story) { s.certificate(s.issue()).Kind = ca.Void }, says: []string{"void and has a certificate"}},
		"a certificate with a VOID (S11)": {tell: func(s *story) { i := s.intent(ca.EndEntity); s.row(i, ca.EndEntity); s.void(i) }, says: []string{"(S11)"}},
		"a FINAL that no session brought": {tell: func(s *story) { s.row(s.intent(ca.EndEntity), ca.EndEntity); s.session(); s.issue() }, says: []string{"no FINAL closes the intent"}},
		"a VOID that no session brought":  {tell: func(s *story) { s.row(s.intent(ca.EndEntity), ca.Void); s.session(); s.issue() }, says: []string{"no VOID closes the intent"}},
		"an event taken away":             {tell: func(s *story) { s.leaf(Leaf{Kind: FrontEvent}, "{}"); s.settled() }, says: []string{"this front-event needs a row of event"}},
		"rows of a log that nobody knows": {tell: func(s *story) { s.book.Others = []OtherLog{{LogNo: 7, First: ca.NewID(7, 3)}} }, says: []string{"knows no such log"}},
		"the log under another number":    {tell: func(s *story) { s.book.Entered = 3 }, says: []string{"as number 3"}},
		"another database":                {tell: func(s *story) { s.book.Database = "other" }, says: []string{"founded for the database db"}},
	} {
		t.Run(name, c.check)
	}
}

// AU-08: what is remembered is bounded, and so is the list.
func TestAU08_ManyDifferencesAreCountedAndTheFirstAreNamed(t *testing.T) {
	s := newStory(t)
	for range 50 {
		s.without(s.issue())
	}
	if a := s.compare(); a.Count != 50 || len(a.First) != MaxDifferences {
		t.Errorf("%d counted, %d named", a.Count, len(a.First))
	}
	c := &comparison{book: Book{Mark: 0}, open: map[int64]openIntent{}}
	for i := range int64(maxPending + 10) {
		if !c.given {
			c.lack(gap{index: i, kind: FrontEvent, table: "event"})
		}
	}
	if !c.given || c.out.Count != 1 || len(c.gaps) != maxPending {
		t.Errorf("%d leaves without a row are remembered: %v", len(c.gaps), c.out.First)
	}
}

// AU-08: closed intents are forgotten, whatever the length of the log.
func TestAU08_AComparisonRemembersNoMoreThanWhatIsOpen(t *testing.T) {
	s := newStory(t)
	for range 500 {
		s.issue()
	}
	s.intent(ca.EndEntity)
	m := lay(t, s.frames)
	m.newest = checkpointOf(t, s.frames, len(s.frames))
	s.book.Certificates, s.book.Events = stream2(s.certs), stream2(s.events)
	v := m.verification()
	c, err := newComparison(v, s.book)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	most := 0
	v.each = func(r Record) error {
		err := c.leaf(r)
		most = max(most, len(c.open))
		return err
	}
	if _, err := Verify(v); err != nil || most != 1 || len(c.gaps) != 1 {
		t.Errorf("%v; %d open at most, %d gaps", err, most, len(c.gaps))
	}
}

func TestAnErrorOfTheBookIsNoDifference(t *testing.T) {
	s := newStory(t)
	s.issue()
	m := lay(t, s.frames)
	m.newest = checkpointOf(t, s.frames, len(s.frames))
	broken := errors.New("broken")
	s.book.Certificates, s.book.Events = stream2(s.certs), stream2(s.events)
	for n := range 3 {
		failing := func(yield func(Row, error) bool) {
			for i := range n {
				if !yield(s.certs[i], nil) {
					return
				}
			}
			yield(Row{}, broken)
		}
		for _, fail := range []func(*Book){
			func(b *Book) { b.Certificates = failing }, func(b *Book) { b.Revocations = failing }, func(b *Book) { b.Events = failing },
		} {
			b := s.book
			fail(&b)
			if _, _, err := Compare(m.verification(), b); !errors.Is(err, broken) {
				t.Errorf("after %d rows: %v", n, err)
			}
		}
	}
}

// A fault of the log comes first: nothing is compared with what is damaged.
func TestAFaultOfTheLogIsSaidBeforeTheBook(t *testing.T) {
	s := newStory(t)
	s.without(s.issue())
	m := lay(t, s.frames)
	m.newest = checkpointOf(t, s.frames, len(s.frames))
	m.segments[0][len(m.segments[0])-3] ^= 1
	s.book.Certificates, s.book.Events = stream2(s.certs), stream2(s.events)
	var fault *Fault
	if _, _, err := Compare(m.verification(), s.book); !errors.As(err, &fault) {
		t.Error(err)
	}
}
