// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"strings"
	"testing"
)

// RV-01: a held certificate is refused by OpenSSL as a revoked one is, and accepted again
// with the list that comes after unhold. Without a service and with one.
func TestRV01_AHoldIsTakenBackForOpenSSL(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	// RV-01: only where that is enabled, also for what was issued before.
	for _, dry := range [][]string{{"--dry-run"}, {"--confirm", "nas.lab.example"}} {
		s := h.refused("E2111", append([]string{"revoke", h.file("nas.pem"), "--reason", "certificateHold"}, dry...)...)
		if !strings.Contains(s.err, "chancery profile set server --set hold=true") {
			t.Errorf("it does not say how to enable it:\n%s", s.err)
		}
	}
	h.done("profile", "set", "server", "--set", "hold=true", "--yes")
	if s := h.refused("E1101", "revoke", h.file("nas.pem"), "--reason", "certificateHold"); strings.Contains(s.err, "cannot be undone") {
		t.Errorf("of a hold it says\n%s", s.err)
	}
	if s := h.refused("E2111", "revoke", "--key", h.file("nas.key"), h.file("nas.pem"), "--reason", "certificateHold"); strings.Contains(s.err, "Effect") {
		t.Errorf("it announces what it refuses\n%s", s.err)
	}
	for i := range 2 {
		s := h.done("revoke", h.file("nas.pem"), "--reason", "certificateHold", "--confirm", "nas.lab.example")
		if !strings.Contains(s.err, "unhold takes it back") {
			t.Errorf("it says %s", s.err)
		}
		if out := h.judged("nas"); !strings.Contains(out, "certificate revoked") {
			t.Errorf("while it is held: %s", out)
		}
		if s := h.done("list", "--status", "held"); !strings.Contains(s.out, "held") || !strings.Contains(s.out, "nas.lab.example") {
			t.Errorf("the held:\n%s", s.out)
		}
		if s := h.done("unhold", "nas.lab.example"); !strings.Contains(s.out, "not held any more") || !strings.Contains(s.out, "is published") {
			t.Errorf("it says %s%s", s.out, s.err)
		}
		if out := h.judged("nas"); !strings.Contains(out, ": OK") {
			t.Errorf("after unhold: %s", out)
		}
		if s := h.done("list", "--status", "valid"); !strings.Contains(s.out, "nas.lab.example") {
			t.Errorf("the valid:\n%s", s.out)
		}
		if s := h.done("audit", "verify"); !strings.Contains(s.out, "tree ✓") {
			t.Errorf("the log:\n%s%s", s.out, s.err)
		}
		if i == 0 {
			h.serve()
		}
	}
	h.done("unhold", "nas.lab.example") // again changes nothing
	h.done("revoke", "nas.lab.example", "--reason", "certificateHold", "--confirm", "nas.lab.example")
	h.done("revoke", h.file("nas.pem"), "--reason", "superseded", "--invalid-since", "2024-02-29", "--confirm", "nas.lab.example")
	h.refused("E2111", "unhold", h.file("nas.pem"))
	h.refused("E2111", "revoke", h.file("nas.pem"), "--reason", "removeFromCRL", "--confirm", "nas.lab.example")
	h.refused("E2101", "unhold", "none.lab.example")
	// R84: the list says since when, and OpenSSL reads it.
	h.done("crl", "publish")
	h.write("list.der", h.done("crl", "show", "--ca", "issuing-g1", "-o", "der").out)
	if out := h.openssl("crl", "-inform", "DER", "-in", h.file("list.der"), "-noout", "-text"); !strings.Contains(out, "Feb 29 00:00:00 2024 GMT") || !strings.Contains(out, "Superseded") {
		t.Errorf("the list for OpenSSL:\n%s", out)
	}
	if s := h.done("audit", "verify"); !strings.Contains(s.out, "tree ✓") {
		t.Errorf("the log:\n%s%s", s.out, s.err)
	}
}

// R84: many are revoked by what finds them or by a file of serial numbers, after their
// number was said; each has a line, and one that fails stops no other.
func TestR84_ManyAreRevokedAfterTheirNumberWasSaid(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	var serials []string
	for i := range 12 {
		name := "n" + strconv.Itoa(i) + ".iot.lab.example"
		if i > 10 {
			name = "www.lab.example"
		}
		serials = append(serials, strings.TrimSpace(h.done("issue", name, "-q", "--out", h.file(name+".pem"), "--key-file", h.file(name+".key")).out))
	}
	h.refused("E1101", "revoke", "--name", "*.iot.lab.example")
	h.refused("E1101", "revoke", "--name", "*.iot.lab.example", "--confirm", "12")
	h.refused("E1101", "revoke", "--name", "*.iot.lab.example", "--file", h.write("x", serials[0]), "--confirm", "11")
	h.refused("E1101", "revoke", "nas", "--name", "*.iot.lab.example", "--confirm", "11")
	dry := h.done("revoke", "--name", "*.iot.lab.example", "--dry-run")
	if !strings.Contains(dry.err, "11 certificates would be revoked") || strings.Count(dry.err, ".iot.lab.example") != 10 || !strings.Contains(dry.err, "and 1 more") {
		t.Errorf("before it says:\n%s", dry.err)
	}
	if !strings.Contains(dry.out, "11 would be revoked, 0 refused") {
		t.Errorf("a dry run says:\n%s", dry.out)
	}
	if s := h.types("revoke", "--file", h.write("none.txt", "0badcafe0badcafe\n"), "--dry-run"); s.code != exitFaults || strings.Count(s.out+s.err, "✗") != 1 || !strings.Contains(s.out, "0 would be revoked, 1 refused") {
		t.Errorf("a dry run of nothing: exit %d\n%s%s", s.code, s.out, s.err)
	}
	file := h.write("serials.txt", "# batch 7\n"+serials[0]+"   # the first\n\n0badcafe0badcafe\n"+serials[1]+"\n"+serials[0]+"\n")
	s := h.types("revoke", "--file", file, "--reason", "superseded", "--confirm", "2")
	if s.code != exitFaults || strings.Count(s.out, "✓") != 2 || !strings.Contains(s.out, "E2101") || !strings.Contains(s.out, "2 revoked, 1 refused") {
		t.Errorf("a file with a line that names nothing: exit %d\n%s%s", s.code, s.out, s.err)
	}
	s = h.done("revoke", "--name", "*.iot.lab.example", "--reason", "cessationOfOperation", "--confirm", "9", "-o", "csv")
	if strings.Count(s.out, ",true,") != 9 {
		t.Errorf("the lines:\n%s", s.out)
	}
	if out := h.judged("n5.iot.lab.example"); !strings.Contains(out, "certificate revoked") {
		t.Errorf("one of many: %s", out)
	}
	if out := h.judged("www.lab.example"); !strings.Contains(out, ": OK") {
		t.Errorf("the other: %s", out)
	}
	h.done("audit", "verify")
}
