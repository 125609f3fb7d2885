// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// R92: with a limit on lists, OCSP, certificates and bundles stay open on every listener; who
// brings a good certificate of ours has the lists, and the service's own commands do.
func TestR92_WithALimitOnListsOCSPStaysOpen(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--hostname", "localhost", "--recovery-file", h.file("words"))
	limit := []string{"CHANCERY_LISTS_ALLOW=198.51.100.0/24, 2001:db8::/32", "CHANCERY_LISTS_CLIENTS=yes"}
	said, _ := h.serving(append(limit, "CHANCERY_LISTEN=127.0.0.1:0", "CHANCERY_LISTEN_MTLS=127.0.0.1:0")...)
	at := regexp.MustCompile(`listening on 127\.0\.0\.1:(\d+)`).FindAllStringSubmatch(said, -1)
	if len(at) != 2 {
		t.Fatalf("it does not say where it listens:\n%s", said)
	}
	h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	d := tlsDoor{h, "localhost:" + at[0][1], "localhost:" + at[1][1]}
	d.until("a certificate", func() bool { return d.shown() != nil })
	base := publicAddress(t, said)
	h.done("issue", "nas.lab.example", "--profile", "client", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	for path, want := range map[string]int{"/pki/issuing-g1.crl": 403, "/pki/issuing-g1.delta.crl": 403, "/pki/issuing-g1.crt": 200, "/pki/bundle.pem": 200, "/trust/ca.crt": 200, "/lookup": 200} {
		if code, _, body := got(t, base+path); code != want || want == 403 && !strings.Contains(string(body), "OCSP is open to everybody") {
			t.Errorf("%s: %d\n%.200s", path, code, body)
		}
	}
	check := []string{"ocsp", "check", h.file("nas.pem"), "--url", base + "/ocsp"}
	d.until("good certificate of OCSP", func() bool { return strings.Contains(h.types(check...).out, "good") })
	client := []string{"--cert", h.file("nas.pem"), "--key", h.file("nas.key"), "-o", "/dev/null"}
	if status, body := d.curl(d.api, "/pki/issuing-g1.crl"); status != "403" {
		t.Errorf("over TLS, without a certificate: %s %.200s", status, body)
	}
	if status, body := d.curl(d.mtls, "/pki/issuing-g1.crl", client...); status != "200" {
		t.Errorf("with a certificate of ours: %s %.200s", status, body)
	}
	if s := h.done("crl", "show", "--ca", "issuing-g1"); !strings.Contains(s.out, "issuing-g1") {
		t.Errorf("the service's own command: %s", s.out)
	}
	h.done("revoke", h.file("nas.pem"), "--confirm", "nas.lab.example")
	if status, _ := d.curl(d.mtls, "/pki/issuing-g1.crl", client...); status == "200" {
		t.Error("with a revoked certificate the list is given")
	}
	doctor := h.command(t.Context(), "doctor", "--only", "publication")
	doctor.Env = append(doctor.Env, limit...)
	if s := h.runs(doctor); !strings.Contains(s.out, "lists were refused to 1 source, and asked for from there: 127.0.0.1/32") {
		t.Errorf("doctor says\n%s%s", s.out, s.err)
	}
}
