// SPDX-License-Identifier: Apache-2.0

package signer

import "crypto"

// WrapKeys puts another key in the place of each authority's that is unlocked,
// as a fault in memory, processor or token would.
func (s *Signer) WrapKeys(wrap func(crypto.Signer) crypto.Signer) {
	r := s.rules.Load()
	for _, a := range r.authorities {
		if a.key != nil {
			wrapped := *a
			wrapped.key = wrap(a.key)
			r = r.withAuthority(&wrapped)
		}
	}
	s.rules.Store(r)
}
