// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // to be refused
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/policy"
)

// An owned is a certificate's key, and what the log says of the certificate.
type owned struct {
	key crypto.Signer
	policy.Proven
	spki []byte
}

func owns(t *testing.T, name string, key crypto.Signer) owned {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return owned{key, policy.Proven{Certificate: name, Key: sha256.Sum256(spki)}, spki}
}

var ownNow = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

// says signs a statement in a way that the algorithm names.
func (o owned) says(t *testing.T, s ca.Statement, algorithm string) ca.KeyProof {
	t.Helper()
	p := ca.KeyProof{Statement: s.String(), Algorithm: algorithm, SPKI: o.spki}
	message, opts := []byte(p.Statement), crypto.SignerOpts(crypto.Hash(0))
	for suffix, hash := range map[string]crypto.Hash{"-sha1": crypto.SHA1, "-sha256": crypto.SHA256, "-sha384": crypto.SHA384, "-sha512": crypto.SHA512} {
		if strings.HasSuffix(algorithm, suffix) {
			h := hash.New()
			h.Write(message)
			message, opts = h.Sum(nil), hash
			if strings.HasPrefix(algorithm, "rsa-pss") {
				opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
			}
		}
	}
	var err error
	if p.Signature, err = o.key.Sign(rand.Reader, message, opts); err != nil {
		t.Fatal(err)
	}
	return p
}

func (o owned) statement() ca.Statement {
	return ca.Statement{Certificate: o.Certificate, Reason: ca.Superseded, Until: ownNow}
}

