// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"chancery/ca"
)

// step holds a leaf against its row of revocation.
func (c *comparison) step(r Record, row *Row) {
	if row == nil {
		return
	}
	if r.Leaf.Kind != Revoked {
		c.differ(r.Leaf.Index, row, fmt.Sprintf("the book has a revocation here, the log a leaf of %v", r.Leaf.Kind))
		return
	}
	if what := unlike(r, row, c.book.LogNo); what != "" {
		c.differ(r.Leaf.Index, row, what)
	}
}

// unlike says what in a row of revocation is not as its leaf has it. Of a leaf whose
// body retention took, what the leaf itself says is left to compare.
func unlike(r Record, row *Row, logNo uint16) string {
	l, s := r.Leaf, row.Step
	switch {
	case row.Issuer != l.Issuer || row.Serial != l.Serial:
		return fmt.Sprintf("the row revokes another certificate than its leaf, which has serial %s of issuer key %s", l.Serial, l.Issuer)
	case s.Number != l.Step:
		return fmt.Sprintf("the row is step %d of its certificate, and the leaf step %d", s.Number, l.Step)
	case s.At != l.Time:
		return fmt.Sprintf("the date of the revocation is %d in the row, and %d in its leaf", s.At, l.Time)
	case r.Erased:
		return ""
	}
	var body ca.RevokedBody
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return "the leaf does not say what was revoked: " + err.Error()
	}
	switch {
	case s.Certificate != ca.NewID(logNo, body.Intent):
		return fmt.Sprintf("the row names the certificate of row %d, and its leaf that of leaf %d", s.Certificate, body.Intent)
	case s.Reason != body.Reason:
		return fmt.Sprintf("the reason is %s in the row, and %s in its leaf", s.Reason, body.Reason)
	case s.InvalidSince != 0 != !body.InvalidSince.IsZero() || s.InvalidSince != 0 && s.InvalidSince != body.InvalidSince.UnixMilli():
		return "the invalidity date in the row is not that of its leaf"
	case s.By != body.By:
		return fmt.Sprintf("the row says that %s revoked it, and its leaf that %s did", ca.Show(s.By), ca.Show(body.By))
	}
	return ""
}

// abandoned is the leaf that says that another one's rows will never stand. If they
// do, the two contradict each other: nobody abandons what the book has taken (L06).
func (c *comparison) abandoned(l Leaf) {
	at, ok := slices.BinarySearchFunc(c.gaps, l.Cites, func(g gap, index int64) int { return cmp.Compare(g.index, index) })
	if !ok || c.gaps[at].half {
		c.differ(l.Cites, &Row{ID: ca.NewID(c.book.LogNo, l.Cites)}, fmt.Sprintf("leaf %d abandons it, and the book has a row of it", l.Index))
	}
	if ok {
		c.gaps = slices.Delete(c.gaps, at, at+1)
	}
}
