// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// R90: the command asks as a client does, by GET and POST, says who signed, and tells by
// its exit code that a certificate is not good.
func TestR90_OCSPCheckAsksLikeAClient(t *testing.T) {
	t.Parallel()
	at := freePort(t)
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--pki-url", "http://"+at, "--recovery-file", h.file("words"))
	h.serving("CHANCERY_LISTEN_HTTP=" + at)
	h.done("issue", "nas.lab.example", "--out", "nas/")
	issuing := h.write("issuing.pem", h.done("ca", "show", "issuing-g1", "-o", "pem").out)
	root := h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	asked := func(code int, want string, args ...string) stated {
		t.Helper()
		s := h.runs(h.command(t.Context(), append([]string{"ocsp", "check", "--json"}, args...)...))
		var got stated
		if err := json.Unmarshal([]byte(s.out), &got); err != nil || s.code != code || got.Status != want || !got.Delegated {
			t.Errorf("%v: exit %d, %v\n%s%s", args, s.code, err, s.out, s.err)
		}
		return got
	}
	for _, args := range [][]string{{"nas.lab.example"}, {"nas/cert.pem"}, {"nas/fullchain.pem", "--nonce"}, {"nas/cert.pem", "--issuer", issuing, "--url", "http://" + at + "/ocsp"}} {
		if got := asked(0, "good", args...); !strings.HasSuffix(got.Signer, "CN=OCSP issuing-g1") || !got.NextUpdate.After(got.ThisUpdate) {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := asked(0, "good", "issuing.pem", "--issuer", root); !strings.HasSuffix(got.Signer, "CN=OCSP root-g1") {
		t.Errorf("the root's certificate: %+v", got)
	}
	h.done("profile", "set", "server", "--set", "hold=true", "--yes")
	h.done("revoke", "nas.lab.example", "--reason", "certificateHold", "--confirm", "nas.lab.example")
	if got := asked(exitFaults, "revoked", "nas.lab.example"); got.Reason != "certificateHold" || got.RevokedAt.IsZero() {
		t.Errorf("held: %+v", got)
	}
	if s := h.runs(h.command(t.Context(), "verify", "nas/fullchain.pem", "--fetch")); s.code != exitFaults || !strings.Contains(s.out, "for certificateHold, by list and OCSP") || strings.Count(s.out, "is revoked since") != 1 || !strings.Contains(s.out, "1 failure, ") {
		t.Errorf("verify: exit %d\n%s", s.code, s.out)
	}
	h.done("unhold", "nas.lab.example")
	asked(0, "good", "nas.lab.example")
	if s := h.done("ocsp", "check", "nas.lab.example"); !strings.HasPrefix(s.out, "✓ good\n") || !strings.Contains(s.out, ", until ") {
		t.Errorf("it says\n%s", s.out)
	}
	h.done("issue", "lost.lab.example", "--out", "lost/")
	h.done("revoke", "lost.lab.example", "--reason", "superseded", "--confirm", "lost.lab.example")
	if s := h.types("ocsp", "check", "lost.lab.example"); s.code != exitFaults || strings.Contains(s.out, "good") || !strings.Contains(s.out, "this answer holds until") {
		t.Errorf("of a revoked one: exit %d\n%s", s.code, s.out)
	}
	both := h.types("ocsp", "check", "nas.lab.example", "lost/cert.pem", "nobody.lab.example")
	saysAll(t, "of three", both.out, "✓ good  nas.lab.example  this answer holds until ", "✗ revoked  lost/cert.pem  since ", ", for superseded\n", "! no-answer  nobody.lab.example  nothing here is called")
	var three []stated
	s := h.types("ocsp", "check", "nas.lab.example", "lost/cert.pem", "nobody.lab.example", "--json")
	if err := json.Unmarshal([]byte(s.out), &three); err != nil || len(three) != 3 || three[1].Reason != "superseded" || three[2].Problem == nil || s.code != exitFaults || both.code != exitFaults {
		t.Errorf("%v\n%s%s", err, s.out, s.err)
	}
	if s := h.done("ocsp", "check", "nas.lab.example", "-o", "csv"); !strings.HasPrefix(s.out, "target,status,") || !strings.Contains(s.out, "nas.lab.example,good,") {
		t.Errorf("it says\n%s", s.out)
	}
	saysAll(t, "of four lists", h.refused("E1101", "crl", "show", "-o", "der").err, "DER holds one list, and there are 2", "chancery crl show --ca issuing-g1 -o der")
	if s := h.done("crl", "show", "-o", "csv"); !strings.HasPrefix(s.out, "authority,kind,number,this_update,next_update,entries,size,reasons\n") || !strings.Contains(s.out, ",1 superseded\n") || !strings.Contains(s.out, "issuing-g1,complete,") {
		t.Errorf("it says\n%s", s.out)
	}
	if s := h.done("crl", "show", "-o", "wide"); strings.Contains(s.out, "{") {
		t.Errorf("it says\n%s", s.out)
	}
	if got := asked(0, "good", "issuing-g1"); !strings.HasSuffix(got.Signer, "CN=OCSP root-g1") { // by the name of an authority
		t.Errorf("the issuing authority: %+v", got)
	}
	saysAll(t, "of a root", h.refused("E1101", "ocsp", "check", "root-g1").err, "nobody is asked about a root")
	saysAll(t, "of a slip", h.refused("E2101", "ocsp", "check", "nas.lab.exampel").err, "did you mean nas.lab.example?")
	h.refused("E1101", "ocsp", "check", "root.pem", "--issuer", root) // which names no responder
	h.refused("E1201", "ocsp", "check", "nas.lab.example", "--url", "http://"+freePort(t)+"/ocsp")
	h.refused("E1201", "ocsp", "check", "nas.lab.example", "--url", "http://"+at+"/pki/bundle.pem")
	h.refused("E2101", "ocsp", "check", "nobody.lab.example")
	if err := os.Mkdir(h.file("other"), 0o700); err != nil {
		t.Fatal(err)
	}
	other := hand{t, h.file("other/data")}
	other.done("init", "--names", "lab.example", "--recovery-file", other.file("words"))
	h.refused("E2101", "ocsp", "check", h.write("far.pem", other.done("ca", "show", "issuing-g1", "-o", "pem").out))
}

// R90: OCSP is answered by a process of its own beside the service: what is revoked is seen
// within five seconds (RV-02), what was signed outlives the service, and what was not waits
// for it.
func TestR90_OCSPIsAnsweredAlone(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	_, service := h.serving()
	ctx, cancel := context.WithCancel(context.Background())
	alone := h.command(ctx, "ocsp", "serve", "--listen", "127.0.0.1:0")
	alone.Cancel, alone.WaitDelay = func() error { return alone.Process.Signal(os.Interrupt) }, 10*time.Second
	said := h.started(alone)
	t.Cleanup(func() {
		cancel()
		if err := alone.Wait(); err != nil && alone.ProcessState.ExitCode() > 0 {
			t.Errorf("it ended with %v", err)
		}
	})
	at := regexp.MustCompile(`OCSP +(\S+)\n`).FindStringSubmatch(said)
	if at == nil {
		t.Fatalf("it does not say where it answers:\n%s", said)
	}
	url := "http://" + at[1] + "/ocsp"
	h.done("issue", "nas.lab.example", "web.lab.example", "--out", "nas/")
	h.done("issue", "new.lab.example", "--out", "new/")
	asked := func(file, want string) bool {
		t.Helper()
		s := h.runs(h.command(t.Context(), "ocsp", "check", file+"/fullchain.pem", "--url", url, "--issuer", h.file("issuing.pem"), "--json"))
		return strings.Contains(s.out, `"status": "`+want+`"`) || strings.Contains(s.err, want)
	}
	within := func(file, want string) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); !asked(file, want); {
			if time.Now().After(end) {
				t.Fatalf("after five seconds %s is not %s", file, want)
			}
		}
	}
	h.write("issuing.pem", h.done("ca", "show", "issuing-g1", "-o", "pem").out)
	within("nas", "good")
	// A balancer of load learns whether it can answer, whatever issuing does.
	probed := func(path string, code int, says string) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); ; { // an answer is good for a second
			is, _, body := got(t, "http://"+at[1]+path)
			if is == code && strings.Contains(string(body), says) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %d %s", path, is, body)
			}
		}
	}
	probed("/healthz", http.StatusOK, `"status":"ok"`)
	probed("/readyz", http.StatusOK, `"checks":[{"id":"database","level":"ok"},{"id":"service","level":"ok"}]`)
	h.done("revoke", "nas.lab.example", "--reason", "superseded", "--confirm", "nas.lab.example")
	within("nas", "revoked")
	if err := service.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = service.Wait() // its end is what is waited for
	probed("/healthz", http.StatusOK, `"status":"ok"`)
	probed("/readyz", http.StatusServiceUnavailable, `{"id":"service","level":"fail","code":"E2301"}`)
	if !asked("nas", "revoked") {
		t.Error("what was signed is not said without the service")
	}
	if !asked("new", "tryLater") {
		t.Error("what was not signed is said without the service")
	}
	h.serving()
	within("new", "good")
}

