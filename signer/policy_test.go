// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/journal"
	"chancery/signer/softkey"
)

// SG-05: the version rises, and a session ends with the policy it was opened under.
func TestPolicyChangesOnlyForward(t *testing.T) {
	s, _, h := founded(t)
	state, err := s.SetPolicy(signer.PolicyChange{})
	if err != nil {
		t.Fatal(err)
	}
	var p *ca.Problem
	if _, err := s.SetPolicy(signer.PolicyChange{Document: state.Document}); !errors.As(err, &p) || p.Code != ca.E2121 {
		t.Errorf("the bundle in force again: %v", err)
	}
	b, err := policy.ParseBundle(state.Document)
	if err != nil {
		t.Fatal(err)
	}
	b.Version++
	b.Profiles = b.Profiles[:1]
	next, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if dry, err := s.SetPolicy(signer.PolicyChange{Document: next, DryRun: true}); err != nil || dry.Version != b.Version {
		t.Fatalf("a dry run gives %+v, %v", dry, err)
	}
	if now, err := s.SetPolicy(signer.PolicyChange{}); err != nil || now.Version != state.Version {
		t.Fatalf("a dry run put version %d in force, %v", now.Version, err)
	}
	if _, err := s.SetPolicy(signer.PolicyChange{Document: state.Document, DryRun: true}); !errors.As(err, &p) || p.Code != ca.E2121 {
		t.Errorf("a dry run takes the bundle in force again: %v", err)
	}
	if _, err := s.SetPolicy(signer.PolicyChange{Document: next}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Issue(h.Number, nil); !errors.As(err, &p) || p.Code != ca.E1402 {
		t.Errorf("the session outlived the policy: %v", err)
	}
	if got := len(profiles(t, s.hello(0))); got != 1 {
		t.Errorf("%d profiles in force", got)
	}
}

// risen is the bundle in force with the next version.
func (s *site) risen() (policy.Bundle, []byte) {
	s.t.Helper()
	state, err := s.SetPolicy(signer.PolicyChange{})
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := policy.ParseBundle(state.Document)
	if err != nil {
		s.t.Fatal(err)
	}
	b.Version++
	next, err := b.Marshal()
	if err != nil {
		s.t.Fatal(err)
	}
	return b, next
}

// Whoever can write the log's files, and even holds the log's key, cannot put a
// policy in force: the init key must have signed it.
func TestSG05_ABundleOnTheLogIsObeyedOnlyIfTheInitKeySignedIt(t *testing.T) {
	s, f, _ := founded(t)
	old, err := s.SetPolicy(signer.PolicyChange{})
	if err != nil {
		t.Fatal(err)
	}
	b, next := s.risen()
	s.stop()
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(key crypto.Signer, document []byte, log string) []byte {
		sig, err := key.Sign(rand.Reader, policy.BundleMessage(document, log), &ed25519.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	for name, forged := range map[string]func(own crypto.Signer) ca.BundleBody{
		"unsigned": func(crypto.Signer) ca.BundleBody { return ca.BundleBody{Document: next} },
		"by another key": func(crypto.Signer) ca.BundleBody {
			return ca.BundleBody{Document: next, Signature: signed(stranger, next, f.Log)}
		},
		"with another's signature": func(own crypto.Signer) ca.BundleBody {
			return ca.BundleBody{Document: next, Signature: signed(own, old.Document, f.Log)}
		},
		"signed for another log": func(own crypto.Signer) ca.BundleBody {
			return ca.BundleBody{Document: next, Signature: signed(own, next, strings.Repeat("0", len(f.Log)))}
		},
		"one that was in force before": func(own crypto.Signer) ca.BundleBody {
			return ca.BundleBody{Document: old.Document, Signature: signed(own, old.Document, f.Log)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "forged")
			duplicate(t, s.Dir, dir)
			appendBundle(t, dir, f.Log, forged)
			if err := unopened(dir).Open(); err == nil || !strings.Contains(err.Error(), "policy bundle") {
				t.Errorf("the signer starts: %v", err)
			}
		})
	}
	appendBundle(t, s.Dir, f.Log, func(own crypto.Signer) ca.BundleBody {
		return ca.BundleBody{Document: next, Signature: signed(own, next, f.Log)}
	})
	again := start(t, s.Dir)
	if state, err := again.SetPolicy(signer.PolicyChange{}); err != nil || state.Version != b.Version {
		t.Errorf("the init key's own bundle: version %d, %v", state.Version, err)
	}
}

// appendBundle writes a BUNDLE leaf on a stopped signer's log, as a thief of all
// its keys could.
func appendBundle(t *testing.T, dir, log string, body func(own crypto.Signer) ca.BundleBody) {
	t.Helper()
	of := softkey.Log{ID: log, Size: 1 << 30}
	keys, err := softkey.Open(filepath.Join(dir, "keys"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.UnlockAuto(of); err != nil {
		t.Fatal(err)
	}
	own, err := keys.Key("init", of)
	if err != nil {
		t.Fatal(err)
	}
	checkpoints, err := keys.Key("log", of)
	if err != nil {
		t.Fatal(err)
	}
	id, err := audit.ParseLogID(log)
	if err != nil {
		t.Fatal(err)
	}
	b := body(own)
	octets, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	disk, err := journal.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(disk, journal.Options{Log: id, LogNo: 1, Now: time.Now, Signer: checkpoints})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	_, err = j.Append([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.Bundle}, Body: octets}})
	cancel()
	if err := errors.Join(err, <-ended, j.Close()); err != nil {
		t.Fatal(err)
	}
}

// A front whose clock is wrong, or who would have a certificate begin when it
// likes, changes nothing: the signer's clock alone counts.
func TestSG07_TheFrontCannotSetTheTime(t *testing.T) {
	s, _, h := founded(t)
	server := profiles(t, h)["server"]
	csr := csrBy(t, "a.lab.example", p256...)
	for n, at := range []time.Time{{}, time.Unix(0, 0), time.Now().AddDate(-1, 0, 0), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), time.Now().AddDate(20, 0, 0)} {
		r := wish(n, csr, server)
		r.At = at
		before := time.Now()
		c, err := x509.ParseCertificate(s.issued(h, r).DER)
		if err != nil {
			t.Fatal(err)
		}
		if c.NotBefore.After(time.Now()) || c.NotBefore.Before(before.Add(-5*time.Minute-time.Second)) || c.NotAfter.After(before.AddDate(0, 0, server.MaxDays+1)) {
			t.Errorf("asked at %s, the certificate is good from %s to %s", at, c.NotBefore, c.NotAfter)
		}
	}
}
