// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// listed is what OpenSSL finds in the list of an authority as it lies at its address: the
// text of each entry by its serial number, and the list's own number.
func (h hand) listed(authority string) (entries map[string]string, number int) {
	h.t.Helper()
	h.write("listed.der", h.done("crl", "show", "--ca", authority, "-o", "der").out)
	h.write("ca.pem", h.done("ca", "bundle").out)
	text := h.openssl("crl", "-inform", "DER", "-in", h.file("listed.der"), "-noout", "-text", "-CAfile", h.file("ca.pem"))
	if !strings.Contains(text, "verify OK") {
		h.t.Errorf("OpenSSL does not verify the list:\n%s", text)
	}
	m := regexp.MustCompile(`X509v3 CRL Number:\s*\n\s*(0x[0-9a-fA-F]+|\d+)`).FindStringSubmatch(text)
	if m == nil {
		h.t.Fatalf("the list has no number:\n%s", text)
	}
	n, err := strconv.ParseInt(m[1], 0, 64)
	if err != nil {
		h.t.Fatal(err)
	}
	entries = map[string]string{}
	for _, part := range strings.Split(text, "Serial Number: ")[1:] {
		part, _, _ = strings.Cut(part, "Signature Algorithm:")
		serial, rest, _ := strings.Cut(part, "\n")
		entries[strings.ToLower(serial)] = rest
	}
	return entries, int(n)
}

// T-10, the lists: after each step of a revocation the list that is published says so, for
// OpenSSL: the reason, since when it is invalid, a hold and its end, a reason that was raised,
// and many at once after their number was said. Nothing that is refused makes a list.
func TestT10_EachStepOfARevocationIsOnTheListForOpenSSL(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("profile", "set", "server", "--set", "hold=true", "--yes")
	serial := map[string]string{}
	for _, name := range []string{"nas", "web", "mail", "one", "two", "three"} {
		h.done("issue", name+".lab.example", "--out", h.file(name+".pem"), "--key-file", h.file(name+".key"))
		text := h.openssl("x509", "-in", h.file(name+".pem"), "-noout", "-serial")
		serial[name] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(text, "serial=")))
	}
	_, number := h.listed("issuing-g1")
	step := func(name string, more []string, want ...string) {
		t.Helper()
		h.done(append([]string{"revoke", h.file(name + ".pem"), "--confirm", name + ".lab.example"}, more...)...)
		entries, now := h.listed("issuing-g1")
		if now <= number {
			t.Errorf("%s: the list's number is %d after %d", name, now, number)
		}
		number = now
		entry, there := entries[serial[name]]
		for _, text := range want {
			if !there || !strings.Contains(entry, text) {
				t.Errorf("%s %v: the list has %q, wanted %q", name, more, entry, text)
			}
		}
		if len(want) == 0 && (!there || strings.Contains(entry, "Reason Code")) {
			t.Errorf("%s without a reason: %q, %t", name, entry, there)
		}
	}
	step("nas", nil) // RFC 5280 §5.3.1: unspecified is said by no extension
	step("web", []string{"--reason", "superseded", "--invalid-since", "2024-02-29T00:00:00Z"}, "Superseded", "Invalidity Date", "Feb 29 00:00:00 2024 GMT")
	step("mail", []string{"--reason", "certificateHold"}, "Certificate Hold")
	h.done("unhold", h.file("mail.pem"))
	entries, now := h.listed("issuing-g1")
	if _, there := entries[serial["mail"]]; there || now <= number {
		t.Errorf("after unhold it is on list %d: %t", now, there)
	}
	number = now
	step("nas", []string{"--reason", "keyCompromise"}, "Key Compromise") // raised
	h.refused("E2111", "revoke", h.file("nas.pem"), "--reason", "superseded", "--confirm", "nas.lab.example")
	h.refused("E2111", "unhold", h.file("nas.pem"))

	for _, wrong := range [][]string{nil, {"--confirm", "3"}, {"--confirm", "5"}, {"--confirm", "04"}, {"--confirm", "four"}, {"--confirm", "*.lab.example"}} {
		h.refused("E1101", append([]string{"revoke", "--name", "*.lab.example", "--reason", "cessationOfOperation"}, wrong...)...)
	}
	entries, now = h.listed("issuing-g1")
	if len(entries) != 2 || now != number {
		t.Errorf("what was refused is on list %d: %v", now, entries)
	}
	h.done("revoke", "--name", "*.lab.example", "--reason", "cessationOfOperation", "--confirm", "4")
	entries, now = h.listed("issuing-g1")
	for _, name := range []string{"mail", "one", "two", "three"} {
		if !strings.Contains(entries[serial[name]], "Cessation Of Operation") {
			t.Errorf("%s of many: %q", name, entries[serial[name]])
		}
	}
	if len(entries) != 6 || now <= number || !strings.Contains(entries[serial["web"]], "Superseded") {
		t.Errorf("list %d has %d entries: %v", now, len(entries), entries)
	}
}
