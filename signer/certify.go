// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/check"
	"chancery/encode"
	"chancery/policy"
	"chancery/signer/journal"
	"chancery/signer/softkey"
)

// A making is a generation on its way.
type making struct {
	Generation
	kind    ca.AuthorityKind
	state   ca.AuthorityState
	pathLen int
	pki     string
	// parent has its key open; nil for one that signs itself.
	parent *authority
	// held says that its key lies here already, which key is then.
	held bool
	key  crypto.Signer
	// words seal the key of one that does not sign day by day.
	words *softkey.Stretched
	// notices, if set, takes what policy has to say.
	notices *[]string
}

// establish makes one generation: key, certificate, and its leaves. Nothing is kept
// of one whose certificate cannot be encoded, which is E2601: a name or an address
// may be none that a certificate can have.
func (s *Signer) establish(m making, now time.Time) (*authority, error) {
	key, err := m.key, error(nil)
	if key == nil {
		key, err = s.keys.Generate(m.KeyType)
	}
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	c, err := s.prepared(m, spki, now)
	if err != nil {
		return nil, err
	}
	c.own.key = key
	// The leaf that tells of a key is written for one that lay here too: a crash may have
	// come between the two.
	if m.held {
		err = s.keyStep(KeyBody{Step: keyMade, KeyID: m.Name, Purpose: softkey.Authority, SPKI: spki})
	} else {
		err = s.sealKey(key, softkey.Sealing{ID: m.Name, Purpose: softkey.Authority, Log: s.log(), Words: m.words})
	}
	if err != nil {
		return nil, err
	}
	return s.certify(c)
}

// prepared is the certificate of a generation as far as no key signs it.
func (s *Signer) prepared(m making, spki []byte, now time.Time) (c certifying, err error) {
	made, draft, notices, err := s.drafted(m, spki, now)
	if err != nil {
		return c, err
	}
	if m.notices != nil {
		*m.notices = append(*m.notices, notices...)
	}
	if c, err = encoded(made, draft, m.parent); err != nil {
		return c, unmakeable("no certificate can be made for "+m.Name, "chancery ca create --help").Because(err.Error())
	}
	return c, nil
}

// drafted gives the authority that will be made, all but its certificate, and the
// draft of that, as policy lets it be.
func (s *Signer) drafted(m making, spki []byte, now time.Time) (a ca.Authority, d ca.AuthorityDraft, notices []string, err error) {
	serial, err := encode.Serial(s.journal.LogNo(), now, s.Random)
	if err != nil {
		return a, d, nil, err
	}
	d = ca.AuthorityDraft{
		Serial: serial, Subject: m.Subject, SPKI: spki, Use: m.Use, PathLen: m.pathLen, Constraints: m.Constraints, Policies: m.Policies,
		NotBefore: now, NotAfter: now.AddDate(0, 0, m.Days).Add(-time.Second),
	}
	if m.parent != nil {
		d.Issuer, d.AKI = &m.parent.Authority, m.parent.AKI
	} else {
		d.Hash, d.AKI = m.Hash, m.AKI
	}
	if d, notices, err = policy.VetAuthority(d, m.KeyType, now); err != nil {
		return a, d, nil, err
	}
	subject, err := subjectDER(m.Subject)
	if err != nil {
		return a, d, nil, err
	}
	ski, err := encode.KeyID(spki)
	if err != nil {
		return a, d, nil, err
	}
	a = ca.Authority{
		Name: m.Name, Line: m.Line, Kind: m.kind, State: m.state, Parent: m.Name, Version: 1,
		Key: digest(spki), KeyType: m.KeyType, Hash: m.Hash, AKI: m.AKI, Subject: subject, SPKI: spki, SKI: ski, Use: m.Use,
		NotBefore: d.NotBefore, NotAfter: d.NotAfter,
		CRL: m.pki + "/pki/" + m.Name + ".crl", Issuer: m.pki + "/pki/" + m.Name + ".crt",
		OCSP: m.pki + "/ocsp/" + m.Name, Shards: max(1, m.Shards),
	}
	if m.parent != nil {
		a.Parent = m.parent.Name
	}
	return a, d, notices, nil
}

// subjectDER writes the name of an authority; one that cannot be written is E2120.
func subjectDER(s ca.Subject) ([]byte, error) {
	der, err := encode.SubjectDER(s)
	if err != nil {
		return nil, ca.Invalid(ca.E2120, "the name "+ca.Show(s.String())+" cannot stand in a certificate", "give it a subject, such as O=Lab,CN=Lab Issuing CA G1").
			Because(err.Error()).At("subject")
	}
	return der, nil
}

