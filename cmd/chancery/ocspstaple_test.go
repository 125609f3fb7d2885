// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chancery/ca"
	"chancery/internal/fronts"
)

// Real nginx and HAProxy staple what the files hold: the good answer, and the revoked one
// within a minute of the revocation, which openssl s_client shows.
func TestR90_NginxAndHAProxyStapleFromFiles(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	at := freePort(t)
	h.done("init", "--names", "lab.example", "--pki-url", "http://"+at, "--recovery-file", h.file("words"))
	_, service := h.serving("CHANCERY_LISTEN_HTTP=" + at)
	h.write("bundle.pem", h.done("ca", "bundle").out)
	if err := os.Mkdir(h.file("nas.lab.example"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.done("issue", "nas.lab.example", "--out", h.file("nas.lab.example"))
	server := h.holder("nas.lab.example")
	both := []string{"ocsp", "staple", server.Chain, server.KeyCert, "--beside"}
	if s := h.done(both...); strings.Count(s.out, ".ocsp says good, until ") != 2 {
		t.Errorf("%s", s.out)
	}
	f := fronts.Files{Host: "nas.lab.example", Server: server, Bundle: h.file("bundle.pem")}
	for name, said := range fronts.Stapled(t, f) {
		if !strings.Contains(said, "OCSP Response Status: successful") || !strings.Contains(said, "Cert Status: good") {
			t.Errorf("%s staples nothing:\n%s", name, said)
		}
	}
	before := h.read("nas.lab.example/fullchain.pem.ocsp")
	h.done(both...)
	if h.read("nas.lab.example/fullchain.pem.ocsp") != before {
		t.Error("it is written again though it is fresh")
	}
	h.done("revoke", "nas.lab.example", "--reason", "superseded", "--confirm", "nas.lab.example")
	if s := h.types(both...); s.code != exitFaults || strings.Count(s.out, ".ocsp says revoked, until ") != 2 {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
	for name, said := range fronts.Stapled(t, f) {
		if !strings.Contains(said, "Cert Status: revoked") {
			t.Errorf("%s does not say that it is revoked:\n%s", name, said)
		}
	}
	after := h.read("nas.lab.example/fullchain.pem.ocsp")
	if err := service.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = service.Wait()
	h.refused("E1201", both...)
	if h.read("nas.lab.example/fullchain.pem.ocsp") != after {
		t.Error("without an answer the file is not what it was")
	}
}

// What is no answer is never written over, and an older answer never over a newer one.
func TestStaplesTakeNoOtherPlace(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	at := freePort(t)
	h.done("init", "--names", "lab.example", "--pki-url", "http://"+at, "--recovery-file", h.file("words"))
	h.serving("CHANCERY_LISTEN_HTTP=" + at)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	key := h.read("nas.key")
	h.refused("E1102", "ocsp", "staple", h.file("nas.pem"), "--out", h.file("nas.key"))
	if h.read("nas.key") != key {
		t.Error("the key is gone")
	}
	for _, args := range [][]string{{}, {"nas.pem"}, {"nas.pem", "--out", "-"}, {"nas.pem", "b.pem", "--out", "x"}, {"nas.pem", "--out", "x", "--beside"}, {"nas.pem", "--out", "x", "--exec", "true"}} {
		h.refused("E1101", append([]string{"ocsp", "staple"}, args...)...)
	}
	h.refused("E1201", "ocsp", "staple", h.file("nas.pem"), "--out", h.file("x"), "--url", "http://"+at+"/pki/bundle.pem")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := h.command(ctx, "ocsp", "staple", h.file("nas.pem"), "--out", h.file("nas.ocsp"), "--watch", "--exec", "echo reloaded >&2")
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	stderr, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if seen = append(seen, lines.Text()); lines.Text() == "reloaded" {
			cancel()
		}
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != 0 || len(seen) < 2 || !strings.Contains(seen[0], "nas.ocsp says good of ") || !strings.Contains(seen[0], "; this answer holds until ") {
		t.Errorf("%v: %q", err, seen)
	}
}

// A responder that goes away ends no watch, from the first question on: the file stays, it is
// said once, and what was revoked meanwhile is stapled as soon as somebody answers.
func TestR90_AWatchOutlivesItsResponder(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	at := freePort(t)
	h.serving("CHANCERY_LISTEN_HTTP=" + at)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	target, err := url.Parse("http://" + at)
	if err != nil {
		t.Fatal(err)
	}
	var away atomic.Bool
	through := httputil.NewSingleHostReverseProxy(target)
	responder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			http.Error(w, "nobody is here", http.StatusBadGateway)
			return
		}
		through.ServeHTTP(w, r)
	}))
	defer responder.Close()
	var said bytes.Buffer
	a := &app{err: &said, env: func(string) string { return "" }}
	w := &watcher{app: a, command: "echo reloaded", every: time.Millisecond}
	q, marks := stapling{out: h.file("nas.ocsp"), url: responder.URL + "/ocsp"}, map[string]string{}
	there := func() string { b, _ := os.ReadFile(q.out); return string(b) }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var good, revoked string
	visit := 0
	if err := w.watch(ctx, func(ctx context.Context) error {
		visit++
		switch visit {
		case 1, 4:
			away.Store(true)
		case 3:
			away.Store(false)
		case 5:
			good = there()
		case 6:
			if there() != good {
				t.Error("while nobody answers the file is not what it was")
			}
			h.done("revoke", h.file("nas.pem"), "--confirm", "nas.lab.example")
			away.Store(false)
		case 7:
			revoked = there()
			cancel()
		}
		return a.staplesAgain(ctx, w, marks, q, []string{h.file("nas.pem")})
	}); err != nil || visit != 7 {
		t.Fatalf("it ends at visit %d: %v\n%s", visit, err, &said)
	}
	if good == "" || revoked == "" || revoked == good {
		t.Error("the file was not written when the responder was back")
	}
	var got []string
	for line := range strings.Lines(said.String()) {
		_, text, _ := strings.Cut(line, "  ") // behind the time
		if strings.HasPrefix(line, "reloaded") {
			text = "reloaded"
		}
		got = append(got, text)
	}
	for i, want := range []string{"gave no answer about", "nas.ocsp says good of", "reloaded", "note: all is well again", "what is there stays, and it is tried again", "nas.ocsp says revoked of", "reloaded", "note: all is well again"} {
		if i >= len(got) || !strings.Contains(got[i], want) {
			t.Fatalf("line %d is not about %q:\n%s", i, want, &said)
		}
	}
}

