// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A root that is taken in with its key has a list at once: its words were at hand. So the
// bundle has one for each authority, the day that it came.
func TestARootThatIsTakenInHasItsListAtOnce(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.write("root.cnf", "[req]\ndistinguished_name=d\n[d]\n[x]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n")
	h.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch", "-keyout", "er.key", "-out", "er.pem",
		"-subj", "/O=Elsewhere/CN=ER", "-days", "3000", "-config", "root.cnf", "-extensions", "x")
	h.done("ca", "import-cert", "er-g1", h.file("er.pem"), "--key", h.file("er.key"), "--none-revoked", "--recovery-file", h.file("words"), "--yes")
	var lists []published
	if err := json.Unmarshal([]byte(h.done("crl", "show", "--ca", "er-g1", "--json").out), &lists); err != nil || len(lists) != 1 {
		t.Fatalf("%v: %d lists", err, len(lists))
	}
	if s := h.done("ca", "bundle", "--crls"); strings.Count(s.out, "X509 CRL") != 6 || strings.Contains(s.err, "no list") {
		t.Errorf("%s%s", s.out, s.err)
	}
	// A newer list from elsewhere comes onto a new one here.
	h.write("er.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=30\n")
	h.write("index.txt", "R\t300101000000Z\t250101000000Z,superseded\t1001\tunknown\t/CN=gone\n")
	h.write("crlnumber", "07\n")
	old := func(args ...string) {
		h.tool("openssl", append([]string{"ca", "-config", "er.cnf", "-cert", "er.pem", "-keyfile", "er.key", "-gencrl", "-out", "er.crl"}, args...)...)
	}
	take := []string{"ca", "import-cert", "er-g1", h.file("er.pem"), "--recovery-file", h.file("words"), "--crl", h.file("er.crl"), "--yes"}
	old("-crl_lastupdate", "20260101000000Z", "-crl_nextupdate", "20260201000000Z")
	if s := h.refused("E2602", take...); !strings.Contains(s.err, "--ended-crl") {
		t.Errorf("%s", s.err)
	}
	old()
	if s := h.done(append(take, "--dry-run")...); !strings.Contains(s.out, "1 revocation, 1 of them new") || !strings.Contains(s.err, "number 8") {
		t.Errorf("%s%s", s.out, s.err)
	}
	h.done(take...)
	if err := json.Unmarshal([]byte(h.done("crl", "show", "--ca", "er-g1", "--json").out), &lists); err != nil || lists[0].Entries != 1 {
		t.Errorf("%v: %+v", err, lists)
	}
}

// One authority without a list holds nothing back: what is revoked by another arrives.
func TestAMissingListHoldsNoRevocationBack(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	if err := os.Remove(filepath.Join(h.dir, "front", "pki", "root-g1.crl")); err != nil {
		t.Fatal(err)
	}
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := h.command(ctx, "ca", "bundle", "--crls", "--watch", "--out", h.file("kept.pem"))
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	says := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("it never says %q", text)
	}
	says("no list of root-g1")
	says(h.file("kept.pem") + " holds bundle 2")
	h.done("revoke", h.file("nas.pem"), "--confirm", "nas.lab.example")
	says("no list of root-g1")
	says("holds bundle 2")
	if n := entriesIn(t, h.read("kept.pem")); n != 1 {
		t.Errorf("%d entries on the lists", n)
	}
	cancel()
	for lines.Scan() {
		t.Logf("at the end: %s", lines.Text())
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != 0 {
		t.Error(err)
	}
}

// entriesIn counts what the lists in a PEM file revoke.
func entriesIn(t *testing.T, text string) (n int) {
	t.Helper()
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != crlLabel {
			continue
		}
		l, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		n += len(l.RevokedCertificateEntries)
	}
	return n
}
