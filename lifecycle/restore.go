// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"chancery/audit"
	"chancery/ca"
)

// EventRestored is the kind of the event that a row of an authority, which its log does
// not have, was put right.
const EventRestored = "authority-restored"

// restore holds the rows of authorities against the log once everything is settled, and
// gives them as they stand then. Nothing else writes them, and no crash leaves one that
// differs: somebody's hand was in the database, of which the log, and whoever reads ours,
// is told. A row that can be put right is. The mark is the book's.
//
// Rows of another log have no one here to vouch for them. A number is quickly written
// into a row, so they are judged as all others are.
func (r *Registrar) restore(ctx context.Context, s *settling, mark int64) ([]ca.AuthorityRow, error) {
	rows, err := r.o.Vouched.rows.Authorities(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the authorities: %w", err)
	}
	missing := map[string]bool{}
	for name := range s.known {
		missing[name] = true
	}
	restored := false
	for _, row := range rows {
		a, ours := s.known[row.Name]
		delete(missing, row.Name)
		what := s.differs(row, a, ours)
		if what == "" {
			continue
		}
		if ours && (row.Fault != nil || !row.Same(a)) {
			done, err := s.putRight(ctx, a, mark)
			if err != nil {
				return nil, err
			}
			if done {
				what, restored = what+"; it was put right", true
			}
		}
		r.o.Report(tampered(row.Name, what))
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		r.o.Report(tampered(name, "it is missing"))
	}
	if !restored {
		return rows, nil
	}
	if rows, err = r.o.Vouched.rows.Authorities(ctx); err != nil {
		return nil, fmt.Errorf("read the authorities: %w", err)
	}
	return rows, nil
}

// differs says what in a row is not as the log has it; a is the log's, if it is ours.
func (s *settling) differs(row ca.AuthorityRow, a ca.Authority, ours bool) string {
	switch {
	case !ours:
		return "the log has no authority of that name"
	case row.Fault != nil:
		return row.Fault.Error()
	case row.Key != a.Key:
		return "it has another key"
	case row.State != a.State:
		return fmt.Sprintf("it says %s, and the log %s", row.State, a.State)
	case !row.Same(a):
		return "its document is another"
	case row.ID.LogNo() != s.session.LogNo || row.ID.Index() >= s.next:
		return fmt.Sprintf("it names leaf %d of log %d", row.ID.Index(), row.ID.LogNo())
	}
	return ""
}

// putRight writes a generation into its row as the log has it, with an event that says
// so. What the signer refuses, such as a leaf when the disk is full, waits: the row is
// shown to nobody meanwhile.
func (s *settling) putRight(ctx context.Context, a ca.Authority, mark int64) (bool, error) {
	e := ca.EventBody{Kind: EventRestored, About: a.Name}
	placed, err := s.log.Append(ctx, e)
	var p *ca.Problem
	if errors.As(err, &p) && p.Code != ca.E1402 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("put the restoring of %s on the log: %w", a.Name, err)
	}
	l, err := audit.ParseLeaf(placed.Leaf)
	if err != nil || l.Kind != audit.FrontEvent || l.Index != placed.Index {
		return false, errors.Join(fmt.Errorf("leaf %d is not the event's", placed.Index), err)
	}
	change := ca.Change{Authority: &a, Event: ca.Event{
		ID: ca.NewID(s.session.LogNo, placed.Index), Kind: e.Kind, At: leafTime(l), About: e.About, Leaf: placed.Leaf,
	}}
	return true, s.commit(ctx, []ca.Change{change}, mark)
}

// tampered is what is told of a row that the log does not have.
func tampered(name, what string) error {
	p := ca.Conflict(ca.E1406, "the database's row of the authority "+ca.Show(name)+" is not what the log says, and is shown to nobody",
		"find out who can write in the database: chancery audit verify")
	return fmt.Errorf("%s: %w: %s", p.Code, p, what)
}
