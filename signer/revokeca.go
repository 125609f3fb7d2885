// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/encode"
	"chancery/policy"
	"chancery/signer/journal"
)

// An AuthorityRevoking asks that the certificates of an authority's key be revoked by
// who signed them.
type AuthorityRevoking struct {
	Authority string `json:"authority"`
	// By is a root that cross-certified it; empty is its parent.
	By     string    `json:"by,omitempty"`
	Reason ca.Reason `json:"reason"`
	// Words are the recovery words that open the key of who signed.
	Words string `json:"words"`
	// Certificate is the SHA-256 of one of the certificates; nil means all that have not
	// ended, and so does any if the key may be somebody else's.
	Certificate *ca.Digest `json:"certificate,omitempty"`
	// DryRun has it judged and nothing done; it needs no words.
	DryRun bool `json:"dry_run,omitempty"`
}

// An AuthorityRevoked is what came of it: the authority as it stands now, the numbers of
// its certificates that are revoked, and the list that says so, of who signed them.
type AuthorityRevoked struct {
	Created
	Serials []ca.Serial `json:"serials"`
}

// A condemnation is the revocation of an authority on its way.
type condemnation struct {
	of, by *authority
	reason ca.Reason
	who    string
	// steps are those of each certificate; now is the authority afterwards.
	steps []stepping
	now   ca.Authority
}

// RevokeAuthority revokes an authority on the word of the account uid (BK-06): it has
// the certificates of its key that one issuer signed revoked, and signs that issuer's
// list while its key is open. If its own certificate is among them, or the key may be somebody else's, the
// generation is retired with it, also if it is the one that signs for its line. The
// session is closed then. What was done before is done again to the same end, so that a
// call whose answer was lost, or that a power cut broke off, is repeated.
//
// The error is a Problem: E2101 for what is not there, E2111 for what cannot be revoked
// so, E3002 for wrong words.
func (s *Signer) RevokeAuthority(q AuthorityRevoking, uid int) (out AuthorityRevoked, err error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	c, err := s.condemned(q, fmt.Sprintf("uid:%d", uid), now)
	if err != nil {
		return out, err
	}
	if out, err = s.tells(c); err != nil || q.DryRun {
		return out, err
	}
	opened, err := s.openSealed(c.by.Name, q.Words)
	if err != nil {
		return AuthorityRevoked{}, err
	}
	s.flights.Lock()
	defer s.flights.Unlock()
	if err := s.carryOut(c); err != nil {
		return AuthorityRevoked{}, err
	}
	if err := s.ceremonyLists(&out.Created, opened); err != nil {
		return out, err
	}
	return out, s.journal.Sync()
}

// tells is what is said of a revocation, all but the list.
func (s *Signer) tells(c condemnation) (out AuthorityRevoked, err error) {
	for _, t := range c.steps {
		serial, err := ca.SerialFromBytes(t.serial[:])
		if err != nil {
			return out, err
		}
		out.Serials = append(out.Serials, serial)
	}
	out.Authority, out.Notices = c.now, append(s.rules.Load().hierarchy().Bereaved(c.now), s.alsoCertified(c)...)
	return out, nil
}

// alsoCertified says who else certified a key that may be somebody else's, and has not
// revoked that: whoever accepts that signer accepts the key by it.
func (s *Signer) alsoCertified(c condemnation) (notices []string) {
	if !c.reason.Compromises() {
		return nil
	}
	r, now := s.rules.Load(), s.clock.stamp()
	s.revoking.Lock()
	defer s.revoking.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.authorities)) {
		by, valid := r.authorities[name], false
		for _, der := range s.certificatesOf(c.of) {
			x, err := x509.ParseCertificate(der)
			if err != nil || by.Name == c.by.Name || !bytes.Equal(x.RawIssuer, by.Subject) || !x.NotAfter.After(now) {
				continue
			}
			serial, err := ca.SerialFromBytes(x.SerialNumber.Bytes())
			step, taken := s.revokedOf(by.Key).find(wide(serial))
			valid = valid || err != nil || !taken || step.lifted()
		}
		does := "chancery ca revoke " + c.of.Name + " --by " + name + " --reason " + c.reason.String()
		switch {
		case !valid:
			continue
		case name == c.of.Name:
			does = "take it out of every trust store"
		case by.External:
			does = "have it revoked where the key of " + name + " is"
		case name == c.of.Parent:
			does = "chancery ca revoke " + c.of.Name + " --reason " + c.reason.String()
		}
		notices = append(notices, name+" certified the key of "+c.of.Name+" too, and has not revoked that: "+does)
	}
	return notices
}

