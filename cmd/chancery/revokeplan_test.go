// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
)

// saysAll looks for texts.
func saysAll(t *testing.T, what, text string, want ...string) {
	t.Helper()
	for _, one := range want {
		if !strings.Contains(text, one) {
			t.Errorf("%s does not say %q:\n%s", what, one, text)
		}
	}
}

// RV-03: whoever revokes for keyCompromise is told what falls with it, before and after; alone
// and with many.
func TestRV03_WhatFallsWithACompromisedKeyIsNamed(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	for _, name := range []string{"kc1", "kc2", "kc3"} {
		h.done("issue", name+".lab.example", "--out", h.file(name+".pem"), "--key-file", h.file("kc.key"))
	}
	h.done("issue", "other.lab.example", "--out", h.file("other.pem"), "--key-file", h.file("other.key"))
	if s := h.done("revoke", "other.lab.example", "--reason", "keyCompromise", "--dry-run"); !strings.Contains(s.err, "no other certificate of it stands") {
		t.Errorf("of a key that has one certificate:\n%s", s.err)
	}
	one := []string{"revoke", "kc1.lab.example", "--reason", "keyCompromise"}
	dry := h.done(append(one, "--dry-run", "--json")...)
	saysAll(t, "a dry run", dry.err, "2 other certificates of the same key", "kc2.lab.example", "kc3.lab.example", "never certified again", "cannot be undone")
	var said struct {
		Also []string `json:"also_revoked"`
	}
	if err := json.Unmarshal([]byte(dry.out), &said); err != nil || len(said.Also) != 2 {
		t.Errorf("in JSON: %v\n%s", err, dry.out)
	}
	many := []string{"revoke", "--name", "kc1*", "--reason", "keyCompromise"}
	s := h.refused("E1101", many...)
	saysAll(t, "the question", s.err, "kc2.lab.example", "The key is never certified again", "cannot be undone", "a new list of issuing-g1 is published")
	s = h.done(append(many, "--dry-run")...)
	saysAll(t, "a dry run of many", s.out, "1 would be revoked, and with them 2 others of the same keys, 0 refused")
	s = h.done(append(many, "--confirm", "1", "--json")...)
	var all []outcome
	if err := json.Unmarshal([]byte(s.out), &all); err != nil || len(all) != 3 {
		t.Fatalf("%v\n%s", err, s.out)
	}
	for _, o := range all {
		if !o.OK || o.RevokedAt.IsZero() || o.Reason != "keyCompromise" {
			t.Errorf("%+v", o)
		}
	}
	if s := h.done("list", "-q", "--status", "revoked"); strings.Count(s.out, "issuing-g1-") != 3 {
		t.Errorf("the revoked:\n%s", s.out)
	}
	saysAll(t, "the valid", h.done("list", "--status", "valid").out, "other.lab.example")
}

