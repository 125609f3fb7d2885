// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

// A maker makes lists with the standard library.
type maker struct {
	t      testing.TB
	issuer *x509.Certificate
	key    *ecdsa.PrivateKey

	// mu guards what follows: a publisher calls while a test changes it.
	mu      sync.Mutex
	number  int64
	revoked int
	err     error
	cut     bool // the connection breaks half-way
	padding int  // octets in an extension of an entry, to make a list long
	made    int
	parts   []ca.ListPart // that were asked for
	told    int64         // which list is published
	newest  int64         // the list of each name that a ceremony made
}

// fails has the next calls fail, or succeed again.
func (m *maker) fails(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// count is how many lists were made.
func (m *maker) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.made
}

func newMaker(t testing.TB) *maker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Issuer"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCRLSign, NotAfter: time.Now().Add(time.Hour), SubjectKeyId: []byte{1, 2, 3},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &maker{t: t, issuer: issuer, key: key, number: 1000}
}

func (m *maker) list(this time.Time, days int) []byte {
	m.t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(m.number), ThisUpdate: this, NextUpdate: this.AddDate(0, 0, days)}
	for i := range m.revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(int64(i + 1)), RevocationTime: this})
	}
	if m.padding > 0 {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(1 << 40), RevocationTime: this,
			ExtraExtensions: []pkix.Extension{{Id: []int{1, 2, 3}, Value: make([]byte, m.padding)}}})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, m.issuer, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return der
}

// Newest implements Signer.
func (m *maker) Newest(string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.newest
}

// Lists implements Signer: a complete list and a delta.
func (m *maker) Lists(_ context.Context, q ca.ListWish, take func(ca.List, io.Reader) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if q.Days == 0 {
		q.Days = 7
	}
	m.number++
	m.made++
	m.told = q.Published
	m.parts = append(m.parts, q.Part)
	now := time.Now().UTC().Truncate(time.Second)
	der := m.list(now, q.Days)
	for _, scope := range []ca.ListScope{ca.CompleteList, ca.DeltaList} {
		if scope == ca.CompleteList && q.Part == ca.NewsLists {
			continue
		}
		body := io.Reader(bytes.NewReader(der))
		if m.cut {
			body = io.MultiReader(bytes.NewReader(der[:len(der)/2]), broken{})
		}
		if err := take(ca.List{Authority: q.Authority, Scope: scope, Number: m.number, ThisUpdate: now}, body); err != nil {
			return err
		}
	}
	return nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (m *maker) publisher(dir string) *Publisher {
	all := []ca.Authority{{Name: "root-g1", Kind: ca.Root}, {Name: "issuing-g1", Kind: ca.Issuing, State: ca.Active, SPKI: m.issuer.RawSubjectPublicKeyInfo, NotAfter: time.Now().AddDate(1, 0, 0)}}
	return NewPublisher(Options{Shelf: &shelf{all: all}, Lists: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now}, m)
}

func TestHeadOfAList(t *testing.T) {
	m := newMaker(t)
	this := time.Date(2049, 12, 30, 0, 0, 0, 0, time.UTC)
	for _, n := range []int{0, 1, 7, 5000} { // lengths of one to four octets
		m.revoked = n
		der := m.list(this, 7)
		h, err := readHead(bytes.NewReader(der), int64(len(der)))
		if err != nil || h.number != m.number || !h.this.Equal(this) || !h.next.Equal(this.AddDate(0, 0, 7)) {
			t.Errorf("%d entries: %+v, %v", n, h, err)
		}
		for _, cut := range []int{0, 1, 10, len(der) / 3, len(der) / 2} {
			if _, err := readHead(bytes.NewReader(der[:cut]), int64(cut)); err == nil {
				t.Errorf("%d entries cut at octet %d: read as a list", n, cut)
			}
		}
	}
}

// What is read as the head of a list is what the standard library reads of it.
func FuzzHead(f *testing.F) {
	m := newMaker(f)
	for _, n := range []int{0, 3} {
		m.revoked = n
		f.Add(m.list(time.Now().UTC(), 3))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		h, err := readHead(bytes.NewReader(der), int64(len(der)))
		if err != nil {
			return
		}
		l, err := x509.ParseRevocationList(der)
		if err == nil && (l.Number.Int64() != h.number || !l.ThisUpdate.Equal(h.this) || !l.NextUpdate.Equal(h.next)) {
			t.Errorf("read %+v, want %v, %v, %v", h, l.Number, l.ThisUpdate, l.NextUpdate)
		}
	})
}