// carryOut puts the steps and the generation's new state on the log. In this order,
// since a power cut may leave the first leaves alone, where a segment of the log ends
// between them: what is revoked then is retired by the same call.
func (s *Signer) carryOut(c condemnation) error {
	s.revoking.Lock()
	defer s.revoking.Unlock()
	var more []journal.Entry
	if c.now.Version != c.of.Version {
		entry, err := authorityEntry(c.now, 0)
		if err != nil {
			return err
		}
		more = append(more, entry)
	}
	fresh := slices.DeleteFunc(slices.Clone(c.steps), func(t stepping) bool { return t.repeats })
	if err := s.take(fresh, more...); err != nil {
		return err
	}
	if len(more) > 0 {
		next := *c.of
		next.Authority = c.now
		s.rules.Store(s.rules.Load().withAuthority(&next))
	}
	if len(fresh)+len(more) > 0 {
		s.closeSession()
	}
	return nil
}

// condemned judges a wish: what is to be revoked, and what the authority is then.
func (s *Signer) condemned(q AuthorityRevoking, who string, now time.Time) (c condemnation, err error) {
	r := s.rules.Load()
	c = condemnation{of: r.authorities[q.Authority], reason: q.Reason, who: who}
	if c.of == nil {
		return c, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.Authority), "chancery ca list")
	}
	by := q.By
	if by == "" {
		by = c.of.Parent
	}
	c.by = r.authorities[by]
	if err := r.hierarchy().Condemns(policy.Condemning{Of: c.of.Name, By: by, Reason: c.reason, Signed: s.signedBy(c.of, c.by)}); err != nil {
		return c, err
	}
	s.revoking.Lock()
	defer s.revoking.Unlock()
	present, stands, why := false, error(nil), q.Reason
	for _, der := range s.certificatesOf(c.of) {
		if !q.takes(der) {
			continue
		}
		x, err := x509.ParseCertificate(der)
		if err != nil {
			return c, fmt.Errorf("read a certificate of %s: %w", c.of.Name, err)
		}
		// No two authorities have one name.
		if !bytes.Equal(x.RawIssuer, c.by.Subject) || !x.NotAfter.After(now) {
			continue
		}
		t, err := s.stepAgainst(c, x)
		own := bytes.Equal(der, c.of.Certificate)
		var p *ca.Problem
		switch {
		case errors.As(err, &p) && t.number > 0: // it stays revoked as it is, which must not keep others valid
			if stands = err; own {
				why = ca.Reason(t.reason)
			}
		case err != nil:
			return c, err
		default:
			c.steps = append(c.steps, t)
		}
		present = present || own
	}
	c.now = c.afterwards(present, why, q.Certificate == nil || q.Reason.Compromises(), now)
	switch {
	case len(c.steps) == 0 && stands != nil && c.now.Version == c.of.Version:
		return c, stands
	case len(c.steps) == 0 && stands == nil:
		return c, ca.Refused(ca.E2111, "no certificate of "+c.of.Name+" that "+c.by.Name+" signed is valid", "chancery ca show "+c.of.Name)
	}
	return c, nil
}

// takes tells whether a certificate is among those that are to be revoked: whoever has the
// key has all of them.
func (q AuthorityRevoking) takes(der []byte) bool {
	return q.Certificate == nil || q.Reason.Compromises() || digest(der) == *q.Certificate
}

// signedBy tells whether a generation signed any certificate of another's key.
func (s *Signer) signedBy(of, by *authority) bool {
	return by != nil && slices.ContainsFunc(s.certificatesOf(of), func(der []byte) bool {
		x, err := x509.ParseCertificate(der)
		return err == nil && bytes.Equal(x.RawIssuer, by.Subject)
	})
}

