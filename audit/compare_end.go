// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"maps"
	"slices"

	"chancery/ca"
)

// finish judges what was left open when the log ended.
func (c *comparison) finish(report Report) error {
	if report.LogNo != c.book.LogNo {
		return fmt.Errorf("the rows are those of log number %d, the segments are of number %d", c.book.LogNo, report.LogNo)
	}
	if c.given {
		return nil
	}
	c.numbers()
	if c.book.Mark > report.Leaves {
		c.differ(c.book.Mark, nil, fmt.Sprintf("the book was settled up to here, and the log has %d leaves: the log went back", report.Leaves))
	}
	for _, s := range c.streams() {
		if err := c.beyond(s); err != nil {
			return err
		}
	}
	c.unclosed()
	c.unsettled()
	c.authorities()
	return nil
}

// numbers judges the numbers of logs.
func (c *comparison) numbers() {
	if c.book.Entered != 0 && c.book.Entered != c.book.LogNo {
		c.differ(0, nil, fmt.Sprintf("the log's number is %d, and the book has it as number %d", c.book.LogNo, c.book.Entered))
	}
	for _, o := range c.book.Others {
		if o.Log == "" {
			c.differ(o.First.Index(), &Row{ID: o.First}, fmt.Sprintf("the row, and perhaps more, is of log number %d, and the book knows no such log", o.LogNo))
		}
	}
}

// beyond reports the rows that are left: their leaves would lie behind the log's end.
func (c *comparison) beyond(s *stream) error {
	for s.more {
		row := s.row
		s.count(&row)
		c.differ(row.ID.Index(), &row, fmt.Sprintf("the book has a row of %s, and the log ends before its leaf (S02)", s.table))
		if err := s.advance(); err != nil {
			return err
		}
	}
	return nil
}

// unclosed judges rows whose FINAL or VOID did not come. A front issues only after
// each intent with a row was closed (S05, S06), so it is missing if a later
// session has issued.
func (c *comparison) unclosed() {
	for _, index := range slices.Sorted(maps.Keys(c.open)) {
		o := c.open[index]
		switch {
		case o.row == "" || o.told: // unsettled, or reported
		case index >= c.settled:
			c.out.Unclosed++
		case o.row == ca.Void:
			c.differ(index, &Row{ID: ca.NewID(c.book.LogNo, index), Serial: o.serial}, fmt.Sprintf("the row is void, and no VOID closes the intent, though session %d settled it", c.settled))
		default:
			c.differ(index, &Row{ID: ca.NewID(c.book.LogNo, index), Serial: o.serial}, fmt.Sprintf("the book has a certificate, and no FINAL closes the intent, though session %d settled it", c.settled))
		}
	}
}

// unsettled judges the leaves without a row.
func (c *comparison) unsettled() {
	if c.cited > c.book.Mark {
		c.differ(c.book.Mark, nil, fmt.Sprintf("the book's mark stands here, and a session found it at %d: the database went back", c.cited))
	}
	floor := max(c.book.Mark, c.cited, c.settled)
	for _, g := range c.gaps {
		if g.index < floor {
			c.missing(g)
			continue
		}
		if c.out.Unsettled++; c.out.Unsettled == 1 {
			c.out.UnsettledFrom = g.index
		}
	}
}

// authorities judges the rows of authority.
func (c *comparison) authorities() {
	for _, g := range c.generations {
		if g.ID.LogNo() != c.book.LogNo {
			continue // another node's, or among the numbers that nobody knows
		}
		c.out.Authorities++
		row := Row{ID: g.ID}
		switch same := func(said ca.Authority) bool { return g.Same(said) }; {
		case g.Fault != nil:
			c.differ(g.ID.Index(), &row, fmt.Sprintf("the row of the authority %s contradicts itself: %v", ca.Show(g.Name), g.Fault))
		case !g.seen:
			c.differ(g.ID.Index(), &row, fmt.Sprintf("the row of the authority %s has a key that no AUTHORITY leaf names", g.Name))
		case len(g.said) == 0 || slices.ContainsFunc(g.said, same):
		case g.said[len(g.said)-1].State != g.State:
			c.differ(g.ID.Index(), &row, fmt.Sprintf("the row of the authority %s says %s, and the log %s", g.Name, g.State, g.said[len(g.said)-1].State))
		default:
			c.differ(g.ID.Index(), &row, fmt.Sprintf("the row of the authority %s is not what its leaf says", g.Name))
		}
	}
}