// R84: a dry run of many judges each as the deed will; holds are taken back together; the
// answer names the list, and says each refusal once.
func TestR84_ManyAreJudgedHeldAndTakenBackTogether(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	var serials []string
	for _, name := range []string{"a", "b"} {
		serials = append(serials, strings.TrimSpace(h.done("issue", name+".iot.lab.example", "-q", "--out", h.file(name+".pem"), "--key-file", h.file(name+".key")).out))
		h.done("annotate", name+".iot.lab.example", "--tag", "batch=7")
	}
	hold := []string{"revoke", "--tag", "batch=7", "--reason", "certificateHold"}
	for _, how := range [][]string{{"--dry-run"}, {"--confirm", "2"}} {
		if s := h.types(append(hold, how...)...); s.code != exitFaults || !strings.Contains(s.out, "2 refused") || !strings.Contains(s.out, "E2111") {
			t.Errorf("a hold that the profile does not have, %v: exit %d\n%s%s", how, s.code, s.out, s.err)
		}
	}
	h.done("profile", "set", "server", "--set", "hold=true", "--yes")
	h.done("issue", "c.iot.lab.example", "--out", h.file("c.pem"), "--key-file", h.file("c.key"))
	alone := []string{"revoke", "c.iot.lab.example", "--reason", "certificateHold", "--confirm", "c.iot.lab.example"}
	saysAll(t, "holding one", h.done(alone...).out, "held since ")
	saysAll(t, "holding it again", h.done(alone...).err, "It is held already, since ")
	saysAll(t, "show of what is held", h.done("show", "c.iot.lab.example").out, "\nheld         since ")
	s := h.done(append(hold, "--confirm", "2")...)
	saysAll(t, "holding", s.out, "2 revoked, 0 refused; list ", " of issuing-g1 is published")
	saysAll(t, "holding", s.err, "chancery unhold takes it back")
	s = h.done("unhold", "--tag", "batch=7", "--dry-run")
	saysAll(t, "a dry run of taking back", s.err+s.out, "2 certificates would be good again", "2 would be good again, 0 refused")
	h.refused("E1101", "unhold", "--tag", "batch=7", "--confirm", "1")
	s = h.done("unhold", "--tag", "batch=7", "--confirm", "2")
	saysAll(t, "taking back", s.out, "2 taken back, 0 refused; list ")
	if s := h.done("list", "-q", "--status", "valid", "--tag", "batch=7"); strings.Count(s.out, "issuing-g1-") != 2 {
		t.Errorf("the valid:\n%s", s.out)
	}
	// What is revoked already, and what there is not.
	h.done("revoke", serials[0], "--reason", "superseded", "--confirm", "a.iot.lab.example")
	file := h.write("serials.txt", serials[0]+"\n0badcafe0badcafe\n")
	if s := h.types("revoke", "--file", file, "--reason", "cessationOfOperation", "--dry-run"); s.code != exitFaults || !strings.Contains(s.out, "0 would be revoked, 2 refused") {
		t.Errorf("a dry run of what is revoked: exit %d\n%s%s", s.code, s.out, s.err)
	}
	if s := h.types("revoke", "--file", file, "--reason", "superseded", "--confirm", "1"); strings.Count(s.out+s.err, "0badcafe0badcafe") != 2 { // line, and what is not found
		t.Errorf("a refused line is not said once:\n%s%s", s.out, s.err)
	}
	// Judged first: no effect is announced of what is refused.
	s = h.refused("E2111", "revoke", serials[0], "--reason", "cessationOfOperation", "--confirm", "a.iot.lab.example")
	if strings.Contains(s.err, "Effect") {
		t.Errorf("it announces what it refuses:\n%s", s.err)
	}
	h.done("revoke", serials[0], "--reason", "keyCompromise", "--confirm", "a.iot.lab.example")
	saysAll(t, "of what is compromised", h.refused("E2111", "revoke", serials[0], "--reason", "superseded", "--confirm", "a.iot.lab.example").err, "nothing left to do")
	// So it is with many.
	s = h.types("revoke", "--file", h.write("one.txt", serials[0]+"\n"), "--reason", "cessationOfOperation", "--dry-run")
	if s.code != exitFaults || strings.Contains(s.err, "Effect") || !strings.Contains(s.err, "0 certificates would be revoked") || !strings.Contains(s.out, "  → ") {
		t.Errorf("a dry run of many that are refused: exit %d\n%s%s", s.code, s.out, s.err)
	}
	// The deed too: those that can be are announced, and their number is to be typed.
	mixed := []string{"revoke", "--file", h.write("mixed.txt", strings.Join(serials, "\n")), "--reason", "cessationOfOperation", "--confirm"}
	h.refused("E1101", append(mixed, "2")...)
	s = h.types(append(mixed, "1")...)
	if s.code != exitFaults || !strings.Contains(s.err, "1 certificate would be revoked") || strings.Contains(s.err, "a.iot.lab.example") || !strings.Contains(s.out, "1 revoked, 1 refused") {
		t.Errorf("many of which one is refused: exit %d\n%s%s", s.code, s.out, s.err)
	}
	// Of nothing it says and exits as what it is a rehearsal of.
	none := []string{"revoke", "--name", "none.lab.example", "--confirm", "1"}
	deed, dry := h.done(none...), h.done(append(none, "--dry-run")...)
	if deed.err != dry.err || strings.Replace(dry.out, "would be revoked", "revoked", 1) != deed.out {
		t.Errorf("of nothing:\n%s%s\nand before:\n%s%s", deed.out, deed.err, dry.out, dry.err)
	}
}

// RV-03: what is said of asking once more is so: a repeated order is refused, a new one is not,
// unless a certificate of the key is held.
func TestRV03_ANewOrderForTheSameKeyIsJudgedByItself(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("profile", "set", "server", "--set", "hold=true", "--yes")
	csr := h.request("re.lab.example")
	serial := strings.TrimSpace(h.done("sign", csr, "-q").out)
	held := []string{"revoke", serial, "--reason", "certificateHold", "--confirm", "re.lab.example"}
	h.done(held...)
	h.refused("E2111", "sign", csr)
	h.refused("E2111", "issue", "re.lab.example", "--key-file", h.file("re.lab.example.key"), "--out", h.file("re2.pem"))
	saysAll(t, "of what is held", h.done("explain", serial).out, "it would be refused: E2111")
	h.done("unhold", serial)
	h.done("revoke", serial, "--reason", "superseded", "--confirm", "re.lab.example")
	saysAll(t, "of what was revoked", h.done("explain", serial).out, "a new order with the same request would be signed")
	h.done("sign", csr)
	h.done("issue", "re.lab.example", "--key-file", h.file("re.lab.example.key"), "--out", h.file("re3.pem"))
	h.done("issue", "again.lab.example", "--out", h.file("again.pem"), "--key-file", h.file("again.key"))
	h.done("revoke", h.file("again.pem"), "--reason", "superseded", "--confirm", "again.lab.example")
	h.refused("E2111", "issue", "again.lab.example", "--out", h.file("again2.pem"), "--key-file", h.file("again.key"))
}

