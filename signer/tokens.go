// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chancery/ca"
	"chancery/signer/journal"
)

// tokens are the API tokens that the front told the log of and did not revoke: digests
// of their rows, and when they end, in seconds since 1970. Nothing here obeys a token: the
// signer keeps the list because it cannot be edited, as rows of the database can (security
// rule RO-02), and says it with each hello.
type tokens map[ca.Digest]int64

// take takes what an event says of a token, and tells whether it is about one. Events
// that name no digest, which only a broken front writes, are passed over.
func (t tokens) take(e ca.EventBody) (ca.Digest, bool) {
	if e.Kind != ca.EventTokenMade && e.Kind != ca.EventTokenRevoked {
		return ca.Digest{}, false
	}
	digest, ends, ok := ca.TokenAbout(e.About)
	switch {
	case !ok:
	case e.Kind == ca.EventTokenMade:
		t[digest] = ends.Unix()
	default:
		delete(t, digest)
	}
	return digest, ok
}

// all are the digests of those that have not ended, in order.
func (t tokens) all(now time.Time) []ca.Digest {
	var out []ca.Digest
	for digest, ends := range t {
		if ends > now.Unix() {
			out = append(out, digest)
		}
	}
	slices.SortFunc(out, func(a, b ca.Digest) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// admits refuses one token too many.
func (s *Signer) admits(e ca.EventBody) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Kind == ca.EventTokenMade && len(s.tokens.all(s.Now())) >= ca.MaxTokens {
		return ca.Refused(ca.E1305, fmt.Sprintf("there are %d tokens already", ca.MaxTokens), "revoke those that nobody uses: chancery token list")
	}
	return nil
}

// eventLeaf takes what the front said of a token. An erased body (retention) is of an
// event that is too old to be of one in force.
func (m *memory) eventLeaf(rec journal.Record) (about string, err error) {
	if rec.Erased || len(rec.Body) == 0 {
		return "", nil
	}
	var e ca.EventBody
	if err := json.Unmarshal(rec.Body, &e); err != nil {
		return "", fmt.Errorf("read an event: %w", err)
	}
	if digest, ok := m.tokens.take(e); ok {
		return "token " + digest.String(), nil
	}
	return "", nil
}
