// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"chancery/audit"
	"chancery/ca"
)

// A key is a crypto.Signer that counts its uses, and does something else instead
// if it is told to.
type key struct {
	crypto.Signer
	uses    atomic.Int64
	instead func(k crypto.Signer, random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error)
}

func (k *key) Sign(random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	k.uses.Add(1)
	if k.instead != nil {
		return k.instead(k.Signer, random, message, o)
	}
	return k.Signer.Sign(random, message, o)
}

// wrapped puts one key in the place of the issuing authority's.
func (s *site) wrapped(k *key) *key {
	s.WrapKeys(func(inner crypto.Signer) crypto.Signer {
		k.Signer = inner
		return k
	})
	if k.Signer == nil {
		s.t.Fatal("no key is unlocked")
	}
	return k
}

// A key that errs, by a fault or an attacker's doing, must not hand out what it
// made: one wrong signature of RSA tells the key (Boneh, DeMillo, Lipton 1997), and
// a certificate with other bytes than those journaled is on no log.
func TestSG10_AFaultInSigningStopsTheSignerAndNothingLeaves(t *testing.T) {
	for _, tt := range []struct {
		name, keyType string
		instead       func(k crypto.Signer, random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error)
	}{
		{"a bit of the signature turns", "ecdsa-p256", func(k crypto.Signer, random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
			sig, err := k.Sign(random, message, o)
			sig[len(sig)-1] ^= 1
			return sig, err
		}},
		{"a bit of the digest turns", "ecdsa-p384", func(k crypto.Signer, random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
			other := append([]byte{}, message...)
			other[0] ^= 1
			return k.Sign(random, other, o)
		}},
		{"a bit of an RSA signature turns", "rsa-3072", func(k crypto.Signer, random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
			sig, err := k.Sign(random, message, o)
			sig[0] ^= 1
			return sig, err
		}},
		// Ed25519 signs the bytes themselves: they change under it, and the signature
		// is a good one of what they have become.
		{"the bytes change after they were journaled", "ed25519", func(k crypto.Signer, random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
			message[len(message)-1] ^= 1
			return k.Sign(random, message, o)
		}},
		{"the key fails", "ecdsa-p256", func(crypto.Signer, io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
			return nil, errors.New("the token was pulled")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := start(t, dir)
			f := founding(t)
			f.Issuing.KeyType = tt.keyType
			if _, err := s.Found(f, os.Getuid()); err != nil {
				t.Fatal(err)
			}
			h := s.hello(0)
			server := profiles(t, h)["server"]
			k := s.wrapped(&key{instead: tt.instead})
			r := wish(1, csrBy(t, "a.lab.example", p256...), server)
			var p *ca.Problem
			// An error that is no problem of the requester's ends the process (package wire).
			if a, err := s.Issue(h.Number, []ca.Request{r}); err == nil || errors.As(err, &p) || a != nil {
				t.Fatalf("got %v, %v", a, err)
			}
			// Another batch may have arrived before the end.
			if a, err := s.Issue(h.Number, []ca.Request{wish(2, r.CSR, server)}); err == nil || errors.As(err, &p) || a != nil {
				t.Errorf("the next batch: %v, %v", a, err)
			}
			if n := k.uses.Load(); n != 1 {
				t.Errorf("the key was used %d times", n)
			}
			if n := s.count(audit.Intent) - s.count(audit.Final); n != 1 {
				t.Errorf("%d intents are open, want 1", n)
			}
			s.stop()
			s = start(t, dir)
			h = s.hello(0)
			if out, err := s.Outcome(h.Number, []ca.RequestID{r.ID}); err != nil || out[0].DER != nil {
				t.Errorf("after the restart: %v, %v", out, err)
			}
		})
	}
}

// imageAtSigning gives the signer's directory as it was when the key was about to
// be used for r: the INTENT is durable, and nothing after it. The answer is what
// the process, which did not die, went on to give.
func (s *site) imageAtSigning(h ca.Session, r ca.Request) (image string, answer ca.Answer) {
	s.t.Helper()
	image = filepath.Join(s.t.TempDir(), "image")
	s.wrapped(&key{instead: func(k crypto.Signer, random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
		duplicate(s.t, s.Dir, image)
		return k.Sign(random, message, o)
	}})
	return image, s.issued(h, r)
}

// duplicate copies a directory with its modes, which the signer is strict about.
func duplicate(t testing.TB, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Errorf("copy %s: %v\n%s", from, err, out)
	}
}