// certificates are all certificates of a generation's key, the present one first.
func (a *authority) certificates() [][]byte {
	all := append([][]byte{a.Certificate}, a.Earlier...)
	for _, x := range a.Cross {
		all = append(all, x.Certificate)
	}
	return all
}

// afterwards is the authority as it stands when its steps are taken; why is what its own
// certificate is revoked for then, if that is present among them.
func (c condemnation) afterwards(present bool, why ca.Reason, all bool, now time.Time) ca.Authority {
	next, word := c.of.Authority, ca.AuthorityRevocation{By: c.by.Name, At: now, Reason: why}
	changed, crossed := false, all && c.by.Name != c.of.Parent
	if (present || c.reason.Compromises()) && next.State != ca.Retired {
		next.State, changed = ca.Retired, true
	}
	at := slices.IndexFunc(next.Revoked, func(before ca.AuthorityRevocation) bool { return before.By == word.By })
	switch {
	case !present && !crossed: // an earlier certificate alone
	case at < 0:
		next.Revoked, changed = append(slices.Clone(next.Revoked), word), true
	case next.Revoked[at].Reason != word.Reason:
		next.Revoked, changed = slices.Clone(next.Revoked), true
		next.Revoked[at].Reason = word.Reason // its date never moves (security rule RV-03)
	}
	if changed {
		next.Version++
	}
	return next
}

// stepAgainst is the next step of one certificate; beside a refusal, the last step that
// was taken, if there was one. The caller holds revoking.
func (s *Signer) stepAgainst(c condemnation, x *x509.Certificate) (stepping, error) {
	serial, err := ca.SerialFromBytes(x.SerialNumber.Bytes())
	if err != nil {
		return stepping{}, fmt.Errorf("read the number of a certificate of %s: %w", c.of.Name, err)
	}
	intent, err := s.intentOfCA(c.by.Key, serial)
	if err != nil {
		return stepping{}, err
	}
	before, _ := s.revokedOf(c.by.Key).find(wide(serial))
	step := int(before.number) + 1
	if before.number > 0 && before.reason == uint8(c.reason) { //nolint:gosec // it is valid
		step-- // it is taken
	}
	t, err := s.judged(ca.Revoking{ID: ca.NewID(s.journal.LogNo(), intent), Step: step, Reason: c.reason, By: c.who},
		audit.Leaf{Issuer: c.by.Key, Serial: serial}, ca.IntentBody{Key: c.of.Key, NotAfter: x.NotAfter.UTC()})
	if err != nil {
		return stepping{step: before}, err
	}
	return t, nil
}

// serialSlack is how long after the second in its number a certificate's INTENT lies at
// most on the log: words are stretched in between.
const serialSlack = time.Hour

// intentOfCA finds the INTENT of a certificate by its number, 0 if there is none: it was
// made elsewhere, by a key that came here since. The
// number says when it was made, so that a part of the log is read; all of it, if the
// clock was set back since.
func (s *Signer) intentOfCA(issuer ca.Digest, serial ca.Serial) (found int64, err error) {
	at, ok := encode.SerialTime(s.journal.LogNo(), serial)
	if !ok {
		return 0, nil
	}
	size, failed := s.journal.Size(), error(nil)
	from := sort.Search(int(size), func(i int) bool {
		rec, err := s.journal.Leaf(int64(i))
		if err != nil {
			failed = err
		}
		return rec.Leaf.Time >= at.UnixMilli()
	})
	if failed != nil {
		return 0, fmt.Errorf("look for the intent of %s: %w", serial, failed)
	}
	last := at.Add(serialSlack).UnixMilli()
	for _, part := range []struct{ from, last int64 }{{int64(from), last}, {0, 1<<63 - 1}} {
		err = s.journal.Scan(part.from, func(rec journal.Record) error {
			switch {
			case rec.Leaf.Kind == audit.Intent && rec.Leaf.Issuer == issuer && rec.Leaf.Serial == serial:
				found = rec.Index
				return journal.ErrStop
			case rec.Leaf.Time > part.last:
				return journal.ErrStop
			}
			return nil
		})
		if err != nil || found > 0 {
			break
		}
	}
	return found, err
}
