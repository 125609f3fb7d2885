// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// PF-07: a key that Debian's broken OpenSSL made is refused by the list of such keys, for a
// request by the front, before the signer is asked; a list that cannot be read ends the start.
func TestPF07_AKeyOfDebiansOpenSSLIsRefused(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	key := filepath.Join("..", "..", "internal", "csr", "testdata", "debian-0.9.8g.key")
	request := h.file("old.csr")
	if out, err := exec.Command("openssl", "req", "-new", "-key", key, "-subj", "/CN=old.lab.example", "-addext", "subjectAltName=DNS:old.lab.example", "-out", request).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h.done("sign", request, "--out", h.file("before.pem")) // nobody knows it yet
	printed, err := exec.Command("openssl", "rsa", "-in", key, "-noout", "-modulus").Output()
	if err != nil {
		t.Fatal(err)
	}
	sum := exec.Command("sha1sum")
	sum.Stdin = strings.NewReader(string(printed))
	entry, err := sum.Output()
	if err != nil {
		t.Fatal(err)
	}
	lists := layout{h.dir}.weakKeys()
	if err := os.Mkdir(lists, 0o755); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(lists, "blacklist.RSA-2048")
	if err := os.WriteFile(list, append([]byte("# keys of CVE-2008-0166\n"), append(entry[20:40], '\n')...), 0o644); err != nil {
		t.Fatal(err)
	}
	s := h.refused("E2204", "sign", request, "--out", h.file("after.pem"))
	if !strings.Contains(s.err, "blacklist.RSA-2048") {
		t.Errorf("it does not name the list:\n%s", s.err)
	}
	h.done("issue", "new.lab.example", "--out", h.file("new.pem"), "--key-file", h.file("new.key"))
	if err := os.WriteFile(list, []byte("<html>\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.refused("E1003", "issue", "next.lab.example")
}
