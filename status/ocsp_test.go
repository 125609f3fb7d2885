// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
	"chancery/encode"
	"chancery/internal/hierarchy"
	"chancery/internal/ocsp"
)

// A signing is a signer and a book: what is in it is good, or revoked.
type signing struct {
	t       testing.TB
	by      string // the key type of whoever answers
	now     func() time.Time
	cert    []byte
	keyHash []byte

	mu        sync.Mutex // guards the rest
	rows      map[ca.Serial]ca.ID
	revoked   map[ca.Serial]ca.Reason
	elsewhere ca.Serial // good, and in no book
	steps     []ca.Revocation
	logs      int
	away      error // of the signer
	lost      error // of the book
	hold      chan struct{}
	calls     int
	made      int
	looked    int // into the book, for a serial number
}

// OCSP signs, and waits behind hold if there is one.
func (s *signing) OCSP(ctx context.Context, wishes []ca.OCSPWish) ([]ca.OCSPAnswer, error) {
	s.mu.Lock()
	s.calls++
	away, out := s.away, []ca.OCSPAnswer{}
	for _, w := range wishes {
		out = append(out, s.say(w))
	}
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return out, away
}

// say signs one response. mu is held.
func (s *signing) say(w ca.OCSPWish) (a ca.OCSPAnswer) {
	s.made++
	now := s.now().UTC().Truncate(time.Second)
	for _, q := range w.Queries {
		one := ca.OCSPSingle{CertID: q.CertID, Status: ca.OCSPUnknown, ThisUpdate: now, NextUpdate: now.Add(24 * time.Hour)}
		if why, ok := s.revoked[q.CertID.Serial]; ok {
			one.Status, one.RevokedAt, one.Reason = ca.OCSPRevoked, now.Add(-time.Hour), why
		} else if q.ID != 0 || q.CertID.Serial == s.elsewhere {
			one.Status = ca.OCSPGood
		}
		a.Singles = append(a.Singles, one)
	}
	tbs, err := encode.OCSPResponse{KeyHash: s.keyHash, ProducedAt: now, Singles: a.Singles, Nonce: w.Nonce}.TBS()
	if err != nil {
		return ca.OCSPAnswer{Problem: ca.Invalid(ca.E1401, err.Error(), "")}
	}
	_, hash, err := encode.SignatureAlgorithm(s.by)
	if err != nil {
		s.t.Error(err)
	}
	sig, err := crypto.SignMessage(hierarchy.Keys()[s.by], rand.Reader, tbs, hash)
	if err != nil {
		s.t.Error(err)
	}
	if a.DER, err = encode.SignedOCSP(tbs, s.by, sig, s.cert); err != nil {
		s.t.Error(err)
	}
	return a
}

func (s *signing) Located(_ context.Context, _ ca.Digest, serial ca.Serial) (ca.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked++
	return s.rows[serial], s.lost
}

func (s *signing) Steps(_ context.Context, since map[uint16]ca.ID) ([]ca.Revocation, int, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []ca.Revocation
	for _, v := range s.steps {
		if v.ID > since[v.ID.LogNo()] {
			out = append(out, v)
		}
	}
	return out, s.logs, false, s.lost
}

// change changes what there is.
func (s *signing) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// signed is how many were signed.
func (s *signing) signed() (n int) {
	s.change(func() { n = s.made })
	return n
}

// A desk is a door with a signer behind it.
type desk struct {
	*OCSP
	*signing
	h          http.Handler
	root, a    ca.Authority
	start, now time.Time
}

// newDesk makes a door for an authority of the key type, whose responder has the other;
// certificates 01 to 05 are good, 06 is held. It is looked around once.
func newDesk(t testing.TB, keyType, by string) *desk {
	t.Helper()
	root, a := hierarchy.Issuing(t, keyType)
	tbs, err := encode.Responder(ca.ResponderDraft{Issuer: &a, Serial: "77", Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "OCSP"}},
		SPKI: hierarchy.SPKI(t, by), NotBefore: hierarchy.Noon(), NotAfter: hierarchy.Noon().AddDate(0, 0, 30)})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := encode.KeyHash(hierarchy.SPKI(t, by), "sha1")
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{root: root, a: a, start: time.Now(), now: hierarchy.Noon()}
	d.signing = &signing{t: t, by: by, cert: hierarchy.Sign(t, tbs, keyType), keyHash: hash, rows: map[ca.Serial]ca.ID{}, revoked: map[ca.Serial]ca.Reason{"06": ca.CertificateHold}, logs: 1}
	d.signing.now = func() time.Time { return d.now.Add(time.Since(d.start)) }
	for i := range 6 {
		d.rows[ca.Serial(fmt.Sprintf("%02x", i+1))] = ca.NewID(1, int64(i+1))
	}
	d.OCSP = NewOCSP(OCSPOptions{Shelf: &shelf{all: []ca.Authority{root, a}}, Index: d.signing, Responder: d.signing, Log: slog.New(slog.DiscardHandler), Now: d.signing.now})
	d.h = d.Beside(http.NotFoundHandler())
	return d
}

