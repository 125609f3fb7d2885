// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"chancery/ca"
)

// R26: the directory of an openssl ca is taken in with what it had revoked. Without a word
// about that the import is refused; what was broken off is finished by the same command;
// and log and book agree.
func TestR26_AnOpenSSLDirectoryComesWithItsRevocations(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	root := h.newElsewhere("past-root")
	h.tool("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch", "-keyout", "vpn.key", "-out", "vpn.csr", "-subj", "/O=Elsewhere/CN=VPN")
	vpn := root.signs("vpn.csr", "vpn.pem", "2000", "11", asAuthority)
	h.write("vpn.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=serial\ncrlnumber=crlnumber\nnew_certs_dir=.\ndefault_md=sha256\ndefault_days=300\ndefault_crl_days=30\n"+
		"policy=p\nunique_subject=no\ncrl_extensions=e\n[p]\ncommonName=supplied\n[e]\nauthorityKeyIdentifier=keyid\n[delta]\n2.5.29.27=critical,DER:02:01:05\n")
	h.write("index.txt", "")
	h.write("serial", "1001\n")
	h.write("crlnumber", "07\n")
	vpnCA := func(args ...string) {
		h.tool("openssl", append([]string{"ca", "-batch", "-config", "vpn.cnf", "-cert", "vpn.pem", "-keyfile", "vpn.key"}, args...)...)
	}
	h.tool("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf")
	for _, name := range []string{"gone.pem", "held.pem", "left.pem", "good.pem"} {
		vpnCA("-in", "leaf.csr", "-out", name, "-notext")
	}
	vpnCA("-revoke", "gone.pem", "-crl_reason", "keyCompromise")
	vpnCA("-revoke", "held.pem", "-crl_reason", "certificateHold")
	vpnCA("-gencrl", "-out", "vpn.crl")

	take := []string{"ca", "import-cert", "vpn-g1", vpn, "--chain", h.file("past-root.pem"), "--above", "past-root", "--key", h.file("vpn.key"), "--for", "server,client", "--yes"}
	before := h.authorities()
	if s := h.refused("E2602", take...); !strings.Contains(s.err, "--crl") || !strings.Contains(s.err, "--none-revoked") || h.authorities() != before {
		t.Errorf("nobody says what was revoked:\n%s", s.err)
	}
	for _, bad := range []string{"", "no list"} {
		if h.refused("E2602", append(take, "--crl", h.write("bad.crl", bad))...); h.authorities() != before {
			t.Error("a list that is none left something behind")
		}
	}
	// The list is judged before anything is entered.
	vpnCA("-gencrl", "-crlexts", "delta", "-out", "delta.crl")
	for _, dry := range []string{"--dry-run=true", "--dry-run=false"} {
		if s := h.refused("E2602", append(take, "--crl", h.file("delta.crl"), dry)...); h.authorities() != before || !strings.Contains(s.err, "delta") {
			t.Errorf("an authority came in without its list:\n%s", s.err)
		}
	}
	h.done(append(take, "--crl", h.file("vpn.crl"))...)
	for name, want := range map[string]bool{"gone.pem": false, "held.pem": false, "left.pem": true, "good.pem": true} {
		h.accepts("vpn-g1", name, want)
	}

	// One more was revoked there meanwhile.
	vpnCA("-revoke", "left.pem")
	vpnCA("-gencrl", "-out", "vpn.crl")
	h.done("ca", "import-cert", "vpn-g1", vpn, "--crl", h.file("vpn.crl"), "--yes")
	h.accepts("vpn-g1", "left.pem", false)
	h.accepts("vpn-g1", "good.pem", true)
	var shown ca.Authority
	if err := json.Unmarshal([]byte(h.done("ca", "show", "vpn-g1", "--json").out), &shown); err != nil || shown.Past == nil || shown.Past.Entries != 3 || shown.Past.Number != 9 {
		t.Errorf("%v, %+v", err, shown.Past)
	}
	h.done("audit", "verify")
}

// accepts sees whether OpenSSL takes a certificate with an authority's list beside it.
func (h hand) accepts(authority, name string, want bool) {
	h.t.Helper()
	h.write("list.pem", h.done("crl", "show", "--ca", authority, "-o", "pem").out)
	args := []string{"verify", "-crl_check", "-CRLfile", h.file("list.pem"), "-CAfile", h.file("past-root.pem"), "-untrusted", h.file("vpn.pem"), h.file(name)}
	if want {
		h.tool("openssl", args...)
		return
	}
	out, err := exec.CommandContext(h.t.Context(), "openssl", args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "certificate revoked") {
		h.t.Errorf("%s: %v\n%s", name, err, out)
	}
}
