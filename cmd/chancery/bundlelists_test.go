// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"strings"
	"testing"
)

// BK-05: a bundle with lists has that of a retired authority too: what it signed stays good
// for whoever trusts the root, and whoever checks lists must find it.
func TestBK05_ABundleHasTheListsOfTheRetired(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "old.lab.example")
	h.done("ca", "create", "issuing-g2", "--recovery-file", h.file("words"), "--yes")
	h.done("ca", "activate", "issuing-g2", "--yes")
	h.done("ca", "retire", "issuing-g1", "--confirm", "issuing-g1")
	h.done("ca", "bundle", "--crls", "--out", h.file("trust.pem"))
	if n := strings.Count(h.read("trust.pem"), "BEGIN X509 CRL"); n != 3 {
		t.Errorf("the file has %d lists", n)
	}
	judge := func(want string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-x509_strict", "-crl_check_all", "-CAfile", h.file("trust.pem"),
			"-untrusted", h.file("old.lab.example.pem"), h.file("old.lab.example.pem")).CombinedOutput()
		if !strings.Contains(string(out), want) {
			t.Errorf("openssl verify: %v, wanted %q\n%s", err, want, out)
		}
	}
	judge(": OK")
	h.done("revoke", "old.lab.example", "--confirm", "old.lab.example")
	h.done("ca", "bundle", "--crls", "--out", h.file("trust.pem"))
	judge("certificate revoked")
}
