// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/feed/verify"
)

// A device knows the issuer's certificate and the service's address, and nothing else.
type device struct {
	hand
	at     string
	issuer *x509.Certificate
}

// fetch gets what lies below /pki/; nil if nothing does.
func (d device) fetch(file string) []byte {
	body, err := fetchAddress(d.t.Context(), "http://"+d.at+"/pki/"+file)
	if err != nil {
		return nil
	}
	return body
}

// feed reads the delta and its base by the reference verifier; nil while they do not fit.
func (d device) feed() *verify.Feed {
	f, err := verify.OpenDelta(d.fetch("issuing-g1.delta.feed"), d.fetch("issuing-g1.feed"), d.issuer.RawSubjectPublicKeyInfo, time.Now())
	if err != nil {
		return nil
	}
	return f
}

// listed are the serial numbers on the complete list.
func (d device) listed() map[string]bool {
	d.t.Helper()
	l, err := x509.ParseRevocationList(d.fetch("issuing-g1.crl"))
	if err == nil {
		err = l.CheckSignatureFrom(d.issuer)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	out := map[string]bool{}
	for _, e := range l.RevokedCertificateEntries {
		out[string(e.SerialNumber.Bytes())] = true
	}
	return out
}

// The service keeps feeds when it is told to: they come by HTTP, tell of a revocation within
// the time of a list, and say of every certificate what the list and OCSP say.
func TestAFeedSaysOverHTTPWhatListsAndOCSPSay(t *testing.T) {
	t.Parallel()
	at := freePort(t)
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--pki-url", "http://"+at, "--recovery-file", h.file("words"))
	h.serving("CHANCERY_LISTEN_HTTP="+at, "CHANCERY_PUBLISH_FEED=yes")
	h.done("profile", "set", "server", "--set", "hold=true", "--yes")
	issuing := h.write("issuing.pem", h.done("ca", "show", "issuing-g1", "-o", "pem").out)
	block, _ := pem.Decode([]byte(h.read("issuing.pem")))
	issuer, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	d := device{h, at, issuer}
	const many = 120
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for i := range many {
		name := fmt.Sprintf("n%d.lab.example", i)
		der, err := requestFor(key, name, []string{name})
		if err != nil {
			t.Fatal(err)
		}
		_ = pem.Encode(&all, &pem.Block{Type: requestLabel, Bytes: der})
	}
	h.done("sign", "--batch", h.write("all.pem", all.String()), "-o", "jsonl")
	serials := map[string]ca.Serial{}
	var rows struct{ Items []ca.Certificate }
	if err := json.Unmarshal([]byte(h.done("list", "--all", "--profile", "server", "--json").out), &rows); err != nil {
		t.Fatal(err)
	}
	for _, c := range rows.Items {
		serials[c.Common] = c.Serial
	}
	if len(serials) != many {
		t.Fatalf("%d certificates", len(serials))
	}
	revoked := map[ca.Serial]bool{}
	for i := range 9 {
		name := fmt.Sprintf("n%d.lab.example", i*7)
		reason := []string{"superseded", "certificateHold", "certificateHold"}[i%3]
		h.done("revoke", name, "--reason", reason, "--confirm", name)
		if revoked[serials[name]] = true; i%3 == 2 {
			h.done("unhold", name)
			delete(revoked, serials[name])
		}
	}
	tlsDoor{hand: h}.until("a feed that the service made by itself and that has all revocations", func() bool {
		f := d.feed()
		for serial := range revoked {
			if f == nil || f.Status(serial.Bytes()) != verify.Revoked {
				return false
			}
		}
		return true
	})
	// What was issued before the horizon, some seconds ago, is covered.
	tlsDoor{hand: h}.until("a feed that covers all", func() bool {
		h.done("feed", "publish", "--ca", "issuing-g1")
		f := d.feed()
		for _, serial := range serials {
			if f == nil || f.Status(serial.Bytes()) == verify.NotCovered {
				return false
			}
		}
		return true
	})
	h.done("crl", "publish", "--ca", "issuing-g1")
	f, listed := d.feed(), d.listed()
	for name, serial := range serials {
		said, err := askOCSP(t.Context(), "http://"+at+"/ocsp", issuer, serial, false)
		if err != nil {
			t.Fatal(err)
		}
		is := revoked[serial]
		if fed := f.Status(serial.Bytes()) == verify.Revoked; fed != is || listed[string(serial.Bytes())] != is || (said.Status == ca.OCSPRevoked) != is || said.Status == ca.OCSPUnknown {
			t.Errorf("%s is revoked: %t; the feed says %t, the list %t, OCSP %v", name, is, fed, listed[string(serial.Bytes())], said.Status)
		}
	}
	d.commands(t, issuing, serials)
}

// commands asks the same by commands, far from the service too.
func (d device) commands(t *testing.T, issuing string, serials map[string]ca.Serial) {
	t.Helper()
	h := d.hand
	base, delta := h.write("base.feed", string(d.fetch("issuing-g1.feed"))), h.write("delta.feed", string(d.fetch("issuing-g1.delta.feed")))
	h.write("good.pem", h.done("show", "n1.lab.example", "-o", "pem").out)
	h.write("lost.pem", h.done("show", "n0.lab.example", "-o", "pem").out)
	away := func(code int, want string, args ...string) {
		t.Helper()
		s := h.runs(h.command(t.Context(), append([]string{"feed", "check", "--dir", h.file("nowhere")}, args...)...))
		if s.code != code || !strings.Contains(s.out+s.err, want) {
			t.Errorf("%v: exit %d\n%s%s", args, s.code, s.out, s.err)
		}
	}
	away(0, "good.pem: good", base, "--delta", delta, "--issuer", issuing, "good.pem")
	away(exitFaults, "lost.pem: revoked", base, "--delta", delta, "--issuer", issuing, "lost.pem")
	away(exitFaults, ": revoked", base, "--delta", delta, "--issuer", issuing, string(serials["n1.lab.example"]), string(serials["n0.lab.example"]))
	away(exitFaults, ": not-covered", base, "--delta", delta, "--issuer", issuing, "410001f0000000000000000000000000000000")
	away(exitFaults, ": revoked", "http://"+d.at+"/pki/issuing-g1.feed", "--delta", "http://"+d.at+"/pki/issuing-g1.delta.feed", "--issuer", issuing, "lost.pem")
	away(2, "E2501", delta, "--issuer", issuing, "good.pem")
	away(2, "E2501", base, "--delta", base, "--issuer", issuing, "good.pem")
	away(2, "E2501", issuing, "--issuer", issuing, "good.pem")
	h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	away(2, "E2501", base, "--issuer", "root.pem", "good.pem")
	away(2, "E1101", base, "--delta", delta, "--issuer", issuing, "root.pem")
	forged := []byte(h.read("delta.feed"))
	forged[135] ^= 1
	h.write("forged.feed", string(forged))
	away(2, "the signature is wrong", base, "--delta", "forged.feed", "--issuer", issuing, "good.pem")
	// With the installation the issuer is known.
	if s := h.done("feed", "check", base, "--delta", delta, "good.pem"); !strings.Contains(s.out, "good.pem: good\nby feed ") {
		t.Errorf("it says\n%s", s.out)
	}
	if s := h.done("feed", "show", "http://"+d.at+"/pki/issuing-g1.delta.feed"); !strings.Contains(s.out, "delta") || !strings.Contains(s.out, "revoked") {
		t.Errorf("it says\n%s", s.out)
	}
	h.refused("E2501", "feed", "show", issuing)
	file := h.read("base.feed")
	for _, part := range []string{file[:300], file[:len(file)-1], file + "x"} {
		h.refused("E2501", "feed", "show", h.write("part.feed", part))
	}
	for _, part := range []string{"", file[:10], file[:300], file[:len(file)-1]} { // what is wrong, and what to do
		s := h.refused("E2501", "feed", "check", h.write("part.feed", part), "good.pem")
		saysAll(t, "a feed that was cut", s.err, "is not a whole feed", "the file ends before the feed does", "fetch it once more")
	}
	if s := h.done("feed", "show", base); !strings.Contains(s.out, "not verified: chancery feed check") {
		t.Errorf("it says\n%s", s.out)
	}
	h.refused("E1201", "feed", "show", "http://"+d.at+"/pki/nobody.feed")
	h.refused("E1102", "feed", "show", "nothing.feed")
	// doctor sees them where they are switched on.
	examined := func(args ...string) []finding {
		t.Helper()
		c := h.command(t.Context(), append([]string{"doctor", "--only", "feeds", "--json"}, args...)...)
		c.Env = append(c.Env, "CHANCERY_PUBLISH_FEED=yes")
		var found []finding
		if err := json.Unmarshal([]byte(h.runs(c).out), &found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	says(t, examined(), "feeds", fine, "of issuing-g1 is published")
	for _, name := range []string{"issuing-g1", "root-g1"} { // whichever are published are judged
		_, err := os.Stat(filepath.Join(h.dir, "front", "pki", name+".delta.feed"))
		if told := strings.Contains(fmt.Sprint(examined()), "of "+name+" is published"); told != (err == nil) {
			t.Errorf("the feed of %s is told of: %t, %v", name, told, err)
		}
	}
	h.done("feed", "publish", "--ca", "root-g1")
	says(t, examined(), "feeds", fine, "of root-g1 is published")
	found, _ := h.examined("--only", "feeds")
	says(t, found, "feeds", fine, "switched off")
	if err := os.Remove(filepath.Join(h.dir, "front", "pki", "issuing-g1.delta.feed")); err != nil {
		t.Fatal(err)
	}
	says(t, examined(), "feeds", warned, "no compact feed of issuing-g1")
}

// A feed that is not signed for its authority, and a delta without the complete one, are found.
func TestDoctorFindsAFeedThatNoDeviceTakes(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("feed", "publish", "--ca", "issuing-g1")
	feeds := func() []finding {
		t.Helper()
		c := h.command(t.Context(), "doctor", "--only", "feeds", "--json")
		c.Env = append(c.Env, "CHANCERY_PUBLISH_FEED=yes")
		var found []finding
		if err := json.Unmarshal([]byte(h.runs(c).out), &found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	says(t, feeds(), "feeds", fine, "of issuing-g1 is published")
	for _, name := range []string{"issuing-g1.delta.feed", "issuing-g1.feed"} {
		path := filepath.Join(h.dir, "front", "pki", name)
		whole := readFile(t, path)
		turned := bytes.Clone(whole)
		turned[len(turned)-3] ^= 1
		overwrite(t, path, turned)
		says(t, feeds(), "feeds", failed, "is not what devices take: "+name)
		overwrite(t, path, whole)
	}
	if err := os.Remove(filepath.Join(h.dir, "front", "pki", "issuing-g1.feed")); err != nil {
		t.Fatal(err)
	}
	says(t, feeds(), "feeds", failed, "issuing-g1.feed")
	h.done("feed", "publish", "--ca", "issuing-g1")
	says(t, feeds(), "feeds", fine, "of issuing-g1 is published")
}
