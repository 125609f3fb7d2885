// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// R5: where the public and the private part of an authority lie is set once, and
// shown.
func TestR5_TheOperatorIsShownWhereTheKeysLie(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	s := h.done("ca", "show", "issuing-g1")
	for _, want := range []string{
		filepath.Join(h.dir, "signer", "keys", "issuing-g1.key"), nobody + "/pki/issuing-g1.crt", nobody + "/pki/issuing-g1.crl",
		filepath.Join(h.dir, "chancery.toml"), "ecdsa-p256, unlocked", "signed by", "root-g1",
	} {
		if !strings.Contains(s.out, want) {
			t.Errorf("%q is not shown:\n%s", want, s.out)
		}
	}
	var shown shownAuthority
	if err := json.Unmarshal([]byte(h.done("ca", "show", "root-g1", "--json").out), &shown); err != nil || shown.KeyState != "sealed" || shown.Line != "root" {
		t.Errorf("%+v, %v", shown, err)
	}
	if info, err := os.Stat(shown.PrivatePart); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("what is shown as the key: %v, %v", info, err)
	}
	out, err := exec.CommandContext(t.Context(), "openssl", "x509", "-in", h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out), "-noout", "-fingerprint", "-sha256").Output()
	digits := strings.NewReplacer(":", "", "\n", "").Replace(string(out))
	if err != nil || !strings.HasSuffix(strings.ToLower(digits), shown.Fingerprint) {
		t.Errorf("OpenSSL says %s, %v, and we %s", out, err, shown.Fingerprint)
	}
	h.done("key", "lock")
	if s := h.done("ca", "show", "issuing-g1"); !strings.Contains(s.out, "locked") {
		t.Errorf("a locked key:\n%s", s.out)
	}
	if s := h.types("ca", "show", "issuing-g9"); s.code != exitNotFound {
		t.Errorf("an authority that is not there: exit %d", s.code)
	}
}

