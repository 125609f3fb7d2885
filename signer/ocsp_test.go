// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"chancery/audit"
	"chancery/ca"
	"chancery/internal/hierarchy"
	"chancery/policy"
	"chancery/signer"
)

func serialOf(t testing.TB, der []byte) ca.Serial {
	t.Helper()
	serial, err := ca.SerialFromBytes(parsed(t, der).SerialNumber.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return serial
}

// asks has one response made about one certificate, and reads it as another library does,
// which verifies the responder's certificate and the signature.
func (s *site) asks(issuer ca.Authority, hash string, serial ca.Serial, id ca.ID) *ocsp.Response {
	s.t.Helper()
	got := s.says(ca.OCSPWish{Authority: issuer.Name, Queries: []ca.OCSPQuery{{CertID: hierarchy.CertID(s.t, issuer, hash, serial), ID: id}}})
	if got.Problem != nil {
		s.t.Fatalf("%s answers nothing: %v", issuer.Name, got.Problem)
	}
	r, err := ocsp.ParseResponse(got.DER, parsed(s.t, issuer.Certificate))
	if err != nil {
		s.t.Fatal(err)
	}
	if status := int(got.Singles[0].Status); r.Status != status {
		s.t.Errorf("it says %d and tells %d", r.Status, status)
	}
	return r
}

func (s *site) says(w ca.OCSPWish) ca.OCSPAnswer {
	s.t.Helper()
	all, err := s.OCSP([]ca.OCSPWish{w})
	if err != nil {
		s.t.Fatal(err)
	}
	return all[0]
}

// RV-06, IS-02: between INTENT and answer, and after a crash there until it is settled, a
// certificate is unknown and not good: nobody was given it, and perhaps it is never signed.
func TestRV06_OCSPDoesNotSayGoodOfAnIntentThatIsNotSettled(t *testing.T) {
	s, f, h := founded(t)
	issuing, image := f.Authorities[1], filepath.Join(t.TempDir(), "image")
	about := func(s *site) int {
		all := s.leaves()
		for i, rec := range slices.Backward(all) {
			if l, err := audit.ParseLeaf(rec.Leaf); err == nil && l.Kind == audit.Intent {
				return s.asks(issuing, "sha1", l.Serial, ca.NewID(h.LogNo, int64(i))).Status
			}
		}
		t.Error("there is no INTENT")
		return -1
	}
	k := &key{}
	k.instead = func(inner crypto.Signer, random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
		if got := about(s); got != ocsp.Unknown {
			t.Errorf("while it is signed it is %d", got)
		}
		duplicate(t, s.Dir, image)
		return inner.Sign(random, message, o)
	}
	s.wrapped(k)
	one := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	if got := about(s); got != ocsp.Good || k.uses.Load() != 1 {
		t.Errorf("once it was answered it is %d, and the key was used %d times", got, k.uses.Load())
	}
	for want, act := range map[int]ca.Settlement{
		ocsp.Good: {Index: one.Index, Act: ca.SettleFinal, DER: one.DER}, ocsp.Revoked: {Index: one.Index, Act: ca.SettleVoid},
	} {
		crashed := filepath.Join(t.TempDir(), "crashed")
		duplicate(t, image, crashed)
		s := start(t, crashed)
		if got := about(s); got != ocsp.Unknown {
			t.Errorf("after a crash it is %d", got)
		}
		h := s.hello(0)
		if got := about(s); got != ocsp.Unknown {
			t.Errorf("while front and signer settle it is %d", got)
		}
		if err := s.Settle(h.Number, []ca.Settlement{act}); err != nil {
			t.Fatal(err)
		}
		if got := about(s); got != want {
			t.Errorf("settled it is %d, want %d", got, want)
		}
	}
}

// RV-06, SG-11: what is said of a certificate follows its steps at once, whatever the hash
// of the question; of what the log does not have it is unknown, and never good.
func TestRV06_OCSPSaysWhatTheLogSays(t *testing.T) {
	s, f, h := founded(t)
	issuing := f.Authorities[1]
	one := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	other := s.issued(h, wish(2, csrBy(t, "b.lab.example", p256...), profiles(t, h)["server"]))
	id, serial := ca.NewID(h.LogNo, one.Index), serialOf(t, one.DER)
	is := func(what string, want int) *ocsp.Response {
		t.Helper()
		var r *ocsp.Response
		for _, hash := range ca.CertIDHashes() {
			if r = s.asks(issuing, hash, serial, id); r.Status != want {
				t.Errorf("%s, by %s: %d, want %d", what, hash, r.Status, want)
			}
		}
		return r
	}
	is("issued", ocsp.Good)
	step := 0
	takes := func(why ca.Reason) {
		t.Helper()
		step++
		if a := s.revoke(h, one, step, why); a.Problem != nil {
			t.Fatalf("step %d, %v: %v", step, why, a.Problem)
		}
	}
	takes(ca.CertificateHold)
	if r := is("held", ocsp.Revoked); r.RevocationReason != ocsp.CertificateHold {
		t.Errorf("the reason is %d", r.RevocationReason)
	}
	takes(ca.RemoveFromCRL)
	is("taken back", ocsp.Good)
	takes(ca.Superseded)
	s.stop()
	s = start(t, s.Dir)
	if r := is("revoked, and started again", ocsp.Revoked); r.RevocationReason != ocsp.Superseded || time.Since(r.RevokedAt).Abs() > time.Minute {
		t.Errorf("revoked for %d at %v", r.RevocationReason, r.RevokedAt)
	}
	unknown := []struct {
		what   string
		serial ca.Serial
		id     ca.ID
	}{
		{"a number nobody has", "41000101", id},
		{"a number without a place", serialOf(t, other.DER), 0},
		{"another's place", serialOf(t, other.DER), id},
		{"a place beyond the log", serialOf(t, other.DER), ca.NewID(h.LogNo, 1<<40)},
		{"a place on another log", serialOf(t, other.DER), ca.NewID(h.LogNo+1, other.Index)},
		{"the authority's own number", serialOf(t, issuing.Certificate), ca.NewID(h.LogNo, other.Index)},
		{"the place of a leaf of another kind", serialOf(t, other.DER), ca.NewID(h.LogNo, 0)},
	}
	for _, tt := range unknown {
		if r := s.asks(issuing, "sha1", tt.serial, tt.id); r.Status != ocsp.Unknown {
			t.Errorf("%s: %d", tt.what, r.Status)
		}
	}
	// A number of this authority's says nothing below another's name.
	foreign := ca.OCSPWish{Authority: issuing.Name, Queries: []ca.OCSPQuery{
		{CertID: hierarchy.CertID(t, f.Authorities[0], "sha1", serialOf(t, other.DER)), ID: ca.NewID(h.LogNo, other.Index)}}}
	if a := s.says(foreign); a.Problem != nil || a.Singles[0].Status != ca.OCSPUnknown {
		t.Errorf("another issuer's: %+v", a)
	}
	// Nor does the root call it good, which signed no such number, wherever the front points.
	if r := s.asks(f.Authorities[0], "sha256", serialOf(t, other.DER), ca.NewID(h.LogNo, other.Index)); r.Status != ocsp.Unknown {
		t.Errorf("by the root: %d", r.Status)
	}
}

// A root answers from its founding on, though its key is sealed; and about what it revokes
// from then on.
func TestRV06_ASealedRootAnswersToo(t *testing.T) {
	c := ceremonial(t)
	root, issuing := c.all["root-g1"], c.all["issuing-g1"]
	at := ca.ID(0)
	for i, r := range c.leaves() {
		if l, err := audit.ParseLeaf(r.Leaf); err == nil && l.Kind == audit.Intent && l.Serial == serialOf(t, issuing.Certificate) {
			at = ca.NewID(1, int64(i))
		}
	}
	r := c.asks(root, "sha1", serialOf(t, issuing.Certificate), at)
	if r.Status != ocsp.Good {
		t.Errorf("the issuing authority is %d", r.Status)
	}
	list, err := x509.ParseRevocationList(c.lists[root.Name])
	if err != nil {
		t.Fatal(err)
	}
	if end := r.Certificate.NotAfter; !end.Equal(list.NextUpdate) {
		t.Errorf("the responder ends on %v, its list on %v", end, list.NextUpdate)
	}
	if _, err := c.RevokeAuthority(signer.AuthorityRevoking{Authority: issuing.Name, Reason: ca.CessationOfOperation, Words: c.words}, os.Getuid()); err != nil {
		t.Fatal(err)
	}
	if r := c.asks(root, "sha256", serialOf(t, issuing.Certificate), at); r.Status != ocsp.Revoked {
		t.Errorf("after it was revoked it is %d", r.Status)
	}
}

// RV-06: an authority's certificate is known without its place from the moment it is made,
// though its issuer was asked before, and to who signed it alone.
func TestRV06_ACertificateOfAnAuthorityNeedsNoPlace(t *testing.T) {
	c := ceremonial(t)
	root, issuing := c.all["root-g1"], c.all["issuing-g1"]
	says := func(what string, of, by ca.Authority, want int) {
		t.Helper()
		if r := c.asks(by, "sha1", serialOf(t, of.Certificate), 0); r.Status != want {
			t.Errorf("%s: %d, want %d", what, r.Status, want)
		}
	}
	says("the first", issuing, root, ocsp.Good)
	says("of its own", issuing, issuing, ocsp.Unknown)
	says("the root", root, root, ocsp.Good)
	made := c.creates(c.creation("later-g1", "root-g1", ca.Issuing))
	says("the later", made, root, ocsp.Good)
	says("the later, of another", made, issuing, ocsp.Unknown)
	if _, err := c.RevokeAuthority(signer.AuthorityRevoking{Authority: "later-g1", Reason: ca.Superseded, Words: c.words}, os.Getuid()); err != nil {
		t.Fatal(err)
	}
	says("the later, revoked", made, root, ocsp.Revoked)
}

// RV-06: a responder's certificate is for that alone, cannot be asked about, is on the log
// before it is signed, and lives a month; the key is in the keyring, with no other beside it.
func TestRV06_AResponderIsCertifiedLikeAllElse(t *testing.T) {
	s, f, _ := founded(t)
	issuing := f.Authorities[1]
	r := s.asks(issuing, "sha1", "41000101", 0)
	c := r.Certificate
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageOCSPSigning || len(c.UnknownExtKeyUsage) > 0 || c.KeyUsage != x509.KeyUsageDigitalSignature || c.IsCA {
		t.Errorf("its uses are %v, %v", c.ExtKeyUsage, c.KeyUsage)
	}
	unasked := false
	for _, e := range c.Extensions {
		unasked = unasked || e.Id.String() == "1.3.6.1.5.5.7.48.1.5" && !e.Critical && bytes.Equal(e.Value, []byte{5, 0})
	}
	if !unasked || len(c.OCSPServer)+len(c.CRLDistributionPoints) > 0 {
		t.Error("it can be asked about: RFC 6960 §4.2.2.2.1")
	}
	if life := c.NotAfter.Sub(c.NotBefore); life > 31*24*time.Hour || life < 29*24*time.Hour {
		t.Errorf("it is valid for %v", life)
	}
	if r.NextUpdate.Sub(r.ThisUpdate) != 24*time.Hour || r.ProducedAt.Before(r.ThisUpdate) {
		t.Errorf("an answer is of %v, until %v", r.ThisUpdate, r.NextUpdate)
	}
	before := -1
	for i, rec := range s.leaves() {
		l, err := audit.ParseLeaf(rec.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		if l.Kind != audit.Responder || l.Issuer != issuing.Key {
			continue
		}
		var body signer.ResponderBody
		if err := json.Unmarshal(rec.Body, &body); err != nil {
			t.Fatal(err)
		}
		switch {
		case before < 0:
			if before = i; !bytes.Equal(body.TBS, c.RawTBSCertificate) || len(body.Certificate) > 0 {
				t.Error("the bytes on the log are not those that were signed")
			}
		case l.Cites != int64(before) || !bytes.Equal(body.Certificate, c.Raw):
			t.Error("the log has another certificate")
		}
	}
	if keys := responderKeys(t, s.Dir); len(keys) != 2 { // the root's, and this one
		t.Errorf("the keys of responders are %v", keys)
	}
	s.stop()
	s = start(t, s.Dir)
	if again := s.asks(issuing, "sha1", "41000101", 0); !bytes.Equal(again.Certificate.Raw, c.Raw) {
		t.Error("a restart made another responder")
	}
}

func responderKeys(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "keys", "ocsp-*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// At half of its life another one takes a responder's place, with a key of its own; the key
// before is gone, and so is one that a crash left without a certificate.
func TestRV06_AResponderRotatesByItself(t *testing.T) {
	s, f, _ := founded(t)
	issuing := f.Authorities[1]
	first := s.asks(issuing, "sha1", "41000101", 0).Certificate
	s.stop()
	later := unopened(s.Dir)
	later.Now = func() time.Time { return time.Now().Add(16 * 24 * time.Hour) }
	if err := later.Open(); err != nil {
		t.Fatal(err)
	}
	s = running(t, later)
	s.MakeResponders()
	second := s.asks(issuing, "sha1", "41000101", 0).Certificate
	if bytes.Equal(first.RawSubjectPublicKeyInfo, second.RawSubjectPublicKeyInfo) || !second.NotAfter.After(first.NotAfter) {
		t.Error("the responder is still the first")
	}
	if keys := responderKeys(t, s.Dir); len(keys) != 2 {
		t.Errorf("the keys of responders are %v", keys)
	}
	s.MakeResponders()
	if again := s.asks(issuing, "sha1", "41000101", 0).Certificate; !bytes.Equal(again.Raw, second.Raw) {
		t.Error("a fresh one was replaced")
	}
}

// An authority whose chain has ended before it answers nothing, and makes no key for whoever
// asks: an RSA key takes as long as thousands of answers.
func TestRV06_BelowARootThatEndedNoResponderIsBegun(t *testing.T) {
	c := ceremonial(t)
	if _, err := c.Recertify(signer.Recertification{Authority: "root-g1", Days: 40, Shorten: true, Words: c.words}); err != nil {
		t.Fatal(err)
	}
	c.stop()
	later := unopened(c.Dir)
	drawn := &bytes.Buffer{}
	later.Random = io.TeeReader(rand.Reader, drawn)
	later.Now = func() time.Time { return time.Now().AddDate(0, 0, 41) }
	if err := later.Open(); err != nil {
		t.Fatal(err)
	}
	drawn.Reset()
	got, err := later.OCSP([]ca.OCSPWish{{Authority: "issuing-g1", Queries: []ca.OCSPQuery{{CertID: hierarchy.CertID(t, c.all["issuing-g1"], "sha1", "41000101")}}}})
	if err != nil {
		t.Fatal(err)
	}
	if wantProblem(t, got[0].Problem, ca.E3004, "answers nothing"); drawn.Len() > 0 {
		t.Error("a certificate was begun for it")
	}
}

// KY-07: while the keys are locked nothing is said, in words that tell what to do.
func TestKY07_ALockedResponderSaysNothing(t *testing.T) {
	s, f, _ := founded(t)
	ask := ca.OCSPWish{Authority: "issuing-g1", Queries: []ca.OCSPQuery{{CertID: hierarchy.CertID(t, f.Authorities[1], "sha1", "41000101")}}}
	if _, err := s.Lock(); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, s.says(ask).Problem, ca.E3001, "locked")
	if _, err := s.Unlock(signer.Unlocking{}); err != nil {
		t.Fatal(err)
	}
	if a := s.says(ask); a.Problem != nil {
		t.Errorf("unlocked: %v", a.Problem)
	}
}

// HX-08: what cannot be answered is refused, each by itself, and bounded.
func TestHX08_AWishThatIsNoneIsRefusedAlone(t *testing.T) {
	s, f, _ := founded(t)
	good := ca.OCSPQuery{CertID: hierarchy.CertID(t, f.Authorities[1], "sha1", "41000101")}
	odd := func(turn func(*ca.CertID)) ca.OCSPQuery {
		q := good
		turn(&q.CertID)
		return q
	}
	w := func(queries ...ca.OCSPQuery) ca.OCSPWish {
		return ca.OCSPWish{Authority: "issuing-g1", Queries: queries}
	}
	long := w(good)
	long.Nonce = make([]byte, 129)
	nobody := w(good)
	nobody.Authority = "nobody"
	all := []ca.OCSPWish{nobody, w(), w(make([]ca.OCSPQuery, 11)...), long, w(odd(func(c *ca.CertID) { c.Serial = ca.Serial(strings.Repeat("41", 21)) })),
		w(odd(func(c *ca.CertID) { c.Serial = "" })), w(odd(func(c *ca.CertID) { c.Hash = "md5" })), w(odd(func(c *ca.CertID) { c.NameHash = nil })), w(good)}
	got, err := s.OCSP(all)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range got[:len(got)-1] {
		if a.Problem == nil || len(a.DER) > 0 {
			t.Errorf("wish %d is answered: %+v", i, a)
		}
	}
	if got[len(got)-1].Problem != nil {
		t.Errorf("the good one is refused: %v", got[len(got)-1].Problem)
	}
	if _, err := s.OCSP(make([]ca.OCSPWish, signer.MaxBatch+1)); !isCode(err, ca.E1401) {
		t.Errorf("too many: %v", err)
	}
}

// What an authority of each kind of key says verifies by the key it has.
func TestEachKindOfAuthorityHasItsResponder(t *testing.T) {
	c := ceremonial(t)
	for _, keyType := range []string{"ecdsa-p384", "ed25519", "rsa-3072"} {
		q := c.creation(strings.ReplaceAll(keyType, "-", "")+"-g1", "root-g1", ca.Issuing)
		q.KeyType = keyType
		made := c.creates(q)
		r := c.asks(made, "sha1", "41000101", 0)
		if r.SignatureAlgorithm == x509.SHA256WithRSA != strings.HasPrefix(keyType, "rsa") {
			t.Errorf("%s: signed with %v", keyType, r.SignatureAlgorithm)
		}
	}
}

// R91: an authority of which the policy says so signs its answers itself; no responder's
// certificate goes along, and a root never does.
func TestR91_AnAuthorityMayAnswerItself(t *testing.T) {
	c := ceremonial(t)
	issuing := c.all["issuing-g1"]
	state, err := c.SetPolicy(signer.PolicyChange{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := policy.ParseBundle(state.Document)
	if err != nil {
		t.Fatal(err)
	}
	b.Version, b.OCSPByAuthority = b.Version+1, []string{"issuing-g1", "root-g1"}
	next, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if r := c.asks(issuing, "sha1", "41000101", 0); r.Certificate == nil {
		t.Error("no responder answered before")
	}
	if _, err := c.SetPolicy(signer.PolicyChange{Document: next}); err != nil {
		t.Fatal(err)
	}
	if r := c.asks(issuing, "sha1", "41000101", 0); r.Certificate != nil || r.SignatureAlgorithm != x509.ECDSAWithSHA256 {
		t.Error("the authority does not answer itself")
	}
	if r := c.asks(c.all["root-g1"], "sha1", "41000101", 0); r.Certificate == nil {
		t.Error("the root's key, which is sealed, answers")
	}
	for _, names := range [][]string{{"b-g1", "a-g1"}, {"a-g1", "a-g1"}, {"../x"}} {
		b.OCSPByAuthority = names
		if _, err := b.Marshal(); !isCode(err, ca.E2121) {
			t.Errorf("%v: %v", names, err)
		}
	}
}

func BenchmarkOCSP(b *testing.B) {
	s, f, h := founded(b)
	a := s.issued(h, wish(1, csrBy(b, "a.lab.example", p256...), profiles(b, h)["server"]))
	w := ca.OCSPWish{Authority: "issuing-g1", Nonce: make([]byte, 16),
		Queries: []ca.OCSPQuery{{CertID: hierarchy.CertID(b, f.Authorities[1], "sha1", serialOf(b, a.DER)), ID: ca.NewID(h.LogNo, a.Index)}}}
	all := make([]ca.OCSPWish, 64)
	for i := range all {
		all[i] = w
	}
	for b.Loop() {
		if _, err := s.OCSP(all); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(all))/b.Elapsed().Seconds(), "responses/s")
}
