// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chancery/client"
	"chancery/internal/csr"
)

// R60: who sends one request many times learns how many certificates came of it.
func TestR60_TheSameRequestManyTimesIsCountedOnce(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	one, err := os.ReadFile(h.request("same.lab.example"))
	if err != nil {
		t.Fatal(err)
	}
	many := 2 * client.MaxBatch // two calls that are alike
	file := h.write("same.pem", strings.Repeat(string(one), many))
	s := h.done("sign", "--batch", file, "-o", "jsonl")
	saysAll(t, "it", s.err, fmt.Sprintf("%d out of %d certified: %d certificates, as %d had been made for the same request", many, many, many/2, many/2))
	s = h.done("sign", "--batch", file, "--dry-run")
	saysAll(t, "a dry run", s.err, fmt.Sprintf("%d out of %d would be certified\n", many, many))
}

// R60: many requests are signed in one go, each with its line; bad ones stop no other. With
// CHANCERY_SOAK as many as a fleet has.
func TestR60_ManyRequestsAreSignedInOneGo(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	many := 500
	if os.Getenv("CHANCERY_SOAK") != "" {
		many = 20_000
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for i := range many {
		name := fmt.Sprintf("n%d.iot.lab.example", i)
		if i == 7 {
			name = "www.bank.example"
		}
		der, err := requestFor(key, name, []string{name})
		if err != nil {
			t.Fatal(err)
		}
		if i == 9 {
			der = der[:len(der)-2]
		}
		fmt.Fprintf(&all, "request %d\n", i)
		_ = pem.Encode(&all, &pem.Block{Type: requestLabel, Bytes: der})
	}
	file := h.write("all.pem", all.String())
	for range 2 { // the same again signs nothing twice
		s := h.types("sign", "--batch", file, "-o", "jsonl")
		lines := strings.Split(strings.TrimSpace(s.out), "\n")
		if s.code != exitFaults || len(lines) != many || !strings.Contains(s.err, fmt.Sprintf("%d out of %d certified", many-2, many)) {
			t.Fatalf("exit %d, %d lines\n%s", s.code, len(lines), s.err)
		}
		for i, line := range lines {
			var o outcome
			if err := json.Unmarshal([]byte(line), &o); err != nil || o.Line != fmt.Sprintf("request %d", i+1) || o.OK == (i == 7 || i == 9) {
				t.Fatalf("line %d: %s (%v)", i, line, err)
			}
		}
		if !strings.Contains(lines[7], "E2107") || !strings.Contains(lines[9], "E2203") {
			t.Errorf("the bad ones:\n%s\n%s", lines[7], lines[9])
		}
	}
	if n := strings.Count(h.done("list", "--all", "-q", "--profile", "server").out, "\n"); n != many-2 {
		t.Errorf("%d certificates, want %d", n, many-2)
	}
	a, b := h.request("a.lab.example"), h.request("b.lab.example")
	bad := h.write("c.csr", "no request")
	s := h.types("sign", a, bad, b, "--out", h.file("certs")+"/")
	if s.code != exitFaults || strings.Count(s.out, "✓") != 2 || !strings.Contains(s.out, "E2203") {
		t.Errorf("files: exit %d\n%s%s", s.code, s.out, s.err)
	}
	for _, name := range []string{"a", "b"} {
		chain := filepath.Join(h.file("certs"), name+".lab.example.pem")
		h.write("root.pem", h.done("ca", "bundle").out)
		if out := h.openssl("verify", "-CAfile", h.file("root.pem"), "-untrusted", chain, chain); !strings.Contains(out, ": OK") {
			t.Errorf("%s: %s", name, out)
		}
	}
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	if s := h.done("sign", "--requests", filepath.Dir(a), "--dry-run"); strings.Count(s.out, "✓") != 2 {
		t.Errorf("a directory:\n%s%s", s.out, s.err)
	}
	h.refused("E1101", "sign", a, b, "--out", h.file("one.pem"))
	h.refused("E1101", "sign", a, "--batch", file)
	h.refused("E1101", "sign", "--requests", h.file("certs"))
}

// A stream of requests is split where each begins and ends, whatever stands between.
func TestAStreamOfRequestsIsSplit(t *testing.T) {
	in := "x\n-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\nnoise\n-----BEGIN CERTIFICATE REQUEST-----\nBBBB\n-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----"
	var got []string
	for one := range fromStream(strings.NewReader(in)) {
		got = append(got, fmt.Sprintf("%s %x %t", one.line, one.der, one.err != nil))
	}
	if len(got) != 3 || got[2] != "request 3 3000 false" || !strings.HasSuffix(got[1], "true") {
		t.Errorf("%q", got)
	}
}

// R60: at a terminal the subject stands with its string types, and nothing is signed before
// somebody says yes.
func TestR60_SignShowsTheNameAndAsks(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	request := h.request("nas.lab.example")
	for key, want := range map[string]int{"no\r": exitUsage, ctrlC: exitInterrupted} {
		d := newDesk(t)
		if code := h.at(d, "Sign? Type yes", key, "sign", request, "--out", h.file("no.pem")); code != want {
			t.Errorf("%q: exit %d, want %d\n%s", key, code, want, d.seen)
		}
		if !bytes.Contains(d.seen, []byte("CN  UTF8String  ")) || !bytes.Contains(d.seen, []byte("valid until")) {
			t.Errorf("it does not show what it would sign:\n%s", d.seen)
		}
	}
	if s := h.done("list", "-q", "--profile", "server"); s.out != "" {
		t.Errorf("it signed %s", s.out)
	}
	d := newDesk(t)
	if code := h.at(d, "Sign? Type yes", "yes\r", "sign", request, "--out", h.file("nas.pem")); code != 0 {
		t.Errorf("yes: exit %d\n%s", code, d.seen)
	}
	d = newDesk(t)
	if code := h.at(d, "serial", "", "sign", request, "--yes", "--out", h.file("nas2.pem")); code != 0 || bytes.Contains(d.seen, []byte("Sign?")) {
		t.Errorf("--yes: exit %d\n%s", code, d.seen)
	}
}

// Several requests where one was meant are not signed in part: the refusal says what to type,
// and what it says works.
func TestSeveralRequestsAtOnceAreTurnedToBatch(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	all := h.batch(3)
	if s := h.refused("E2203", "sign", all); !strings.Contains(s.err, "sign --batch "+all) {
		t.Errorf("%s", s.err)
	}
	file, err := os.Open(all)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if s := h.within(file, nil, "sign", "-"); codeIn(s.err) != "E2203" || !strings.Contains(s.err, "hint: … | chancery sign --batch - ") {
		t.Errorf("%s", s.err)
	}
	if _, err := file.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	if s := h.within(file, nil, "sign", "--batch", "-", "-o", "jsonl"); s.code != 0 || strings.Count(s.out, `"chain":"-----BEGIN CERTIFICATE-----`) != 3 || !strings.Contains(s.err, "3 out of 3 certified") {
		t.Errorf("exit %d\n%s", s.code, s.err)
	}
	if s := h.refused("E1101", "sign", "--batch", all); !strings.Contains(s.err, "--out certs/") {
		t.Errorf("%s", s.err)
	}
	h.refused("E2203", "sign", "--batch", "/dev/null", "-q")
	one := h.request("a.lab.example")
	if s := h.types("sign", one, h.write("c.csr", "no request"), "--dry-run"); s.code != exitFaults || !strings.Contains(s.out, "a.lab.example.csr   would be signed") || !strings.Contains(s.err, "1 out of 2 would be certified") {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
	long := h.write("long.pem", strings.Repeat("a request\n", csr.MaxFile/10+1))
	if s := h.refused("E2203", "sign", long); !strings.Contains(s.err, "sign --batch "+long) {
		t.Errorf("%s", s.err)
	}
	if s := h.refused("E1101", "show", "nas.pem", "--hosts"); !strings.Contains(s.err, "it is one of chancery verify") {
		t.Errorf("%s", s.err)
	}
}
