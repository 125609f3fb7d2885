// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"slices"
	"testing"

	"chancery/ca"
)

// AU-06: tokens and their revocations are held against the log: a second revocation has no
// row of its own, and a token whose maker was not answered has none at all.
func TestAU06_RowsOfTokensAreThoseOfTheLog(t *testing.T) {
	one, other := digestOf(7), digestOf(8)
	event := func(s *story, kind string, d ca.Digest) ca.ID {
		at := s.leaf(Leaf{Kind: FrontEvent}, fmt.Sprintf(`{"kind":%q,"by":"uid:1","about":"%s 2000000000"}`, kind, d))
		s.eventRow(at)
		return ca.NewID(1, at)
	}
	for name, c := range map[string]struct {
		change func(tokens, ends []Row) ([]Row, []Row)
		count  int64
	}{
		"all is as it was":      {func(a, b []Row) ([]Row, []Row) { return a, b }, 0},
		"a token is gone":       {func(_, b []Row) ([]Row, []Row) { return nil, b }, 0},
		"a token is another":    {func(a, b []Row) ([]Row, []Row) { a[0].Token = other; return a, b }, 1},
		"it contradicts itself": {func(a, b []Row) ([]Row, []Row) { a[0].Token = ca.Digest{}; return a, b }, 1},
		"a token on no leaf":    {func(a, b []Row) ([]Row, []Row) { return []Row{{ID: 1<<48 + 1, Token: one}, a[0]}, b }, 1},
		"an end is gone":        {func(a, _ []Row) ([]Row, []Row) { return a, nil }, 1},
		"an end of another":     {func(a, b []Row) ([]Row, []Row) { b[0].Token = other; return a, b }, 1},
		"an end on no leaf":     {func(a, b []Row) ([]Row, []Row) { return a, append(b, Row{ID: ca.NewID(1, 1000), Token: one}) }, 1},
		"an end at its making":  {func(a, b []Row) ([]Row, []Row) { return a, []Row{{ID: a[0].ID, Token: one}} }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			tokens := []Row{{ID: event(s, ca.EventTokenMade, one), Token: one}}
			event(s, ca.EventTokenMade, other) // nobody's: it has no row
			ends := []Row{{ID: event(s, ca.EventTokenRevoked, one), Token: one}}
			event(s, ca.EventTokenRevoked, one) // once more
			s.settled()
			tokens, ends = c.change(tokens, slices.Clone(ends))
			s.book.Tokens, s.book.TokenEnds = stream2(tokens), stream2(ends)
			if out := s.compare(); out.Count != c.count {
				t.Errorf("%d differences: %v", out.Count, out.First)
			}
		})
	}
}
