// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"chancery/ca"
)

// WB-04, P8: who asks and goes away at once, again and again, hides nothing from anybody else.
func TestWB04_WhoeverGoesAwayHidesNoCertificate(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := &shelf{all: []ca.Authority{{Name: "issuing-g1", Certificate: []byte("der"), NotBefore: now}}}
	h := New(Options{Shelf: s, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, http.MethodGet, "/pki/other.crt", nil))
	if w := ask(h, "GET", "/pki/issuing-g1.crt"); w.Code != http.StatusOK {
		t.Errorf("behind somebody who went away: %d", w.Code)
	}
}

// WB-04: a pipe under a published name holds up nobody who asks for it, nor whoever copies what
// is published, and is replaced by the next list.
func TestWB04_APipeUnderAPublishedNameHoldsNobodyUp(t *testing.T) {
	o := newOutfit(t, nil)
	pipes := []string{"issuing-g1.crl", "issuing-g1.feed", "issuing-g1.delta.feed"}
	for _, name := range pipes {
		if err := unix.Mkfifo(filepath.Join(o.o.Lists, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, name := range pipes {
			if w := ask(o.door, "GET", "/pki/"+name); w.Code != http.StatusNotFound {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		if err := o.round(t.Context()); err == nil {
			t.Error("the copying finds nothing wrong")
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("somebody waits for whoever writes into the pipe")
	}
	o.puts("issuing-g1")
	if w := ask(o.door, "GET", "/pki/issuing-g1.crl"); w.Code != http.StatusOK {
		t.Errorf("the list behind it: %d", w.Code)
	}
}

// A shelf counts how often it is read.
type shelf struct {
	mu    sync.Mutex // a publisher reads while a test changes what is there
	all   []ca.Authority
	err   error
	reads int
}

// holds changes what is there while it is read.
func (s *shelf) holds(all []ca.Authority) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = all
}

func (s *shelf) Authorities(ctx context.Context) ([]ca.Authority, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if err := errors.Join(ctx.Err(), s.err); err != nil { // as a database does
		return nil, err
	}
	return s.all, nil
}

func ask(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestACertificateIsServedAtItsAddress(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := &shelf{}
	h := New(Options{Shelf: s, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	for range 3 {
		if w := ask(h, "GET", "/pki/issuing-g1.crt"); w.Code != http.StatusNotFound {
			t.Errorf("before there is one: %d", w.Code)
		}
	}
	if s.reads != 1 {
		t.Errorf("strangers made the book be read %d times within a second", s.reads)
	}
	s.all = []ca.Authority{{Name: "issuing-g1", Certificate: []byte("der"), NotBefore: now}}
	now = now.Add(refresh)
	w := ask(h, "GET", "/pki/issuing-g1.crt")
	if w.Code != http.StatusOK || w.Body.String() != "der" || w.Header().Get("Content-Type") != "application/pkix-cert" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	if again := ask(h, "GET", "/pki/issuing-g1.crt", "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("the ETag is not known again: %d", again.Code)
	}
	if head := ask(h, "HEAD", "/pki/issuing-g1.crt"); head.Code != http.StatusOK || head.Body.Len() > 0 {
		t.Errorf("HEAD: %d, %d octets", head.Code, head.Body.Len())
	}

	// The database is gone: what was known is still said, at any time.
	s.all, s.err = nil, errors.New("gone")
	now = now.Add(1000 * time.Hour)
	if w := ask(h, "GET", "/pki/issuing-g1.crt"); w.Code != http.StatusOK {
		t.Errorf("without the database: %d", w.Code)
	}
	for path, want := range map[string]int{
		"/pki/other.crt": 404, "/pki/issuing-g1": 404, "/pki/.crt": 404, "/pki/": 404, "/": 404, "/pki/issuing-g1.crt/x": 404,
		"/pki/..%2fissuing-g1.crt": 404, "/api/v1/status": 404,
	} {
		if w := ask(h, "GET", path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if w := ask(h, "POST", "/pki/issuing-g1.crt"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}
