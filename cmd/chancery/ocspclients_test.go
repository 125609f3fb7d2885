// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chancery/internal/fronts"
)

// A witness is an installation that answers, and certificates of it.
type witness struct {
	hand
	key, at string
	service *exec.Cmd
	// good, held and lost are names of certificates, in directories that are called so.
	good, held, lost string
	who              map[string]fronts.Holder
}

// newWitness founds authorities with keys of a type, has certificates issued, holds one and
// revokes another.
func newWitness(t *testing.T, key string) witness {
	t.Helper()
	a := witness{hand: hand{t, filepath.Join(t.TempDir(), "data")}, key: key, at: freePort(t), good: "good.lab.example", held: "held.lab.example", lost: "lost.lab.example", who: map[string]fronts.Holder{}}
	a.done("init", "--names", "lab.example", "--pki-url", "http://"+a.at, "--recovery-file", a.file("words"), "--root-key", key, "--key", key)
	_, a.service = a.serving("CHANCERY_LISTEN_HTTP=" + a.at)
	a.write("word", word+"\n")
	if err := os.Mkdir(a.file("nas.lab.example"), 0o700); err != nil {
		t.Fatal(err)
	}
	a.done("issue", "nas.lab.example", "--out", a.file("nas.lab.example"), "--p12", a.file("nas.lab.example/identity.p12"), "--password-file", a.file("word"))
	for _, name := range []string{a.good, a.held, a.lost} {
		a.who[name] = a.client(name, "client")
	}
	a.done("profile", "set", "client", "--set", "hold=true", "--yes")
	a.done("revoke", a.held, "--reason", "certificateHold", "--confirm", a.held)
	a.done("revoke", a.lost, "--reason", "keyCompromise", "--confirm", a.lost)
	a.write("issuing.pem", a.done("ca", "show", "issuing-g1", "-o", "pem").out)
	a.write("root.pem", a.done("ca", "show", "root-g1", "-o", "pem").out)
	a.write("bundle.pem", a.done("ca", "bundle").out)
	return a
}

// asks runs a client in the directory, and gives what it says.
func (a witness) asks(name string, args ...string) string {
	a.t.Helper()
	c := exec.CommandContext(a.t.Context(), name, args...)
	c.Dir = filepath.Dir(a.dir)
	out, err := c.CombinedOutput()
	if err != nil {
		a.t.Errorf("%s: %s %v: %v\n%s", a.key, name, args, err, out)
	}
	return string(out)
}

// says demands words of a client's answer.
func (a witness) says(out string, words ...string) {
	a.t.Helper()
	for _, want := range words {
		if !strings.Contains(out, want) {
			a.t.Errorf("%s: it does not say %q:\n%s", a.key, want, out)
		}
	}
}

// openSSL asks about several certificates at once, with each hash, with a nonce and
// without, and about the issuing authority.
func (a witness) openSSL() {
	a.t.Helper()
	for _, hash := range []string{"-sha1", "-sha256", "-sha384", "-sha512"} {
		for _, nonce := range []string{"-nonce", "-no_nonce"} {
			out := a.asks("openssl", "ocsp", nonce, "-url", "http://"+a.at+"/ocsp/issuing-g1", "-CAfile", "root.pem", "-issuer", "issuing.pem",
				hash, "-cert", a.good+"/cert.pem", hash, "-cert", a.held+"/cert.pem", hash, "-cert", a.lost+"/cert.pem", hash, "-serial", "0x41000101")
			a.says(out, "Response verify OK", a.good+"/cert.pem: good", a.held+"/cert.pem: revoked", "Reason: certificateHold", a.lost+"/cert.pem: revoked", "Reason: keyCompromise", "0x41000101: unknown")
			if strings.Contains(out, "WARNING") {
				a.t.Errorf("%s: it warns:\n%s", a.key, out)
			}
		}
	}
	a.says(a.asks("openssl", "ocsp", "-url", "http://"+a.at+"/ocsp/root-g1", "-CAfile", "root.pem", "-issuer", "root.pem", "-cert", "issuing.pem"), "Response verify OK", "issuing.pem: good")
}

// gnuTLS asks about each by itself.
func (a witness) gnuTLS() {
	a.t.Helper()
	ask := func(certificate, issuer string) string {
		a.t.Helper()
		return a.asks("ocsptool", "--ask=http://"+a.at+"/ocsp", "--load-cert", certificate, "--load-issuer", issuer, "--load-trust", issuer, "--nonce")
	}
	for certificate, want := range map[string]string{a.good: "Certificate Status: good", a.held: "Certificate Status: revoked", a.lost: "Certificate Status: revoked"} {
		a.says(ask(certificate+"/cert.pem", "issuing.pem"), want, "Verifying OCSP Response: Success.")
	}
	a.says(ask("issuing.pem", "root.pem"), "Certificate Status: good", "Verifying OCSP Response: Success.")
}

// R90: real clients and servers that ask OCSP accept who is good, and refuse who is
// revoked or held, for authorities with each type of key, the root included.
func TestR90_RealClientsAskOCSP(t *testing.T) {
	t.Parallel()
	for _, key := range hierarchyKeys {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			a := newWitness(t, key)
			a.openSSL()
			a.gnuTLS()
			gone := fronts.ProveOCSP(t, fronts.Files{Host: "nas.lab.example", Server: a.holder("nas.lab.example"), Bundle: a.file("bundle.pem"), Stores: []fronts.Store{{}},
				Clients: []fronts.Holder{a.who[a.good]}, Refused: []fronts.Holder{a.who[a.held], a.who[a.lost]}})
			java := []string{"-XX:TieredStopAtLevel=1", "testdata/Standing.java"}
			for _, name := range []string{a.good, a.held, a.lost} {
				java = append(java, a.file("root.pem"), a.file(name+"/fullchain.pem"))
			}
			out, err := exec.CommandContext(t.Context(), "java", java...).CombinedOutput()
			lines := strings.Split(string(out), "\n")
			if err != nil || len(lines) < 3 || lines[0] != "good" || !strings.HasPrefix(lines[1], "REVOKED at 0") || !strings.HasPrefix(lines[2], "REVOKED at 0") {
				t.Errorf("java: %v\n%s", err, out)
			}
			if key == hierarchyKeys[0] {
				a.fallen()
			} else {
				a.ends()
				gone()
			}
		})
	}
}

// fallen has the issuing authority revoked: the root's answer, which nginx had kept, says
// so within five seconds (RV-02).
func (a witness) fallen() {
	a.t.Helper()
	ask := func() string {
		return a.asks("openssl", "ocsp", "-no_nonce", "-url", "http://"+a.at+"/ocsp/root-g1", "-CAfile", "root.pem", "-issuer", "root.pem", "-cert", "issuing.pem")
	}
	a.says(ask(), "issuing.pem: good")
	a.done("ca", "revoke", "issuing-g1", "--reason", "cACompromise", "--recovery-file", a.file("words"), "--confirm", "issuing-g1")
	for end := time.Now().Add(5 * time.Second); !strings.Contains(ask(), "issuing.pem: revoked"); {
		if time.Now().After(end) {
			a.t.Fatal("after five seconds the revoked authority is good")
		}
	}
}

// ends stops the service, and waits for its end.
func (a witness) ends() {
	a.t.Helper()
	if err := a.service.Process.Signal(syscall.SIGTERM); err != nil {
		a.t.Fatal(err)
	}
	_ = a.service.Wait() // it may have been waited for already
}