func ownKeys(t *testing.T) map[string]owned {
	t.Helper()
	out := map[string]owned{}
	for name, curve := range map[string]elliptic.Curve{"ecdsa-256": elliptic.P256(), "ecdsa-384": elliptic.P384(), "ecdsa-521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = owns(t, "issuing-g1-41aa", key)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	out["rsa"], out["ed25519"] = owns(t, "issuing-g1-41aa", r), owns(t, "issuing-g1-41aa", e)
	return out
}

// R95, RV-01: each kind of key that a certificate may have proves by each way of signing
// that fits it, and by none that fits another kind.
func TestR95_EachKindOfKeyProvesInItsOwnWay(t *testing.T) {
	for name, o := range ownKeys(t) {
		kind, _, _ := strings.Cut(name, "-")
		took := 0
		for _, algorithm := range ca.StatementAlgorithms() {
			if own, _, _ := strings.Cut(algorithm, "-"); own != kind {
				p := ca.KeyProof{Statement: o.statement().String(), Algorithm: algorithm, SPKI: o.spki, Signature: []byte{1}}
				if _, err := policy.KeyProven(p, o.Certificate, o.Key, ownNow); err == nil {
					t.Errorf("%s proves by %s", name, algorithm)
				}
				continue
			}
			p := o.says(t, o.statement(), algorithm)
			s, err := policy.KeyProven(p, o.Certificate, o.Key, ownNow)
			if err != nil || s != o.statement() {
				t.Errorf("%s by %s: %+v %v", name, algorithm, s, err)
			}
			took++
			for _, other := range ca.StatementAlgorithms() {
				if p.Algorithm = other; other != algorithm {
					if _, err := policy.KeyProven(p, o.Certificate, o.Key, ownNow); err == nil {
						t.Errorf("%s by %s is taken as %s", name, algorithm, other)
					}
				}
			}
		}
		if took == 0 {
			t.Errorf("%s proves in no way", name)
		}
	}
}

// R95: each wrong proof is refused in one and the same words.
func TestR95_EveryWrongProofIsRefusedAlike(t *testing.T) {
	keys := ownKeys(t)
	o, other := keys["ecdsa-256"], keys["ecdsa-384"]
	good := o.says(t, o.statement(), "ecdsa-sha256")
	of := func(change func(*ca.Statement)) ca.KeyProof {
		s := o.statement()
		change(&s)
		return o.says(t, s, "ecdsa-sha256")
	}
	changed := func(change func(*ca.KeyProof)) ca.KeyProof {
		p := good
		p.Signature = slices.Clone(p.Signature)
		change(&p)
		return p
	}
	sum := sha1.Sum([]byte(good.Statement)) //nolint:gosec // to be refused
	weak, err := o.key.Sign(rand.Reader, sum[:], crypto.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	wrong := map[string]ca.KeyProof{
		"another key":                 other.says(t, o.statement(), "ecdsa-sha384"),
		"another key under this one":  changed(func(p *ca.KeyProof) { p.Signature = other.says(t, o.statement(), "ecdsa-sha256").Signature }),
		"another serial number":       of(func(s *ca.Statement) { s.Certificate = "issuing-g1-41ab" }),
		"another authority":           of(func(s *ca.Statement) { s.Certificate = "issuing-g2-41aa" }),
		"another reason than signed":  changed(func(p *ca.KeyProof) { p.Statement = strings.Replace(p.Statement, "superseded", "keyCompromise", 1) }),
		"another date than signed":    changed(func(p *ca.KeyProof) { p.Statement = strings.Replace(p.Statement, "unknown", "2027-01-01T00:00:00Z", 1) }),
		"a longer life than signed":   changed(func(p *ca.KeyProof) { p.Statement = strings.Replace(p.Statement, "until 2027", "until 2028", 1) }),
		"SHA-1":                       changed(func(p *ca.KeyProof) { p.Algorithm, p.Signature = "ecdsa-sha1", weak }),
		"SHA-1 called SHA-256":        changed(func(p *ca.KeyProof) { p.Signature = weak }),
		"MD5":                         changed(func(p *ca.KeyProof) { p.Algorithm = "ecdsa-md5" }),
		"no algorithm":                changed(func(p *ca.KeyProof) { p.Algorithm = "" }),
		"no signature":                changed(func(p *ca.KeyProof) { p.Signature = nil }),
		"something behind the proof":  changed(func(p *ca.KeyProof) { p.Signature = append(p.Signature, 0) }),
		"no public key":               changed(func(p *ca.KeyProof) { p.SPKI = nil }),
		"a public key with something": changed(func(p *ca.KeyProof) { p.SPKI = append(slices.Clone(p.SPKI), 0) }),
	}
	for i := range good.Signature {
		wrong["octet "+string(rune('0'+i%10))+" flipped"] = changed(func(p *ca.KeyProof) { p.Signature[i] ^= 1 })
		wrong["cut after "+string(rune('0'+i%10))] = changed(func(p *ca.KeyProof) { p.Signature = p.Signature[:i] })
	}
	for name, p := range wrong {
		_, err := policy.KeyProven(p, o.Certificate, o.Key, ownNow)
		var got *ca.Problem
		if !errors.As(err, &got) || got.Error() != policy.NotProven().Error() || got.Code != ca.E1309 || got.Field != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		p    ca.KeyProof
		code ca.Code
	}{
		"out of date":       {of(func(s *ca.Statement) { s.Until = ownNow.Add(-time.Second) }), ca.E2111},
		"a hold":            {of(func(s *ca.Statement) { s.Reason = ca.CertificateHold }), ca.E2111},
		"an officer's word": {of(func(s *ca.Statement) { s.Reason = ca.PrivilegeWithdrawn }), ca.E2111},
		"an authority's":    {of(func(s *ca.Statement) { s.Reason = ca.CACompromise }), ca.E2111},
		"another domain":    {changed(func(p *ca.KeyProof) { p.Statement = strings.Replace(p.Statement, "revoke v1", "renew v1", 1) }), ca.E1401},
	} {
		_, err := policy.KeyProven(c.p, o.Certificate, o.Key, ownNow)
		if p, ok := errors.AsType[*ca.Problem](err); !ok || p.Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// R95, RV-03: what the signer demands of a step that somebody's evidence is for. Who says
// that a key is compromised says it of each certificate of it, and of no other.
func TestRV03_EvidenceIsForOneStep(t *testing.T) {
	keys := ownKeys(t)
	o, other := keys["ecdsa-256"], keys["ecdsa-384"]
	since := ownNow.Add(-time.Hour)
	step := func(change func(*ca.Revoking, *ca.Statement)) ca.Revoking {
		s := ca.Statement{Certificate: o.Certificate, Reason: ca.KeyCompromise, InvalidSince: since, Until: ownNow}
		w := ca.Revoking{ID: 7, Step: 1, Reason: s.Reason, InvalidSince: since, Evidence: &ca.Evidence{Of: 7}}
		if change != nil {
			change(&w, &s)
		}
		if w.Evidence != nil {
			p := o.says(t, s, "ecdsa-sha256")
			w.Evidence.Key = &p
			if w.By == "" {
				w.By = w.Evidence.By(o.Certificate)
			}
		}
		return w
	}
	twin := policy.Proven{Certificate: "issuing-g2-41bb", Key: o.Key}
	dated, undated := o.Proven, func(w *ca.Revoking, s *ca.Statement) { s.InvalidSince, w.InvalidSince = time.Time{}, since }
	dated.InvalidSince = since.Add(-time.Hour)
	for name, c := range map[string]struct {
		w      ca.Revoking
		target policy.Proven
		good   bool
	}{
		"as signed":                     {step(nil), o.Proven, true},
		"known as bad for longer":       {step(func(w *ca.Revoking, _ *ca.Statement) { w.InvalidSince = since.Add(-time.Hour) }), dated, true},
		"as signed, and known as worse": {step(nil), dated, true}, // which the caller refuses: a date never moves to later
		"an earlier date than signed":   {step(func(w *ca.Revoking, _ *ca.Statement) { w.InvalidSince = since.Add(-time.Hour) }), o.Proven, false},
		"earlier than what stands":      {step(func(w *ca.Revoking, _ *ca.Statement) { w.InvalidSince = since.Add(-2 * time.Hour) }), dated, false},
		"a date, where none was signed": {step(undated), o.Proven, false},
		"another of the key":            {step(func(w *ca.Revoking, _ *ca.Statement) { w.ID = 8 }), twin, true},
		"without evidence by a name":    {ca.Revoking{ID: 7, Reason: ca.KeyCompromise, By: "uid:7"}, o.Proven, true},
		"without evidence by its name":  {ca.Revoking{ID: 7, Reason: ca.KeyCompromise, By: ca.Evidence{Key: &ca.KeyProof{}}.By(o.Certificate)}, o.Proven, false},
		"another of another key":        {step(func(w *ca.Revoking, _ *ca.Statement) { w.ID = 8 }), other.Proven, false},
		"another for another reason":    {step(func(w *ca.Revoking, s *ca.Statement) { w.ID, w.Reason, s.Reason = 8, ca.Superseded, ca.Superseded }), twin, false},
		"another reason than signed":    {step(func(w *ca.Revoking, _ *ca.Statement) { w.Reason = ca.Superseded }), o.Proven, false},
		"taking a hold back":            {step(func(w *ca.Revoking, _ *ca.Statement) { w.Reason = ca.RemoveFromCRL }), o.Proven, false},
		"a later date than signed":      {step(func(w *ca.Revoking, _ *ca.Statement) { w.InvalidSince = ownNow }), o.Proven, false},
		"no date, where one was signed": {step(func(w *ca.Revoking, _ *ca.Statement) { w.InvalidSince = time.Time{} }), o.Proven, false},
		"what stands, though later":     {step(func(w *ca.Revoking, _ *ca.Statement) { w.InvalidSince = ownNow }), policy.Proven{Certificate: o.Certificate, Key: o.Key, InvalidSince: ownNow}, false},
		"by somebody else":              {step(func(w *ca.Revoking, _ *ca.Statement) { w.By = "uid:0" }), o.Proven, false},
		"nothing in it":                 {ca.Revoking{ID: 7, Reason: ca.KeyCompromise, By: "uid:0", Evidence: &ca.Evidence{Of: 7}}, o.Proven, false},
	} {
		if err := policy.Evident(c.w, o.Proven, c.target, ownNow); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