func TestAnAnswerStaysUntilHalfOfItsLife(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	x := func(status ca.OCSPStatus, hour int) (a ocspAnswer) {
		a.Status, a.ThisUpdate, a.NextUpdate = status, at.Add(time.Duration(hour)*time.Hour), at.Add(time.Duration(hour+24)*time.Hour)
		a.Signer = &x509.Certificate{}
		return a
	}
	for _, tt := range []struct {
		name        string
		there, said ocspAnswer
		hour        int
		want        bool
	}{
		{"nothing is there", ocspAnswer{}, x(ca.OCSPGood, 0), 0, false},
		{"the same, in its first half", x(ca.OCSPGood, 0), x(ca.OCSPGood, 11), 11, true},
		{"the same, in its second half", x(ca.OCSPGood, 0), x(ca.OCSPGood, 12), 13, false},
		{"revoked since, at once", x(ca.OCSPGood, 0), x(ca.OCSPRevoked, 1), 1, false},
		{"released from a hold, at once", x(ca.OCSPRevoked, 0), x(ca.OCSPGood, 1), 1, false},
		{"an older one of another status, from a cache", x(ca.OCSPRevoked, 1), x(ca.OCSPGood, 0), 2, true},
	} {
		if got := tt.there.keeps(tt.said, at.Add(time.Duration(tt.hour)*time.Hour)); got != tt.want {
			t.Errorf("%s: it stays: %v", tt.name, got)
		}
	}
}