// A certifying is the certificate of a generation, encoded and held against its
// draft, before anybody has signed it.
type certifying struct {
	own, signer *authority
	draft       ca.AuthorityDraft
	tbs         []byte
	linted      ca.Digest
	// beside says that the generation keeps its own, and that this one is by another root.
	beside bool
}

// encoded writes the certificate that parent signs, or the key itself if there is
// no parent. An authority without a certificate gets one for the time being, whose
// signature is a zero: what it signs may name the certificate's issuer and number.
func encoded(a ca.Authority, d ca.AuthorityDraft, parent *authority) (c certifying, err error) {
	c.draft, c.signer = d, parent
	if c.tbs, err = encode.Authority(d); err != nil {
		return c, fmt.Errorf("encode the certificate: %w", err)
	}
	c.linted = digest(c.tbs)
	if err := check.Authority(c.tbs, d); err != nil {
		return c, fmt.Errorf("the encoded CA certificate does not match its draft: %w", err)
	}
	if len(a.Certificate) == 0 {
		if a.Certificate, err = encode.Certificate(c.tbs, []byte{0}); err != nil {
			return c, err
		}
	}
	if c.own, err = newAuthority(a, nil); err != nil {
		return c, err
	}
	if c.signer == nil {
		c.signer = c.own
	}
	return c, nil
}

// certify writes the intent of a CA certificate, signs it, and enters the authority: the
// same order as for every other certificate, and the one road of all that are made here.
func (s *Signer) certify(c certifying) (*authority, error) {
	if err := s.unburnt(c.own, c.signer); err != nil {
		return nil, err
	}
	der, intent, err := s.signCA(c)
	if err != nil {
		return nil, err
	}
	if c.beside {
		c.own.Cross = append(slices.Clone(c.own.Cross), ca.CrossCertificate{By: c.signer.Name, Certificate: der})
		// Now one is valid again. That those before are revoked is on the log, and on the lists.
		c.own.Revoked = withoutWord(c.own.Revoked, c.signer.Name)
	} else {
		c.own.Certificate = der
	}
	return c.own, s.enter(c.own, intent, der)
}

// withoutWord gives revocations without that by one of those who signed.
func withoutWord(all []ca.AuthorityRevocation, by string) (out []ca.AuthorityRevocation) {
	for _, r := range all {
		if r.By != by {
			out = append(out, r)
		}
	}
	return out
}

// signCA journals the intent of a CA certificate and signs it.
func (s *Signer) signCA(c certifying) (der []byte, intent int64, err error) {
	body, err := json.Marshal(ca.IntentBody{
		TBS: c.tbs, Authority: c.signer.Name, Kind: ca.CACertificate, Common: c.draft.Subject.Get(ca.OIDCommonName),
		Key: c.own.Key, KeyType: c.own.KeyType, NotBefore: c.draft.NotBefore, NotAfter: c.draft.NotAfter,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("write the intent: %w", err)
	}
	placed, err := s.journal.Append([]journal.Entry{{
		Leaf: audit.Leaf{Kind: audit.Intent, Digest: c.linted, Issuer: c.signer.Key, Serial: c.draft.Serial}, Body: body,
	}})
	if err != nil {
		return nil, 0, fmt.Errorf("journal the intent: %w", err)
	}
	der, err = c.signer.certificate(c.tbs, c.linted)
	return der, placed[0].Index, err
}

// enter appends the FINAL of a certificate and the AUTHORITY of its generation, new
// or changed, and puts it in force, with its key only if that works day by day. The
// session ends: the front learns of it by settling.
func (s *Signer) enter(a *authority, intent int64, der []byte) error {
	final, err := finalEntry(intent, der)
	if err != nil {
		return err
	}
	stands, err := authorityEntry(a.Authority, intent)
	if err != nil {
		return err
	}
	if _, err := s.journal.Append([]journal.Entry{final, stands}); err != nil {
		return fmt.Errorf("journal the authority: %w", err)
	}
	online := *a
	if a.Kind != ca.Issuing {
		online.key = nil
	}
	s.rules.Store(s.rules.Load().withAuthority(&online))
	s.closeSession()
	// What fails here is made for whoever asks first: the authority stands.
	if err := s.respondAtOnce(&online); err != nil {
		s.report(fmt.Errorf("make the OCSP responder of %s: %w", a.Name, err))
	}
	return nil
}

// authorityEntry is the AUTHORITY leaf of a generation as it stands now; intent is
// that of the certificate that made or changed it, 0 if none did.
func authorityEntry(a ca.Authority, intent int64) (journal.Entry, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return journal.Entry{}, fmt.Errorf("write the authority: %w", err)
	}
	return journal.Entry{Leaf: audit.Leaf{Kind: audit.Authority, Cites: intent, Digest: digest(a.Certificate), Issuer: a.Key}, Body: body}, nil
}
