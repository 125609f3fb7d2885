// SPDX-License-Identifier: Apache-2.0

package status

import (
	"sync"

	"chancery/ca"
)

// maxPlaces is how many certificates' places are remembered: some two megabytes.
const maxPlaces = 8192

// places remembers where in the log certificates are that were asked about before: a row's
// id never changes, and who sends nonces asks about the same certificate again and again.
// Nobody has to believe them: the signer reads there, and says unknown of another.
type places struct {
	mu sync.RWMutex
	of map[certificate]ca.ID
}

// certificate is one by its issuer's key and its number.
type certificate struct {
	issuerKey ca.Digest
	serial    ca.Serial
}

// find gives a certificate's place, if it is remembered.
func (p *places) find(c certificate) (ca.ID, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	id, known := p.of[c]
	return id, known
}

// note remembers a place. When there is no room everything is forgotten: whoever is asked
// about often is back at once.
func (p *places) note(c certificate, id ca.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil || len(p.of) >= maxPlaces {
		p.of = make(map[certificate]ca.ID, 64)
	}
	p.of[c] = id
}
