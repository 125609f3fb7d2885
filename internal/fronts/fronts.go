// SPDX-License-Identifier: Apache-2.0

// Package fronts proves files by use: it has real servers show the certificates
// that are in them and demand those of clients, and real clients knock. The servers
// are nginx, Apache, HAProxy, stunnel, PostgreSQL, Java, Node.js and Python; the
// clients are curl, openssl, Java, Node.js, Python and psql. All run on 127.0.0.1,
// on free ports, from files in a directory of their own, and are gone when the test
// is over.
//
// It makes no certificates, except those of a stranger who imitates the authority.
// No program imports it. Start reading at Files, then Prove and ProveOCSP; what a server is told
// is in servers.go, and what it is told is what docs/servers.md says.
package fronts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// patience is how long whatever is waited for may take: the start of all servers on
// a busy machine, or one answer.
const patience = 60 * time.Second

// A Holder is somebody who was handed a certificate and all files of it, by their
// paths. All forms hold the same.
type Holder struct {
	// Name is the common name: letters, digits, dots and hyphens only, since
	// servers write others each in its own way; at most 63 octets.
	Name string
	// Chain is PEM: the certificate, then the authorities' without the root.
	Chain string
	// Key is the private key in PEM, not encrypted, mode 0600.
	Key string
	// KeyCert is Key and Chain in one file.
	KeyCert string
	// PKCS12 is both once more, without the root; Password opens it.
	PKCS12   string
	Password string
}

// A Store is a trust store of Java, PKCS#12 or JKS; it does not end in .pem.
type Store struct {
	Path     string
	Password string
}

// Files are what an authority handed out.
type Files struct {
	// Host is the DNS name in the server's certificate.
	Host string
	// Server is shown by each server, for Host.
	Server Holder
	// Clients are whom each server must let in, of whatever generation.
	Clients []Holder
	// Refused are whom no server may let in. A stranger who carries the names of the
	// first client and its authority, and somebody without a certificate, are tried
	// in any case.
	Refused []Holder
	// Bundle is the trust bundle in PEM, for clients and servers.
	Bundle string
	// Stores are the same for Java, one at least. Its server takes the first.
	Stores []Store
	// CRLs is PEM: a complete list of each authority, roots included. Empty leaves
	// revocation unchecked.
	CRLs string

	asks bool // servers are told to ask OCSP
}

// Prove runs each server on the files and has each client knock as each holder. A
// sentence that is not true fails the test: who is in Clients gets in and is seen by
// its name and serial number, nobody else does, and no client talks to a server whose
// authority it does not know.
func Prove(t testing.TB, f Files) {
	t.Helper()
	b := open(t, f)
	for _, fault := range b.faults(b.sentences()) {
		t.Error(fault)
	}
}

// A bench is all servers and clients, ready.
type bench struct {
	files    Files
	dir      string
	stranger Holder // as the first client is called, of somebody else
	foreign  string // the bundle of the stranger's authority
	peers    []*peer

	mu      sync.Mutex // guards servers while they are started at once
	servers []server
}

// open starts everything at once. What it started ends with the test.
func open(t testing.TB, f Files) *bench {
	t.Helper()
	b := prepare(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.start(ctx, t); err != nil {
		t.Fatal(err)
	}
	return b
}

// prepare makes a bench on which nothing runs yet.
func prepare(t testing.TB, f Files) *bench {
	t.Helper()
	if err := f.complete(); err != nil {
		t.Fatal(err)
	}
	// Directly below the temporary directory: see passable.
	dir, err := os.MkdirTemp("", "fronts")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	b := &bench{files: f, dir: dir}
	if err := errors.Join(passable(dir), b.imitate()); err != nil {
		t.Fatal(err)
	}
	return b
}

// passable lets all walk through a directory, whatever the umask: Apache's children
// run under another account, and must be able to walk to what they serve.
func passable(dir string) error { return os.Chmod(dir, 0o711) } //nolint:gosec // nothing in it can be listed

// complete names what is missing.
func (f Files) complete() error {
	needed := map[string]string{"host": f.Host, "bundle": f.Bundle}
	if len(f.Clients) == 0 || len(f.Stores) == 0 {
		return errors.New("there are no clients or no trust stores to prove")
	}
	for _, h := range append(append([]Holder{f.Server}, f.Clients...), f.Refused...) {
		for form, path := range map[string]string{"name": h.Name, "chain": h.Chain, "key": h.Key, "key-cert": h.KeyCert, "PKCS#12": h.PKCS12} {
			needed[form+" of "+h.Name] = path
		}
	}
	for what, path := range needed {
		if path == "" {
			return fmt.Errorf("the files to prove lack the %s", what)
		}
	}
	return nil
}