// RV-04: a list that is not whole, or not newer, never takes the place of one.
func TestRV04_AnOlderListNeverReplacesANewerOne(t *testing.T) {
	m, dir := newMaker(t), t.TempDir()
	p := m.publisher(dir)
	first, err := p.Publish(t.Context(), ca.ListWish{Authority: "issuing-g1"})
	if err != nil {
		t.Fatal(err)
	}
	keeps := func(what string) {
		t.Helper()
		if _, err := p.Publish(t.Context(), ca.ListWish{Authority: "issuing-g1"}); err == nil {
			t.Errorf("%s was published", what)
		}
		if h, err := p.head("issuing-g1"); err != nil || h.number != first.Number {
			t.Errorf("after %s: list %d, %v, want %d", what, h.number, err, first.Number)
		}
		if h, err := p.head("issuing-g1.delta"); err != nil || h.number != first.Number {
			t.Errorf("after %s: delta %d, %v, want %d", what, h.number, err, first.Number)
		}
		if names, _ := os.ReadDir(dir); len(names) != 2 {
			t.Errorf("after %s: %d files", what, len(names))
		}
	}
	m.cut = true
	keeps("half a list")
	m.cut, m.number = false, 10
	keeps("an older list")
	m.fails(errors.New("away"))
	keeps("an error")
}