// R47: a request is shown and its signature verified, by no service; a bad
// signature is said, and refused when it is to be signed.
func TestR47_ARequestIsShownAndItsSignatureVerified(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	path := h.file("multi.csr")
	out, err := exec.CommandContext(t.Context(), "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", h.file("multi.key"),
		"-subj", "/O=Lab/CN=nas.lab.example", "-addext", "subjectAltName=DNS:nas.lab.example,IP:10.0.0.7", "-out", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	elsewhere := hand{t, filepath.Join(t.TempDir(), "none")}
	s := elsewhere.done("show", path)
	for _, want := range []string{"O=Lab,CN=nas.lab.example", "dns:nas.lab.example, ip:10.0.0.7", "ecdsa-p256", "verifies"} {
		if !strings.Contains(s.out, want) {
			t.Errorf("%q is not shown:\n%s", want, s.out)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	// An Ed25519 or ECDSA signature is the last element; a flip in its last octet
	// leaves the form whole.
	block.Bytes[len(block.Bytes)-1] ^= 1
	bad := h.write("bad.csr", string(pem.EncodeToMemory(block)))
	if s := elsewhere.types("show", bad); s.code != exitUsage || !strings.Contains(s.out, "does not verify") || !strings.Contains(s.out, "nas.lab.example") || !strings.Contains(s.err, "E2203") {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
	if s := h.types("sign", bad); s.code != exitUsage || !strings.Contains(s.err, "does not verify") {
		t.Errorf("signing it: exit %d\n%s", s.code, s.err)
	}
	// What nothing would sign is shown all the same, with why.
	for name, flags := range map[string][]string{"rsa-1024": {"-newkey", "rsa:1024"}, "basicConstraints": {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "basicConstraints=critical,CA:TRUE"}} {
		weak := h.file(name + ".csr")
		if out, err := exec.CommandContext(t.Context(), "openssl", append([]string{"req", "-new", "-nodes", "-keyout", h.file(name + ".key"), "-subj", "/O=Lab/CN=nas.lab.example", "-out", weak}, flags...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		if s := elsewhere.done("show", weak); !strings.Contains(s.out, "O=Lab,CN=nas.lab.example") || !strings.Contains(s.out, "never signed") || !strings.Contains(s.out, "key SHA-256") {
			t.Errorf("%s:\n%s", name, s.out)
		}
	}
	var r shownRequest
	if err := json.Unmarshal([]byte(elsewhere.types("show", bad, "--json").out), &r); err != nil || r.Signature != "bad" || len(r.Names) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

// R48: the request stays attached and comes back as it was sent.
func TestR48_TheOriginalRequestIsGivenBack(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	path := h.request("nas.lab.example")
	h.done("sign", path)
	sent, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := h.done("show", "nas.lab.example", "--csr")
	if s.out != string(sent) {
		t.Errorf("sent\n%s\ngiven back\n%s", sent, s.out)
	}
	again := h.done("sign", h.write("again.csr", s.out))
	if !strings.Contains(again.out, "BEGIN CERTIFICATE") {
		t.Errorf("the request cannot be used again:\n%s", again.out)
	}
	block, _ := pem.Decode(sent)
	if s := h.done("show", "nas.lab.example", "--csr", "-o", "der"); !bytes.Equal([]byte(s.out), block.Bytes) {
		t.Error("the DER differs")
	}
	if s := h.types("show", "lab.example Root CA G1", "--csr"); s.code != exitNotFound {
		t.Errorf("a root's request: exit %d\n%s", s.code, s.err)
	}
}

func TestANameMeansItsNewestCertificateAndTheOthersAreCounted(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	path := h.request("nas.lab.example")
	var serials []string
	for range 3 {
		serials = append(serials, strings.TrimSpace(h.done("sign", path, "-q").out))
	}
	s := h.done("show", "NAS.lab.example")
	if !strings.Contains(s.out, serials[2]) || !strings.Contains(s.out, "2 more with this name") || !strings.Contains(s.out, "chancery list --name") {
		t.Errorf("%v\n%s", serials, s.out)
	}
	if s := h.done("show", serials[0]); strings.Contains(s.out, "more with this name") {
		t.Errorf("a serial means one:\n%s", s.out)
	}
	for _, want := range []string{"subject ", "CN=nas.lab.example", "key SHA-256", "fingerprint"} {
		if !strings.Contains(s.out, want) {
			t.Errorf("show lacks %s:\n%s", want, s.out)
		}
	}
	for ref, want := range map[string]string{"root-g1": "chancery ca show root-g1", "localhost:18443": "chancery verify localhost:18443", "certs/none": "there is no file"} {
		if s := h.refused("E2101", "show", ref); !strings.Contains(s.err, want) {
			t.Errorf("show %s:\n%s", ref, s.err)
		}
	}
	if s := h.done("list", "--name", "nas.lab.example", "-q"); len(strings.Fields(s.out)) != 3 {
		t.Errorf("the hint leads to %q", s.out)
	}
}

func TestForeignFilesAreShownOrNamed(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	root := h.done("ca", "bundle").out
	chain := h.write("chain.pem", h.done("sign", h.request("nas.lab.example")).out)
	none := hand{t, filepath.Join(t.TempDir(), "none")}
	if s := none.done("show", chain); strings.Count(s.out, "fingerprint") != 2 || !strings.Contains(s.out, "dns:nas.lab.example") || !strings.Contains(s.out, "of an authority") {
		t.Errorf("a chain:\n%s", s.out)
	}
	if s := none.done("show", chain, "--json"); strings.Count(s.out, "fingerprint_sha256") != 2 {
		t.Errorf("a chain as JSON:\n%s", s.out)
	}
	directory := h.file("dir.pem")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ path, word string }{
		"text":                      {h.write("text.pem", "hello\n"), "neither PEM, DER"},
		"a chain and a private key": {h.write("both.pem", root+"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"), "PRIVATE KEY"},
		"nothing":                   {h.file("nothing.csr"), "cannot be read"},
		"a directory":               {directory, "cannot be read"},
	} {
		if s := none.types("show", tt.path); s.code != exitUsage || !strings.Contains(s.err, tt.word) || strings.Contains(s.err, "E9000") {
			t.Errorf("%s: exit %d\n%s", name, s.code, s.err)
		}
	}
	if s := h.types("sign", chain); s.code != exitUsage || !strings.Contains(s.err, "chain of certificates") {
		t.Errorf("sign of a chain: exit %d\n%s", s.code, s.err)
	}
	if s := h.types("sign", h.dir); s.code != exitUsage || !strings.Contains(s.err, "E1102") || !strings.Contains(s.err, "is a directory") {
		t.Errorf("sign of a directory: exit %d\n%s", s.code, s.err)
	}
}
