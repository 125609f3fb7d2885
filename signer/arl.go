// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"
	"iter"

	"chancery/audit"
	"chancery/ca"
)

// endEntities gives the serial numbers of those steps that the log knows to be of
// certificates of end entities: they have no place on a list that says that it has CA
// certificates only (RFC 5280 §5.2.5). What nobody knows is not among them, such as what
// the key revoked before it came here, which a list from elsewhere has by its number alone:
// one number too many harms nobody, and a CA certificate that is missing is accepted.
//
// It is asked of roots and intermediates, which sign no end entities here, so that there
// are few, and it reads the log for each.
func (s *Signer) endEntities(steps iter.Seq[step]) (map[[20]byte]bool, error) {
	out := map[[20]byte]bool{}
	earlier := int64(-1) // an EARLIER leaf has thousands of them, which mostly follow one another
	for one := range steps {
		if one.leaf == earlier {
			continue
		}
		rec, err := s.journal.Leaf(one.leaf)
		if err != nil {
			return nil, fmt.Errorf("read leaf %d: %w", one.leaf, err)
		}
		intent := int64(0)
		switch {
		case rec.Erased:
		case rec.Leaf.Kind == audit.Earlier:
			earlier = rec.Index
		case rec.Leaf.Kind == audit.Void:
			intent = rec.Leaf.Cites
		case rec.Leaf.Kind == audit.Revoked:
			var body ca.RevokedBody
			if err := json.Unmarshal(rec.Body, &body); err != nil {
				return nil, fmt.Errorf("read revocation %d: %w", one.leaf, err)
			}
			intent = body.Intent
		}
		if intent == 0 {
			continue // of no certificate made here
		}
		rec, err = s.journal.Leaf(intent)
		if err != nil {
			return nil, fmt.Errorf("read intent %d: %w", intent, err)
		}
		var body ca.IntentBody
		if rec.Erased {
			continue
		}
		if err := json.Unmarshal(rec.Body, &body); err != nil {
			return nil, fmt.Errorf("read the body of intent %d: %w", intent, err)
		}
		out[one.serial] = body.Kind == ca.EndEntity
	}
	return out, nil
}
