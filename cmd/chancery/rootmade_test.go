// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// rootText is the root's certificate as OpenSSL shows it.
func (h hand) rootText(name string) string {
	h.t.Helper()
	h.write("root.pem", h.done("ca", "show", name, "-o", "pem").out)
	return h.tool("openssl", "x509", "-in", "root.pem", "-noout", "-text", "-nameopt", "RFC2253")
}

// R10: a root is made without a terminal, by flags alone: name, life, key, digest, what
// its certificate carries, and where it all lies; what no flag says has a default.
func TestR10_ARootIsMadeByFlags(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	at := h.file("other")
	h.done("init", "--dir", at, "--names", "lab.example", "--org", "Lab", "--root-subject", "C=DE,O=Lab,CN=Lab Root 2026", "--root-days", "3650", "--root-key", "rsa-3072",
		"--recovery-file", h.file("words"))
	other := hand{t, at}
	for _, want := range []string{"Subject: CN=Lab Root 2026,O=Lab,C=DE", "(3072 bit)", "CA:TRUE", "Certificate Sign, CRL Sign", "sha256WithRSA"} {
		if text := other.rootText("root-g1"); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if life := h.tool("openssl", "x509", "-in", "root.pem", "-noout", "-dates"); !strings.Contains(life, "notAfter=") {
		t.Error(life)
	}
	h.tool("openssl", "x509", "-in", "root.pem", "-noout", "-checkend", "315273600") // 3649 days
	if out, err := exec.CommandContext(t.Context(), "openssl", "x509", "-in", h.file("root.pem"), "-noout", "-checkend", "315446400").CombinedOutput(); err == nil {
		t.Errorf("it lives longer than 3650 days: %s", out)
	}
	if text := other.rootText("issuing-g1"); !strings.Contains(text, "Subject: CN=Lab Issuing CA G1,O=Lab") {
		t.Errorf("the default name:\n%s", text)
	}
	other.done("ca", "create", "cold-g1", "--root", "--subject", "O=Lab,CN=Lab Cold Root", "--days", "4000", "--key", "ecdsa-p384", "--hash", "sha512",
		"--names", "dns:lab.example", "--policy", "1.3.6.1.4.1.32473.1", "--path-length", "2", "--own-recovery-file", h.file("cold-words"), "--yes")
	for _, want := range []string{"Subject: CN=Lab Cold Root,O=Lab", "ecdsa-with-SHA512", "pathlen:2", "DNS:lab.example", "1.3.6.1.4.1.32473.1"} {
		if text := other.rootText("cold-g1"); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, args := range [][]string{
		{"--root-subject", "Lab Root"}, {"--subject", "CN"}, {"--root-subject", "O=Lab,CN=CA", "--subject", "O=Lab,CN=CA"}, {"--root-days", "0"}, {"--root-key", "rsa-1024"},
		{"--single-tier", "--root-subject", "CN=CA"},
	} {
		if s := h.types(append([]string{"init", "--names", "lab.example", "--recovery-file", h.file("none")}, args...)...); s.code == 0 {
			t.Errorf("%v is accepted", args)
		}
	}
}

// A reply is what somebody types at a prompt.
type reply struct{ prompt, typed string }

// talks types a command at a desk and answers its prompts, one after the other. What
// begins with a capital W is the third of the words that were shown.
func (h hand) talks(d *desk, replies []reply, args ...string) {
	h.t.Helper()
	c := h.command(h.t.Context(), args...)
	c.Stdin, c.Stdout, c.Stderr = d.far, d.far, d.far
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	for _, r := range replies {
		d.awaits(r.prompt)
		if r.typed == "WORD" {
			shown := regexp.MustCompile(`this machine:\s+(\S+) (\S+) (\S+)`).FindSubmatch(d.seen)
			if shown == nil {
				h.t.Fatalf("no words in\n%s", d.seen)
			}
			r.typed = string(shown[3])
		}
		d.seen = nil
		if _, err := d.near.WriteString(r.typed + "\n"); err != nil {
			h.t.Fatal(err)
		}
	}
	d.awaits("Next:")
	if err := c.Wait(); err != nil {
		h.t.Fatalf("%v\n%s", err, d.seen)
	}
}

// R10: at a terminal names are asked for, each with a default, and an answer that would
// be refused later is asked for again at once.
func TestR10_ARootIsMadeAtATerminal(t *testing.T) {
	t.Parallel()
	h, d := hand{t, filepath.Join(t.TempDir(), "data")}, newDesk(t)
	h.talks(d, []reply{
		{"Names you will certify", "lab example"},
		{"is no", "lab.example"},
		{"Organisation", "Lab"},
		{"Name of the root", "Lab Root"},
		{"a field is NAME=VALUE", "O=Lab,CN=Lab Root 2026"},
		{"Name of the issuing CA", ""},
		{"This server's name", "ca lab"},
		{"not the name of a host", "ca.lab.example"},
		{"Type the third word", "WORD"},
	}, "init", "--root-days", "5000")
	if text := h.rootText("root-g1"); !strings.Contains(text, "Subject: CN=Lab Root 2026,O=Lab") {
		t.Error(text)
	}
	if text := h.rootText("issuing-g1"); !strings.Contains(text, "Subject: CN=Lab Issuing CA G1,O=Lab") || !strings.Contains(text, "http://ca.lab.example:8080/pki/root-g1.crl") {
		t.Error(text)
	}
}