// Who signs is changed for every answer, those included that the service keeps; and it is said
// before anybody is asked to agree.
func TestPolicyOCSPTakesHoldOfKeptAnswers(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	at := freePort(t)
	h.done("init", "--names", "lab.example", "--pki-url", "http://"+at, "--recovery-file", h.file("words"))
	h.serving("CHANCERY_LISTEN_HTTP=" + at)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	for _, tt := range []struct{ by, from, to, signer string }{
		{"authority", "its responder", "its own key", ", its issuer"}, {"responder", "its own key", "its responder", ", until "},
	} {
		h.done("ocsp", "check", h.file("nas.pem")) // it is kept from now on
		plan := "OCSP answers of issuing-g1   signed by " + tt.from + " → by " + tt.to
		for _, last := range []string{"--dry-run", "--yes"} {
			if s := h.done("policy", "ocsp", "issuing-g1", "--by", tt.by, last); !strings.Contains(s.err, plan) {
				t.Errorf("%s does not say what it changes:\n%s%s", last, s.out, s.err)
			}
		}
		said := ""
		for range 100 { // the service looks once a second, and each question takes some of it
			if said = h.done("ocsp", "check", h.file("nas.pem")).out; strings.Contains(said, tt.signer) {
				break
			}
		}
		if !strings.Contains(said, tt.signer) {
			t.Fatalf("by the %s:\n%s", tt.by, said)
		}
	}
}

// Whoever runs ocsp serve learns from its log that there is no signer, and that there is one.
func TestOCSPServeSaysThatNoSignerAnswers(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "sign.sock")
	said := make(chan string, 8)
	log := slog.New(slog.NewTextHandler(lineWriter(said), nil))
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { seesSigner(ctx, socket, time.Millisecond, log); close(over) }()
	for range 2 {
		if line := <-said; !strings.Contains(line, "level=WARN") || !strings.Contains(line, "no signer answers") {
			t.Error(line)
		}
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		if line := <-said; !strings.Contains(line, "the signer answers again") {
			t.Error(line)
		}
		_ = l.Close()
	}
	<-said
	cancel()
	<-over
	if len(said) > 0 {
		t.Errorf("it is said more than once: %s", <-said)
	}
}

// A lineWriter sends each line that is written.
type lineWriter chan string

func (w lineWriter) Write(b []byte) (int, error) { w <- string(b); return len(b), nil }