// opened has its door run, in a bubble, until the test ends.
func (d *desk) opened(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	synctest.Wait()
}

// request asks about certificates of an authority by SHA-1.
func request(t testing.TB, a ca.Authority, nonce []byte, serials ...ca.Serial) []byte {
	t.Helper()
	r := ocsp.Request{Nonce: nonce}
	for _, serial := range serials {
		id, err := ocsp.CertID("sha1", a.Subject, a.SPKI, serial)
		if err != nil {
			t.Fatal(err)
		}
		r.IDs = append(r.IDs, id)
	}
	der, err := ocsp.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// get asks by GET, post by POST.
func (d *desk) get(der []byte, header ...string) *httptest.ResponseRecorder {
	return ask(d.h, "GET", "/ocsp/issuing-g1/"+ocsp.Path(der), header...)
}

func (d *desk) post(der []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/ocsp/issuing-g1", bytes.NewReader(der))
	r.Header.Set("Content-Type", "application/ocsp-request")
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w
}

// says is what an answer comes to, in one word for each certificate.
func says(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/ocsp-response" {
		t.Fatalf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	r, err := ocsp.Read(w.Body.Bytes())
	var failure ocsp.Failure
	if errors.As(err, &failure) {
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("a refusal may be kept: %v", w.Header())
		}
		return failure.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, s := range r.Singles {
		words = append(words, s.Status.String())
	}
	return strings.Join(words, " ")
}

func wants(t testing.TB, what string, w *httptest.ResponseRecorder, want string) {
	t.Helper()
	if got := says(t, w); got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// R90, RV-06: good, revoked and unknown, alone and together, by GET and POST, at the
// address of any generation and at none.
func TestRV06_CertificatesAreSpokenOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ed25519")
		wants(t, "before anybody vouched for an authority", d.get(request(t, d.a, nil, "01")), "tryLater")
		d.opened(t)
		nonce := bytes.Repeat([]byte{7}, 32)
		for name, tt := range map[string]struct {
			der  []byte
			want string
		}{
			"good":                     {request(t, d.a, nil, "01"), "good"},
			"held":                     {request(t, d.a, nil, "06"), "revoked"},
			"nobody's":                 {request(t, d.a, nil, "07"), "unknown"},
			"with a nonce":             {request(t, d.a, nonce, "01"), "good"},
			"several":                  {request(t, d.a, nil, "06", "07", "01"), "revoked unknown good"},
			"one of an unknown issuer": {request(t, ca.Authority{Subject: d.root.Subject, SPKI: hierarchy.SPKI(t, "ecdsa-p521")}, nil, "01"), "unauthorized"},
		} {
			for range 2 {
				wants(t, name+" by POST", d.post(tt.der), tt.want)
				wants(t, name+" by GET", d.get(tt.der), tt.want)
			}
			path := ocsp.Path(tt.der)
			for _, at := range []string{"/ocsp/" + path, "/ocsp//" + path, "/ocsp/root-g1/" + path, "/ocsp/issuing-g1//" + path, "/ocsp/issuing-g1/" + strings.ReplaceAll(path, "%2F", "/")} {
				wants(t, name+" at "+at[:12], ask(d.h, "GET", at), tt.want)
			}
		}
		w := d.post(request(t, d.a, nonce, "01"))
		if r, err := ocsp.Read(w.Body.Bytes()); err != nil || !bytes.Equal(r.Nonce, nonce) {
			t.Errorf("the nonce came back as %x, %v", r.Nonce, err)
		}
		if w := ask(d.h, "GET", "/pki/issuing-g1.crt"); w.Code != http.StatusNotFound {
			t.Errorf("what is beside it: %d", w.Code)
		}
		if s := d.Stats(); s.Good == 0 || s.Revoked == 0 || s.Unknown == 0 || s.Failed == 0 || s.Hits == 0 || s.Signed == 0 || s.Kept != 2 || s.Oldest.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

// RV-06, RFC 5019 §6.2: what was asked by GET may be kept on the way for five seconds, and
// no longer, whatever a cache understands.
func TestRV06_HeadersOfAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ed25519")
		d.opened(t)
		der := request(t, d.a, nil, "01")
		w := d.get(der)
		h := w.Header()
		now := d.signing.now().UTC()
		for name, want := range map[string]string{"Cache-Control": "max-age=5, public, no-transform, must-revalidate", "Expires": now.Add(5 * time.Second).Format(http.TimeFormat),
			"Last-Modified": now.Format(http.TimeFormat), "Content-Length": fmt.Sprint(w.Body.Len()), "X-Content-Type-Options": "nosniff"} {
			if h.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, h.Get(name), want)
			}
		}
		for _, tag := range []string{h.Get("ETag"), "W/" + h.Get("ETag"), `"x", ` + h.Get("ETag"), "*"} {
			if again := d.get(der, "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() > 0 || again.Header().Get("ETag") != h.Get("ETag") {
				t.Errorf("%s: %d", tag, again.Code)
			}
		}
		if other := d.get(der, "If-None-Match", `"x"`); other.Code != http.StatusOK {
			t.Errorf("another tag: %d", other.Code)
		}
		if head := ask(d.h, "HEAD", "/ocsp/issuing-g1/"+ocsp.Path(der)); head.Code != http.StatusOK {
			t.Errorf("HEAD: %d", head.Code)
		}
		d.o.Age = time.Minute // as the setting ocsp.max_age says
		if age := d.get(der).Header().Get("Cache-Control"); !strings.HasPrefix(age, "max-age=60, ") {
			t.Errorf("told to be a minute: %q", age)
		}
		for what, w := range map[string]*httptest.ResponseRecorder{"by POST": d.post(der), "with a nonce": d.get(request(t, d.a, []byte{1}, "01"))} {
			if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("ETag") != "" {
				t.Errorf("%s: %v", what, w.Header())
			}
		}
	})
}