// Whatever becomes of an intent that a crash left behind, the key is not used for
// it again: it is void, or it is what the book has of it (docs/recovery.md, S04 and S05).
func TestIS02_RecoveryNeverSigns(t *testing.T) {
	s, _, h := founded(t)
	r := wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])
	r.Key = "order-1"
	image, made := s.imageAtSigning(h, r)
	for _, tt := range []struct {
		name   string
		act    ca.Settlement
		leaf   audit.Kind
		repeat func(*testing.T, ca.Answer, int64)
	}{
		{"the book has nothing", ca.Settlement{Index: made.Index, Act: ca.SettleVoid}, audit.Void, func(t *testing.T, a ca.Answer, uses int64) {
			if a.DER == nil || a.Index == made.Index || uses != 1 {
				t.Errorf("sent again after VOID: leaf %d, key used %d times, %v", a.Index, uses, a.Problem)
			}
		}},
		{"the book has the certificate", ca.Settlement{Index: made.Index, Act: ca.SettleFinal, DER: made.DER}, audit.Final, func(t *testing.T, a ca.Answer, uses int64) {
			if string(a.DER) != string(made.DER) || a.Index != made.Index || uses != 0 {
				t.Errorf("sent again after FINAL: leaf %d, key used %d times, %v", a.Index, uses, a.Problem)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			crashed := filepath.Join(t.TempDir(), "crashed")
			duplicate(t, image, crashed)
			s := start(t, crashed)
			k := s.wrapped(&key{})
			finals := s.count(tt.leaf)
			if n := s.count(audit.Intent) - s.count(audit.Final); n != 1 {
				t.Fatalf("%d intents are open after the crash, want 1", n)
			}
			h := s.hello(0)
			if h.Unsettled != 1 {
				t.Errorf("hello speaks of %d unsettled intents", h.Unsettled)
			}
			for range 3 {
				a := s.one(h, r)
				if out, err := s.Outcome(h.Number, []ca.RequestID{r.ID}); err != nil || a.DER != nil || out[0].DER != nil || a.Problem.Code != ca.E2301 {
					t.Errorf("before it is settled: %+v, %+v, %v", a, out, err)
				}
			}
			for range 2 { // the front may ask twice
				if err := s.Settle(h.Number, []ca.Settlement{tt.act}); err != nil {
					t.Fatal(err)
				}
			}
			if n := k.uses.Load(); n != 0 {
				t.Errorf("recovery used the key %d times", n)
			}
			if n := s.count(tt.leaf) - finals; n != 1 {
				t.Errorf("%d leaves of kind %s were appended, want 1", n, tt.leaf)
			}
			again := s.one(h, r)
			tt.repeat(t, again, k.uses.Load())
		})
	}
}

// A front that was taken over brings a certificate for an open intent that the
// signer did not make. It does not get it on the log (docs/recovery.md, FINAL(late)).
func TestIS03_SettlingBelievesOnlyTheIntendedCertificate(t *testing.T) {
	s, f, h := founded(t)
	r := wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])
	image, made := s.imageAtSigning(h, r)
	r.ID = wish(2, nil, ca.Profile{}).ID
	s.wrapped(&key{})
	sibling := s.issued(h, r)
	s.stop()
	s = start(t, image)
	h = s.hello(0)
	leaves := len(s.leaves())
	for name, der := range map[string][]byte{
		"a bit of its signature turned":     turned(made.DER, len(made.DER)-1),
		"a bit of its serial number turned": turned(made.DER, 20),
		"another certificate of ours":       sibling.DER,
		"the authority's own":               f.Authorities[1].Certificate,
		"with something behind":             append(append([]byte{}, made.DER...), 0),
		"cut short":                         made.DER[:len(made.DER)-1],
		"nothing":                           nil,
	} {
		var p *ca.Problem
		if err := s.Settle(h.Number, []ca.Settlement{{Index: made.Index, Act: ca.SettleFinal, DER: der}}); !errors.As(err, &p) || p.Code != ca.E1406 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(s.leaves()); n != leaves {
		t.Errorf("%d leaves were appended", n-leaves)
	}
	if err := s.Settle(h.Number, []ca.Settlement{{Index: made.Index, Act: ca.SettleFinal, DER: made.DER}}); err != nil {
		t.Errorf("the certificate itself: %v", err)
	}
}
