// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto/x509"
	"maps"
	"slices"
	"time"

	"chancery/ca"
)

// fellBelow gives the generations that stand otherwise once the list from elsewhere of the
// one above them is taken: they came here before it, and it revokes them. More are the
// entries that are not taken yet, by serial number. The log says of each that it is
// revoked, as if that had been done here, since nobody who reads the list accepts what it
// signs. A hold counts as a revocation: no list of here takes it back.
func (s *Signer) fellBelow(by *authority, more []step, now time.Time) (out []ca.Authority) {
	r := s.rules.Load()
	s.revoking.Lock()
	defer s.revoking.Unlock()
	known := s.revokedOf(by.Key)
	revokes := func(x *x509.Certificate) (step, bool) {
		serial, err := ca.SerialFromBytes(x.SerialNumber.Bytes())
		if err != nil {
			return step{}, false // which is on no list
		}
		if i, ok := slices.BinarySearchFunc(more, wide(serial), step.compare); ok {
			return more[i], true
		}
		last, ok := known.find(wide(serial))
		return last, ok && !last.lifted()
	}
	for _, name := range slices.Sorted(maps.Keys(r.authorities)) {
		if of := r.authorities[name]; of.Name != by.Name {
			if next := s.fallenBy(condemnation{of: of, by: by}, revokes, now); next.Version != of.Version {
				out = append(out, next)
			}
		}
	}
	return out
}

// fallenBy is a generation as it stands when what one key signed for it is revoked. The
// caller holds revoking.
func (s *Signer) fallenBy(c condemnation, revokes func(*x509.Certificate) (step, bool), now time.Time) ca.Authority {
	present, all, found := false, true, false
	var last step
	for _, der := range s.certificatesOf(c.of) {
		x, err := x509.ParseCertificate(der)
		// No two authorities have one name. What cannot be read is none that signs here.
		if err != nil || !bytes.Equal(x.RawIssuer, c.by.Subject) || !x.NotAfter.After(now) {
			continue
		}
		one, is := revokes(x)
		if all = all && is; !is {
			continue
		}
		if own := bytes.Equal(der, c.of.Certificate); own || !present && !ca.Reason(last.reason).Compromises() {
			last, present = one, present || own
		}
		if ca.Reason(one.reason).Compromises() {
			c.reason = ca.Reason(one.reason)
		}
		found = true
	}
	if !found {
		return c.of.Authority
	}
	return c.afterwards(present, ca.Reason(last.reason), all, time.Unix(last.at, 0).UTC())
}

// fellNotices says which generations a list from elsewhere revokes, and what that means.
func (s *Signer) fellNotices(all []ca.Authority) (notices []string) {
	h := s.rules.Load().hierarchy()
	for _, a := range all {
		if a.RevokedByParent() {
			notices = append(notices, "the list revokes "+a.Name+": it is retired, and signs no certificate any more")
		} else {
			notices = append(notices, "the list revokes a certificate of "+a.Name+" by another than its parent")
		}
		notices = append(notices, h.Bereaved(a)...)
	}
	return notices
}