// HX-08: what is no request is malformedRequest, at once and without a signature.
func TestHX08WhatIsNoRequestIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ecdsa-p256", "ed25519")
		d.opened(t)
		good := request(t, d.a, nil, "01")
		wants(t, "a good one", d.post(good), "good")
		before := d.signed()
		for name, der := range map[string][]byte{"nothing": {}, "half": good[:30], "more behind": append(bytes.Clone(good), 0), "8 KiB and one": make([]byte, ocsp.MaxRequest+1), "a mebibyte": make([]byte, 1<<20)} {
			wants(t, name+" by POST", d.post(der), "malformedRequest")
			if len(der) <= ocsp.MaxRequest {
				wants(t, name+" by GET", d.get(der), "malformedRequest")
			}
		}
		for i := range good {
			b := bytes.Clone(good)
			b[i] ^= 0x40
			if got := says(t, d.post(b)); got != "malformedRequest" && got != "unauthorized" && got != "unknown" {
				t.Errorf("octet %d turned: %s", i, got)
			}
		}
		for _, path := range []string{"/ocsp", "/ocsp/", "/ocsp/issuing-g1", "/ocsp/issuing-g1/", "/ocsp/issuing-g1/!!", "/ocsp/issuing-g1/" + strings.Repeat("A", 20<<10), "/ocsp/..%2fissuing-g1/x"} {
			wants(t, path[:min(30, len(path))], ask(d.h, "GET", path), "malformedRequest")
		}
		for _, media := range []string{"", "text/plain", "application/ocsp-response", "application/ocsp-request2"} {
			r := httptest.NewRequest("POST", "/ocsp/issuing-g1", bytes.NewReader(good))
			r.Header.Set("Content-Type", media)
			w := httptest.NewRecorder()
			d.h.ServeHTTP(w, r)
			wants(t, "of type "+media, w, "malformedRequest")
		}
		// A body whose length nobody told is read no further than it may be.
		endless := &counted{}
		r := httptest.NewRequest("POST", "/ocsp", endless)
		r.ContentLength = -1
		r.Header.Set("Content-Type", "application/ocsp-request; charset=x")
		w := httptest.NewRecorder()
		d.h.ServeHTTP(w, r)
		if wants(t, "without an end", w, "malformedRequest"); endless.n > 2*ocsp.MaxRequest {
			t.Errorf("%d octets were read", endless.n)
		}
		if w := ask(d.h, "PUT", "/ocsp/issuing-g1"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
			t.Errorf("PUT: %d", w.Code)
		}
		if n := d.signed() - before; n > 40 { // octets of the serial number, and of the forms of a CertID
			t.Errorf("%d were signed", n)
		}
	})
}

// counted is a body without an end.
type counted struct{ n int }

func (c *counted) Read(b []byte) (int, error) {
	c.n += len(b)
	return len(b), nil
}
