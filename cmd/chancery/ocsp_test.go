// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
		if got := asked(0, "good", args...); got.Signer != "CN=OCSP issuing-g1" || !got.NextUpdate.After(got.ThisUpdate) {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := asked(0, "good", "issuing.pem", "--issuer", root); got.Signer != "CN=OCSP root-g1" {
		t.Errorf("the root's certificate: %+v", got)
	}
	h.done("profile", "set", "server", "--set", "hold=true")
	h.done("revoke", "nas.lab.example", "--reason", "certificateHold", "--confirm", "nas.lab.example")
	if got := asked(exitFaults, "revoked", "nas.lab.example"); got.Reason != "certificateHold" || got.RevokedAt.IsZero() {
		t.Errorf("held: %+v", got)
	}
	if s := h.runs(h.command(t.Context(), "verify", "nas/fullchain.pem", "--fetch")); s.code != exitFaults || !strings.Contains(s.out, "says OCSP") {
		t.Errorf("verify: exit %d\n%s", s.code, s.out)
	}
	h.done("unhold", "nas.lab.example")
	asked(0, "good", "nas.lab.example")
	if s := h.done("ocsp", "check", "nas.lab.example"); !strings.HasPrefix(s.out, "✓ good\n") || !strings.Contains(s.out, "CN=OCSP issuing-g1, until ") {
		t.Errorf("it says\n%s", s.out)
	}
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
