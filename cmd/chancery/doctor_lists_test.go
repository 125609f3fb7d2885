// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/status"
)

// RV-08: a list is looked at by its age, by its end and by what the log knows.
func TestRV08_DoctorJudgesThePublishedLists(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := time.Now().UTC().Truncate(time.Second)
	list := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: made, NextUpdate: made.AddDate(0, 0, 8)}
	der, err := x509.CreateRevocationList(rand.Reader, list, &x509.Certificate{KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: []byte{1}}, key)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Clone(der)
	forged[len(forged)-3] ^= 1
	l := layout{t.TempDir()}
	if err := os.MkdirAll(l.lists(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"issuing-g1", "issuing-g1.delta", "root-g1", "root-g1.arl"} {
		if err := status.Place(l.lists(), name, bytes.NewReader(der)); err != nil {
			t.Fatal(err)
		}
	}
	for name, list := range map[string][]byte{"forged-g1": forged, "forged-g2": der, "forged-g2.delta": forged} {
		if err := status.Place(l.lists(), name, bytes.NewReader(list)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(l.lists(), "spoilt-g1.crl"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		authority string
		kind      ca.AuthorityKind
		newest    int64
		waiting   int
		days      int // since it was made
		want      level
		word      string
	}{
		{"just made", "issuing-g1", ca.Issuing, 7, 0, 0, fine, "good until"},
		{"made after the log was read", "issuing-g1", ca.Issuing, 6, 0, 0, fine, "good until"},
		{"half of its life", "issuing-g1", ca.Issuing, 7, 0, 4, fine, "good until"},
		{"past half of its life", "issuing-g1", ca.Issuing, 7, 0, 5, warned, "chancery crl publish --ca issuing-g1"},
		{"at its end", "issuing-g1", ca.Issuing, 7, 0, 8, failed, "chancery crl publish --ca issuing-g1"},
		{"not the newest", "issuing-g1", ca.Issuing, 8, 0, 1, warned, "list 8 was made"},
		{"not the newest, and something was revoked since", "issuing-g1", ca.Issuing, 8, 2, 1, warned, "2 revocations on no list yet"},
		{"none", "other-g1", ca.Issuing, 0, 0, 0, failed, "other-g1.crl is missing"},
		{"none that could be read", "spoilt-g1", ca.Issuing, 0, 0, 0, failed, "cannot be read"},
		{"one that nobody signed", "forged-g1", ca.Issuing, 7, 0, 0, failed, "not signed by it"},
		{"one beside it that nobody signed", "forged-g2", ca.Issuing, 7, 0, 0, failed, "the list delta of forged-g2 is not signed by it"},
		{"a root's, past half of its life", "root-g1", ca.Root, 7, 0, 5, warned, "chancery crl publish --ca root-g1 --recovery-file"},
		{"a root's, at its end", "root-g1", ca.Root, 7, 0, 8, failed, "chancery crl publish --ca root-g1 --recovery-file"},
		{"a root's is lost", "root-g2", ca.Root, 7, 0, 1, failed, "root-g2 --recovery-file"},
		{"an older one of a root", "root-g1", ca.Root, 8, 0, 1, warned, "root-g1 --recovery-file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, state := range []ca.AuthorityState{ca.Active, ca.Retired} { // BK-05
				p := &patient{layout: l, now: made.AddDate(0, 0, tt.days)}
				p.record = chronicle{read: true, lists: map[string]int64{tt.authority: tt.newest}, waiting: map[ca.Digest]int{{}: tt.waiting}, authorities: []ca.Authority{
					{Name: tt.authority, Kind: tt.kind, State: state, SPKI: spki, NotAfter: made.AddDate(1, 0, 0)},
					{Name: "corp", External: true, NotAfter: made.AddDate(1, 0, 0)}, {Name: "gone-g1", State: ca.Retired, NotAfter: made},
				}}
				found := lookAtLists(t.Context(), p)
				if len(found) != 1 && (len(found) != 2 || found[0].Level != fine) {
					t.Fatalf("%+v", found)
				}
				for i := range found {
					found[i].ID = "lists"
				}
				says(t, found, "lists", tt.want, tt.word)
			}
		})
	}
}

// RV-08: an older list beside the complete one is found, and what is said mends it.
func TestRV08_DoctorFindsAnOlderDelta(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	path := filepath.Join(filepath.Dir(h.published()), "issuing-g1.delta.crl")
	old := readFile(t, path)
	h.done("crl", "publish")
	overwrite(t, path, old)
	found, _ := h.examined("--only", "lists")
	says(t, found, "lists", warned, "was made: what was revoked last may not be on it")
	h.done("crl", "publish", "--ca", "issuing-g1")
	if found, code := h.examined("--only", "lists"); code != 0 || count(found, fine) != 4 {
		t.Errorf("exit %d, %+v", code, found)
	}
}

// RV-04: a list of the root that was put back while the service was down is told by the running
// service, until it is made again.
func TestRV04_TheServiceTellsOfARootsOlderList(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	path := filepath.Join(filepath.Dir(h.published()), "root-g1.crl")
	old := readFile(t, path)
	again := []string{"crl", "publish", "--ca", "root-g1", "--recovery-file", h.file("words")}
	h.done(again...)
	overwrite(t, path, old)
	h.serve()
	lists := func() (out ca.Check) {
		t.Helper()
		var s ca.Status
		if err := json.Unmarshal([]byte(h.done("status", "--json").out), &s); err != nil {
			t.Fatal(err)
		}
		for _, c := range s.Checks {
			if c.ID == "lists" {
				out = c
			}
		}
		return out
	}
	tlsDoor{hand: h}.until("an older list of the root in status", func() bool {
		c := lists()
		return c.Level == ca.Warned && strings.Contains(c.Message, "root-g1: list")
	})
	h.done(again...)
	tlsDoor{hand: h}.until("that all is well", func() bool { return lists().Level == ca.Fine })
}

// A list that is lost is found, and what the doctor says to type brings it back.
func TestWhatTheDoctorSaysBringsAListBack(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	remove(t, h.published())
	found, code := h.examined()
	if code != exitFaults {
		t.Errorf("exit %d", code)
	}
	says(t, found, "lists", failed, "crl publish --ca issuing-g1")
	h.done("crl", "publish", "--ca", "issuing-g1")
	found, code = h.examined("--only", "lists")
	if code != 0 || count(found, fine) != 4 { // complete and delta, complete and that of authorities
		t.Errorf("exit %d, %+v", code, found)
	}
}
