// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	// good, held and lost are names of certificates, in directories that are called so; the
	// certificates of servers among bad are held and revoked too.
	good, held, lost string
	bad              []string
	who              map[string]fronts.Holder
}

// newWitness founds authorities with keys of a type, has certificates issued, holds one and
// revokes another.
func newWitness(t *testing.T, key string) witness {
	t.Helper()
	a := witness{hand: hand{t, filepath.Join(t.TempDir(), "data")}, key: key, at: freePort(t), good: "good.lab.example", held: "held.lab.example", lost: "lost.lab.example",
		bad: []string{"held-server.lab.example", "lost-server.lab.example"}, who: map[string]fronts.Holder{}}
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
	for _, name := range a.bad {
		a.who[name] = a.client(name, "server")
	}
	for _, profile := range []string{"client", "server"} {
		a.done("profile", "set", profile, "--set", "hold=true", "--yes")
	}
	for _, name := range []string{a.held, a.bad[0]} {
		a.done("revoke", name, "--reason", "certificateHold", "--confirm", name)
	}
	for _, name := range []string{a.lost, a.bad[1]} {
		a.done("revoke", name, "--reason", "keyCompromise", "--confirm", name)
	}
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

// ocsptool asks about one certificate.
func (a witness) ocsptool(certificate, issuer, want string) {
	a.t.Helper()
	out := a.asks("ocsptool", "--ask=http://"+a.at+"/ocsp", "--load-cert", certificate, "--load-issuer", issuer, "--load-trust", issuer, "--nonce")
	a.says(out, "Certificate Status: "+want, "Verifying OCSP Response: Success.")
}

// java has Java's PKIX say of each chain what it takes it for, one line each.
func (a witness) java(names ...string) string {
	a.t.Helper()
	args := []string{"-XX:TieredStopAtLevel=1", "testdata/Standing.java"}
	for _, name := range names {
		args = append(args, a.file("root.pem"), a.file(name+"/fullchain.pem"))
	}
	out, err := exec.CommandContext(a.t.Context(), "java", args...).CombinedOutput()
	if err != nil {
		a.t.Errorf("java: %v", err)
	}
	return string(out)
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
			for name, want := range map[string]string{a.good: "good", a.held: "revoked", a.lost: "revoked"} {
				a.ocsptool(name+"/cert.pem", "issuing.pem", want)
			}
			a.ocsptool("issuing.pem", "root.pem", "good")
			if out := a.java(a.good, a.held, a.lost); !regexp.MustCompile(`^good\nREVOKED at 0.*\nREVOKED at 0`).MatchString(out) {
				t.Errorf("java says\n%s", out)
			}
			f := fronts.Files{Host: "nas.lab.example", Server: a.holder("nas.lab.example"), Bundle: a.file("bundle.pem"), Stores: []fronts.Store{{}},
				Clients: []fronts.Holder{a.who[a.good]}, Refused: []fronts.Holder{a.who[a.held], a.who[a.lost]}}
			nobody := fronts.ProveOCSP(t, f)
			for _, name := range a.bad {
				f.Host, f.Server = name, a.who[name]
				fronts.ProveNotStapled(t, f)
			}
			if key == hierarchyKeys[0] {
				a.ends()
				nobody()
				a.serving("CHANCERY_LISTEN_HTTP=" + a.at)
				a.done("crl", "publish", "--ca", "issuing-g1") // waits until front and signer have met
			}
			a.fallen()
			nobody()
		})
	}
}

// fallen has the issuing authority revoked: the root's answer, which was kept for nginx, says
// so within five seconds (RV-02), to every client.
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
	a.ocsptool("issuing.pem", "root.pem", "revoked")
	if out := a.java(a.good); !strings.HasPrefix(out, "REVOKED at 1") {
		a.t.Errorf("java says of the authority that was revoked\n%s", out)
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