// RV-04: nor does one that somebody else brings; what is damaged is replaced.
func TestRV04_NobodyPlacesAnOlderList(t *testing.T) {
	m, dir := newMaker(t), t.TempDir()
	older := m.list(time.Now(), 7)
	m.number++
	newer := m.list(time.Now(), 7)
	for _, name := range []string{"root-g1", "root-g1.arl"} {
		if err := errors.Join(Place(dir, name, bytes.NewReader(newer)), Place(dir, name, bytes.NewReader(newer))); err != nil {
			t.Error(err)
		}
		if err := Place(dir, name, bytes.NewReader(older)); err == nil {
			t.Errorf("an older list took the place of %s", name)
		}
		if h, err := headOf(dir, name); err != nil || h.number != m.number {
			t.Errorf("%s is number %d, %v", name, h.number, err)
		}
	}
	if err := os.WriteFile(listPath(dir, "root-g1"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Place(dir, "root-g1", bytes.NewReader(older)); err != nil {
		t.Error(err)
	}
}

// RV-02, RV-04: a list at the start, soon after a revocation, and once a day; what
// cannot be made is tried again.
func TestRV02_ListsAreKeptFresh(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := newMaker(t)
		p := m.publisher(dir)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		made := func(want int, what string) {
			t.Helper()
			synctest.Wait()
			if got := m.count(); got != want {
				t.Fatalf("%s: %d lists were made, want %d", what, got, want)
			}
		}
		made(1, "at the start")
		p.Revoked("issuing-g1", ca.Superseded)
		p.Revoked("issuing-g1", ca.Superseded)
		time.Sleep(time.Minute)
		made(2, "within a minute of two revocations")
		time.Sleep(30 * time.Hour)
		made(3, "a day later")
		m.fails(ca.Locked(ca.E3001, "locked", ""))
		p.Revoked("issuing-g1", ca.Superseded)
		time.Sleep(time.Hour)
		made(3, "while the key is locked")
		m.fails(nil)
		time.Sleep(time.Minute)
		made(4, "a minute after it was unlocked")
		// Somebody else's try fails; the list follows nevertheless.
		m.fails(ca.Locked(ca.E3001, "locked", ""))
		p.Revoked("issuing-g1", ca.Superseded)
		if _, err := p.Publish(ctx, ca.ListWish{Authority: "issuing-g1"}); err == nil {
			t.Error("published while the key is locked")
		}
		time.Sleep(time.Hour)
		m.fails(nil)
		time.Sleep(time.Minute)
		made(5, "a minute after it was unlocked again")
		m.fails(ca.Conflict(ca.E1402, "another session", ""))
		p.Revoked("issuing-g1", ca.Superseded)
		time.Sleep(settleDown + 2*soon)
		m.fails(nil)
		time.Sleep(2 * soon)
		made(6, "soon after front and signer have come to terms")
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// RV-02, RV-04: while the complete list is small it is made for each revocation; one that
// takes its time is made at once for a compromised key, and for all others together, within a
// quarter of an hour: the delta has them meanwhile. Once a day every list is made.
func TestRV02_ABigListIsNotMadeForEachRevocation(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := newMaker(t)
		p := m.publisher(dir)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		asked := func(what string, want ...ca.ListPart) {
			t.Helper()
			synctest.Wait()
			m.mu.Lock()
			defer m.mu.Unlock()
			if !slices.Equal(m.parts, want) {
				t.Fatalf("%s: the parts %q were asked for, not %q", what, m.parts, want)
			}
			m.parts = nil
		}
		asked("at the start", ca.AllLists)
		p.Revoked("issuing-g1", ca.Superseded)
		time.Sleep(time.Minute)
		asked("a revocation on a small list", ca.ChangedLists)
		m.mu.Lock()
		m.padding = bigList
		m.mu.Unlock()
		p.Revoked("issuing-g1", ca.Superseded)
		time.Sleep(time.Minute)
		asked("as the list becomes big", ca.ChangedLists)
		p.Revoked("issuing-g1", ca.Superseded)
		time.Sleep(time.Minute)
		asked("a revocation on a big list", ca.NewsLists)
		p.Revoked("issuing-g1", ca.CertificateHold)
		time.Sleep(time.Minute)
		asked("a hold", ca.NewsLists)
		time.Sleep(13*time.Minute - time.Second)
		asked("within a quarter of an hour of the first", ca.ChangedLists)
		time.Sleep(time.Hour)
		asked("then")
		p.Revoked("issuing-g1", ca.Superseded)
		p.Revoked("issuing-g1", ca.KeyCompromise)
		time.Sleep(time.Minute)
		asked("a compromised key", ca.ChangedLists)
		time.Sleep(reissue)
		asked("a day later", ca.AllLists)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// Who revokes has published what is due, and no long list for each certificate; where nobody
// makes it later it is made at once.
func TestRV02_WhoRevokesPublishesWhatIsDue(t *testing.T) {
	m, due := newMaker(t), ca.ListWish{Authority: "issuing-g1", Part: ca.DueLists}
	p := m.publisher(t.TempDir())
	publishes := func(what string, want ca.ListScope, parts ...ca.ListPart) {
		t.Helper()
		l, err := p.Publish(t.Context(), due)
		if err != nil || l.Scope != want || l.Number != m.number || !slices.Equal(m.parts, parts) {
			t.Errorf("%s: %+v, %v, by the parts %q", what, l, err, m.parts)
		}
		m.parts = nil
	}
	publishes("before there is a list", ca.CompleteList, ca.AllLists)
	publishes("when nothing was revoked since", ca.CompleteList)
	p.Revoked("issuing-g1", ca.Superseded)
	publishes("a revocation", ca.CompleteList, ca.ChangedLists)
	m.padding = bigList
	p.Revoked("issuing-g1", ca.Superseded)
	publishes("as the list becomes big", ca.CompleteList, ca.ChangedLists)
	p.Revoked("issuing-g1", ca.Superseded)
	publishes("a revocation on a big list, while nothing runs", ca.CompleteList, ca.ChangedLists)
	p.running.Store(true)
	p.Revoked("issuing-g1", ca.Superseded)
	publishes("a revocation on a big list", ca.DeltaList, ca.NewsLists)
	p.Revoked("issuing-g1", ca.CACompromise)
	publishes("a compromise", ca.CompleteList, ca.ChangedLists)
}

// What nobody can make without its words is not due because somebody asked for it.
func TestRV02_AListOfASealedKeyIsNotDueForHavingBeenAskedFor(t *testing.T) {
	m := newMaker(t)
	m.cut = true
	p := m.publisher(t.TempDir())
	for _, name := range []string{"root-g1", "issuing-g1"} {
		if _, err := p.Publish(t.Context(), ca.ListWish{Authority: name, Part: ca.AllLists}); err == nil {
			t.Fatalf("a list of %s was made of nothing", name)
		}
	}
	if p.Waits("root-g1") != nil || p.Waits("issuing-g1") == nil {
		t.Errorf("they wait: root %v, issuing %v", p.Waits("root-g1"), p.Waits("issuing-g1"))
	}
}

// RV-02, RV-04: the signer is told which complete list is published, and after lists that it made
// and that did not arrive all are asked for: it would not make a shard again in which nothing
// was revoked since.
func TestRV02_ListsThatDidNotArriveAreMadeAgain(t *testing.T) {
	m := newMaker(t)
	p := m.publisher(t.TempDir())
	publish := func(told int64, part ca.ListPart) {
		t.Helper()
		l, err := p.Publish(t.Context(), ca.ListWish{Authority: "issuing-g1", Part: ca.DueLists})
		if (err != nil) != m.cut || !m.cut && l.Number != m.number {
			t.Fatalf("%+v, %v", l, err)
		}
		if m.told != told || m.parts[len(m.parts)-1] != part {
			t.Errorf("it asked for %q, with list %d published, want %q, %d", m.parts[len(m.parts)-1], m.told, part, told)
		}
	}
	publish(0, ca.AllLists)
	first := m.number
	p.Revoked("issuing-g1", ca.Superseded)
	publish(first, ca.ChangedLists)
	second := m.number
	p.Revoked("issuing-g1", ca.Superseded)
	m.cut = true
	publish(second, ca.ChangedLists)
	publish(second, ca.AllLists)
	p.Revoked("issuing-g1", ca.Superseded)
	m.cut = false
	publish(second, ca.AllLists)
	third := m.number
	p.Revoked("issuing-g1", ca.Superseded)
	publish(third, ca.ChangedLists)
}

// What the signer refuses is asked for again, and no more than that: who says hello again and
// again, and so ends sessions, has no list made that was not due. What it may have made and lost
// has all made.
func TestRV02_ListsThatAreRefusedHaveNoOthersMade(t *testing.T) {
	busy := ca.Busy(ca.E2301, "issuing-g1 was changed while its list was made", "ask again")
	lost := ca.Unavailable(ca.E2301, "the key was locked before its lists were signed", "")
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := newMaker(t)
		p := m.publisher(dir)
		m.fails(ca.Conflict(ca.E1402, "another session", ""))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		asked := func(what string, want ...ca.ListPart) {
			t.Helper()
			synctest.Wait()
			m.mu.Lock()
			defer m.mu.Unlock()
			if !slices.Equal(m.parts, want) {
				t.Fatalf("%s: the parts %q were asked for, not %q", what, m.parts, want)
			}
			m.parts = nil
		}
		time.Sleep(time.Second)
		asked("before front and signer have come to terms")
		m.mu.Lock()
		m.err, m.padding = nil, bigList
		m.mu.Unlock()
		time.Sleep(2 * soon)
		asked("at the start", ca.AllLists)
		for name, err := range map[string]error{"hello": ca.Conflict(ca.E1402, "another session", ""), "often": ca.Busy(ca.E3006, "often", ""), "locked": ca.Locked(ca.E3001, "locked", ""), "busy": busy} {
			p.Revoked("issuing-g1", ca.Superseded)
			m.fails(err)
			time.Sleep(time.Minute)
			m.fails(nil)
			time.Sleep(tryAgain)
			asked(name+", a delta", ca.NewsLists)
			m.fails(err)
			time.Sleep(gather)
			m.fails(nil)
			time.Sleep(tryAgain)
			asked(name+", the complete list", ca.ChangedLists)
		}
		m.fails(busy)
		p.Revoked("issuing-g1", ca.Superseded)
		time.Sleep(settleDown + soon)
		m.fails(nil)
		time.Sleep(soon)
		asked("soon after it was busy", ca.NewsLists)
		m.fails(lost)
		p.Revoked("issuing-g1", ca.Superseded)
		time.Sleep(time.Minute)
		m.fails(nil)
		time.Sleep(tryAgain)
		asked("after some were lost", ca.AllLists)
		m.fails(busy)
		if _, err := p.Publish(ctx, ca.ListWish{Authority: "issuing-g1"}); err == nil { // as at a start
			t.Error("published while the signer is busy")
		}
		m.fails(nil)
		time.Sleep(time.Minute)
		asked("after all were refused", ca.AllLists)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// BK-05, R2: a generation that was just made has its list soon, also as standby, and
// one that is retiring or retired keeps it; one that has ended or is somebody else's is
// not asked for.
func TestBK05_EachGenerationThatSignsHasAList(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m, end := newMaker(t), time.Now().AddDate(1, 0, 0)
		s := &shelf{all: []ca.Authority{{Name: "issuing-g1", Kind: ca.Issuing, State: ca.Active, NotAfter: end}}}
		p := NewPublisher(Options{Shelf: s, Lists: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now}, m)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		synctest.Wait()
		s.holds([]ca.Authority{
			{Name: "issuing-g1", Kind: ca.Issuing, State: ca.Retiring, NotAfter: end},
			{Name: "issuing-g2", Kind: ca.Issuing, State: ca.Standby, NotAfter: end},
			{Name: "issuing-g3", Kind: ca.Issuing, State: ca.Retired, NotAfter: end},
			{Name: "issuing-g4", Kind: ca.Issuing, State: ca.Retiring, NotAfter: time.Now()},
			{Name: "corp", Kind: ca.Intermediate, State: ca.Active, External: true, NotAfter: end},
			{Name: "middle-g1", Kind: ca.Intermediate, State: ca.Active, NotAfter: end},
		})
		time.Sleep(lookAgain + time.Second)
		for name, want := range map[string]bool{"issuing-g1": true, "issuing-g2": true, "issuing-g3": true, "issuing-g4": false, "corp": false, "middle-g1": false} {
			if _, has := p.Published(name); has != want {
				t.Errorf("%s has a list: %t", name, has)
			}
		}
		before := m.count()
		time.Sleep(reissue + time.Hour)
		if got := m.count(); got != before+3 {
			t.Errorf("%d lists were made in a day, want 3", got-before)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestAListIsServedWhateverTheBookDoes(t *testing.T) {
	m, dir := newMaker(t), t.TempDir()
	h := New(Options{Shelf: &shelf{err: errors.New("gone")}, Lists: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if w := ask(h, "GET", "/pki/issuing-g1.crl"); w.Code != http.StatusNotFound {
		t.Errorf("before there is one: %d", w.Code)
	}
	if _, err := m.publisher(dir).Publish(t.Context(), ca.ListWish{Authority: "issuing-g1"}); err != nil {
		t.Fatal(err)
	}
	w := ask(h, "GET", "/pki/issuing-g1.crl")
	if _, err := x509.ParseRevocationList(w.Body.Bytes()); err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/pkix-crl" {
		t.Errorf("%d %v %v", w.Code, err, w.Header())
	}
	if again := ask(h, "GET", "/pki/issuing-g1.crl", "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("the ETag is not known again: %d", again.Code)
	}
	if err := Place(dir, "issuing-g1.s12", bytes.NewReader(m.list(time.Now(), 7))); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/pki/issuing-g1.delta.crl", "/pki/issuing-g1.s12.crl"} {
		w := ask(h, "GET", path)
		if _, err := x509.ParseRevocationList(w.Body.Bytes()); err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/pkix-crl" || w.Header().Get("ETag") == "" {
			t.Errorf("%s: %d %v %v", path, w.Code, err, w.Header())
		}
		if part := ask(h, "GET", path, "Range", "bytes=0-9"); part.Code != http.StatusPartialContent || !bytes.Equal(part.Body.Bytes(), w.Body.Bytes()[:10]) {
			t.Errorf("%s: a range of ten octets: %d, %x", path, part.Code, part.Body)
		}
	}
	for _, path := range []string{"/pki/issuing-g1.s1.crl", "/pki/issuing-g1.arl.crl", "/pki/issuing-g1..crl", "/pki/issuing-g1.s012.crl", "/pki/.delta.crl", "/pki/..%2fissuing-g1.crl", "/pki/.crl", "/pki/Issuing-g1.crl", "/pki/.new-1.crl"} {
		if w := ask(h, "GET", path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// A service that is killed leaves what is in the folder at that moment.
func TestAListThatIsBeingWrittenHasNoNameYet(t *testing.T) {
	m, dir := newMaker(t), t.TempDir()
	if _, err := m.publisher(dir).Publish(t.Context(), ca.ListWish{Authority: "issuing-g1"}); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(listPath(dir, "issuing-g1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Place(dir, "issuing-g2", &watching{bytes.NewReader(list), func() {
		if all, err := os.ReadDir(dir); err != nil || len(all) != 2 { // complete list and delta of the other
			t.Errorf("the folder has %v, %v", all, err)
		}
	}}); err != nil {
		t.Fatal(err)
	}
}

// A watching reader looks around at each read.
type watching struct {
	io.Reader
	look func()
}

func (w *watching) Read(b []byte) (int, error) {
	w.look()
	return w.Reader.Read(b)
}
