// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Java's own tool makes the key and the request.
func TestARequestOfKeytoolIsSigned(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	store := h.file("store.p12")
	for _, args := range [][]string{
		{"-genkeypair", "-alias", "web", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=java.lab.example"},
		{"-certreq", "-alias", "web", "-ext", "san=dns:java.lab.example", "-file", h.file("java.csr")},
	} {
		args = append(args, "-keystore", store, "-storetype", "PKCS12", "-storepass", "changeit")
		if out, err := exec.CommandContext(t.Context(), "keytool", args...).CombinedOutput(); err != nil {
			t.Fatalf("keytool: %v\n%s", err, out)
		}
	}
	h.verifies("java", h.done("sign", h.file("java.csr")).out)
}

// GnuTLS's tool makes the key and the request.
func TestARequestOfCerttoolIsSigned(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.write("template", "cn = gnu.lab.example\ndns_name = gnu.lab.example\n")
	for _, args := range [][]string{
		{"--generate-privkey", "--key-type=ecdsa", "--curve=secp256r1", "--outfile", h.file("gnu.key")},
		{"--generate-request", "--load-privkey", h.file("gnu.key"), "--template", h.file("template"), "--outfile", h.file("gnu.csr")},
	} {
		if out, err := exec.CommandContext(t.Context(), "certtool", args...).CombinedOutput(); err != nil {
			t.Fatalf("certtool: %v\n%s", err, out)
		}
	}
	h.verifies("gnu", h.done("sign", h.file("gnu.csr")).out)
}

// R32: the key's file is the owner's alone. R127: the names say what the files
// are, and nothing is overwritten.
func TestIssueMakesAKeyAndItsCertificate(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	s := h.done("issue", "own.lab.example", "10.0.0.7", "--key-file", h.file("own.key"), "--out", h.file("own.pem"))
	if !strings.Contains(s.out, "own.pem") {
		t.Errorf("it says\n%s", s.out)
	}
	h.verifiesFile("own")
	if st, err := os.Stat(h.file("own.key")); err != nil || st.Mode() != 0o600 {
		t.Errorf("the key's file: %v, %v", st.Mode(), err)
	}
	h.done("issue", "named.lab.example")
	for _, name := range []string{"named.lab.example.key", "named.lab.example.pem"} {
		if _, err := os.Stat(h.file(name)); err != nil {
			t.Error(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", "openssl pkey -in "+h.file("own.key")+" -pubout; echo; openssl x509 -in "+h.file("own.pem")+" -noout -pubkey").Output()
	if err != nil {
		t.Fatal(err)
	}
	if key, certificate, _ := strings.Cut(string(out), "\n\n"); strings.TrimSpace(key) != strings.TrimSpace(certificate) {
		t.Error("key and certificate do not belong together")
	}
	before := h.read("own.key")
	if s := h.done("issue", "own.lab.example", "--key-file", h.file("own.key"), "--out", h.file("other.pem")); !strings.Contains(s.err, "was there, and is used") || h.read("own.key") != before {
		t.Errorf("a key that was there was overwritten, or used without a word: %s", s.err)
	}
	if s := h.types("issue", "www.bank.example", "--key-file", h.file("bank.key"), "--out", h.file("bank.pem")); s.code != exitRefused {
		t.Errorf("exit %d\n%s", s.code, s.err)
	}
	if left, _ := filepath.Glob(h.file("bank.*")); len(left) > 0 {
		t.Errorf("a refusal left %v", left)
	}
}

func (h hand) verifies(name, chain string) {
	h.t.Helper()
	h.write(name+".pem", chain)
	h.verifiesFile(name)
}

func (h hand) verifiesFile(name string) {
	h.t.Helper()
	h.write("root.pem", h.done("ca", "bundle").out)
	chain := h.file(name + ".pem")
	if out, err := exec.CommandContext(h.t.Context(), "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name+".lab.example",
		"-CAfile", h.file("root.pem"), "-untrusted", chain, chain).CombinedOutput(); err != nil {
		h.t.Errorf("openssl verify: %v\n%s", err, out)
	}
}
