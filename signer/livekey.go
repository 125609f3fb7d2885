// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
)

// nobodys refuses an authority the key of a live end-entity certificate (security rule
// PF-07): whoever holds that could sign as the authority. The opposite, a request with the key
// of an authority, is refused as it is made. No index has the keys of certificates, so all
// of the log is read: ceremonies are rare, and others issue meanwhile.
func (s *Signer) nobodys(key ca.Digest, now time.Time) error {
	var live []ca.IntentBody
	var leaves []audit.Leaf
	hex := []byte(key.String())
	err := s.journal.Scan(0, func(rec journal.Record) error {
		// Few bodies have these digits, and only they are taken apart. Retention erases
		// those of what has ended.
		if rec.Leaf.Kind != audit.Intent || rec.Erased || !bytes.Contains(rec.Body, hex) {
			return nil
		}
		var body ca.IntentBody
		if err := json.Unmarshal(rec.Body, &body); err != nil {
			return fmt.Errorf("read the body of intent %d: %w", rec.Index, err)
		}
		if body.Kind == ca.EndEntity && body.Key == key && body.NotAfter.After(now) {
			live, leaves = append(live, body), append(leaves, rec.Leaf)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for certificates of a key: %w", err)
	}
	s.revoking.Lock()
	defer s.revoking.Unlock()
	for i, l := range leaves {
		last, ok := s.revokedOf(l.Issuer).find(wide(l.Serial))
		if ok && !last.lifted() && ca.Reason(last.reason) != ca.CertificateHold { // a hold may be taken back
			continue
		}
		return ca.Refused(ca.E2204, fmt.Sprintf("the certificate %s-%s, valid until %s, has this key", live[i].Authority, l.Serial, live[i].NotAfter.Format(time.DateOnly)),
			"make a new key, or, if nobody else has this one: chancery revoke "+live[i].Authority+"-"+string(l.Serial)).
			Because("whoever holds that certificate's key could sign as the authority (security rule PF-07)")
	}
	return nil
}
