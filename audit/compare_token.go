// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"fmt"

	"chancery/ca"
)

// token holds a leaf against its rows of token and token_end. Whoever can write in the
// database gains nothing by either, as nobody signs in whom the log does not know, but it
// must be seen that somebody did.
func (c *comparison) token(r Record, event bool) error {
	made, err := c.tokens.at(r.Leaf.Index)
	if err != nil {
		return err
	}
	end, err := c.tokenEnds.at(r.Leaf.Index)
	if err != nil {
		return err
	}
	if r.Leaf.Kind == FrontEvent && r.Erased {
		return nil // retention took what it was about
	}
	var e ca.EventBody
	var digest ca.Digest
	about := false
	if r.Leaf.Kind == FrontEvent && json.Unmarshal(r.Body, &e) == nil {
		digest, _, about = ca.TokenAbout(e.About)
	}
	if made != nil && !(about && e.Kind == ca.EventTokenMade && digest == made.Token) {
		c.differ(r.Leaf.Index, made, "the row of token is not of the token that the log tells of here")
	}
	revoked := about && e.Kind == ca.EventTokenRevoked
	switch again := c.ended[digest]; {
	case end != nil && !(revoked && digest == end.Token):
		c.differ(r.Leaf.Index, end, "the row of token_end is not of a revocation that the log tells of here")
	case end == nil && revoked && event && !again && len(c.ended) < maxPending:
		// Its row was written together with that of the event, if no earlier one stood.
		c.differ(r.Leaf.Index, nil, fmt.Sprintf("the token %s was revoked here, and there is no row of token_end", digest.String()[:16]))
	}
	if revoked && len(c.ended) < maxPending {
		c.ended[digest] = true
	}
	return nil
}