// SG-11: more than a minute takes waits for the next one, and whoever stops it is told so.
func TestSG11_RevokingManyGoesOnAfterTheMinute(t *testing.T) {
	full := ca.Busy(ca.E2303, "too many", "later")
	var tries, waits int
	pause := func(ctx context.Context) error { waits++; return ctx.Err() }
	do := func() error {
		if tries++; tries < 4 {
			return full
		}
		return nil
	}
	if err := patiently(t.Context(), pause, do); err != nil || tries != 4 || waits != 3 {
		t.Errorf("%v after %d tries and %d waits", err, tries, waits)
	}
	tries = 0
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := patiently(stopped, pause, do); !errors.Is(err, full) || tries != 1 {
		t.Errorf("stopped: %v after %d tries", err, tries)
	}
	other := ca.Busy(ca.E2301, "busy", "later")
	if err := patiently(t.Context(), pause, func() error { return other }); !errors.Is(err, other) {
		t.Errorf("another error: %v", err)
	}
}

// Whoever clears an authority does not lock everybody out of the service by it.
func TestTheServicesOwnCertificateIsLeftOut(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--hostname", "localhost", "--recovery-file", h.file("words"))
	h.listening() // which waits for the certificate
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	s := h.done("revoke", "--ca", "issuing-g1", "--dry-run")
	saysAll(t, "a dry run", s.err, "is the service's own, and is left out")
	saysAll(t, "a dry run", s.out, "1 would be revoked, 0 refused")
	s = h.done("revoke", "--profile", "service", "--dry-run")
	saysAll(t, "of the profile", s.out, "1 would be revoked, 0 refused")
}

// An authority, a file that is not there, and a slip have hints of their own.
func TestWhatElseWasMeantByWhoRevokes(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "ftp.lab.example", "--out", h.file("ftp.pem"), "--key-file", h.file("ftp.key"))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"revoke", "issuing-g1"}, "chancery ca revoke issuing-g1"},
		{[]string{"revoke", "root-g1"}, "chancery ca revoke root-g1"},
		{[]string{"annotate", "root-g1", "--tag", "x"}, "chancery ca show root-g1"},
		{[]string{"revoke", "bad/fullchain.pem"}, "there is no file"},
		{[]string{"revoke", "missing.pem"}, "there is no file"},
		{[]string{"revoke", "ftp.lab.exampel"}, "did you mean ftp.lab.example?"},
		{[]string{"revoke", "fpt.lab.example"}, "did you mean ftp.lab.example?"},
		{[]string{"unhold", "ftp.lab.exampel"}, "did you mean ftp.lab.example?"},
		{[]string{"show", "ftp.lab.exampel"}, "did you mean ftp.lab.example?"},
		{[]string{"revoke", "wholly.other.example"}, "chancery list"},
	} {
		if s := h.refused("E2101", c.args...); !strings.Contains(s.err, c.want) {
			t.Errorf("%v says\n%s", c.args, s.err)
		}
	}
	// The invalidity date stands in what is announced, and one ahead is refused before.
	s := h.done("revoke", "ftp.lab.example", "--invalid-since", "2020-01-01", "--dry-run")
	saysAll(t, "a dry run", s.err, "not to be trusted since 20", "before it began")
	for _, how := range [][]string{{"--dry-run"}, {"--confirm", "ftp.lab.example"}} {
		h.refused("E2111", append([]string{"revoke", "ftp.lab.example", "--invalid-since", "2999-01-01"}, how...)...)
	}
	saysAll(t, "of no time", h.refused("E1101", "revoke", "ftp.lab.example", "--invalid-since", "soon").err, "ago")
	// A key that is not the certificate's has one exit code, here and from the service.
	h.done("issue", "web.lab.example", "--out", h.file("web.pem"), "--key-file", h.file("web.key"))
	if s := h.types("revoke", "--key", h.file("web.key"), h.file("ftp.pem")); s.code != exitForbidden || !strings.Contains(s.err, "E1309") {
		t.Errorf("exit %d\n%s", s.code, s.err)
	}
	// An owner is not told to found an authority.
	away := hand{t, filepath.Join(t.TempDir(), "none")}
	s = away.types("revoke", "--key", h.file("ftp.key"), h.file("ftp.pem"), "--confirm", "ftp.lab.example")
	if !strings.Contains(s.err, "chancery login") || strings.Contains(s.err, "init") {
		t.Errorf("without a service:\n%s", s.err)
	}
}
