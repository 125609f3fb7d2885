// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"chancery/audit"
	"chancery/ca"
	"chancery/policy"
)

// A row is a signed certificate on its way into the book.
type row struct {
	wish   *wish
	change ca.Change
	// stands is the certificate to hand out: the row's own, or an earlier one that
	// the same idempotency key led to.
	stands   ca.Certificate
	repeated bool
	// other says that the key stands for another request, so there is nothing to
	// hand out.
	other bool
	// outrun is why the certificate, which stands, may not: another node was first. It is
	// revoked, and its requester is told.
	outrun error
}

// A group is what one transaction commits.
type group struct {
	rows []row
	// more are changes that stand with the rows, or none of them does.
	more []ca.Change
	// mark is what the book has, next what it gets.
	mark, next int64
	err        error
}

// rows turns the signer's answers into rows, and answers those it refused. An
// answer that does not fit its wish makes the whole batch unknown: then the log
// says what was signed.
func (s *shift) rows(f *flight) ([]row, error) {
	if len(f.answers) != len(f.wishes) {
		return nil, fmt.Errorf("the signer gave %d answers to %d wishes", len(f.answers), len(f.wishes))
	}
	var out []row
	for i, w := range f.wishes {
		a := f.answers[i]
		if a.Problem != nil {
			continue
		}
		change, err := s.change(w, a)
		if err != nil {
			return nil, err
		}
		out = append(out, row{wish: w, change: change, stands: *change.Certificate})
	}
	// Only now, as a batch that is unknown is answered from the book alone.
	for i, w := range f.wishes {
		if a := f.answers[i]; a.Problem != nil {
			s.r.finish(w, ca.Issued{}, a.Problem)
		} else {
			s.known = max(s.known, a.Index+1)
		}
	}
	return out, nil
}

// change makes the row of an answer. The draft is the front's; what the signer
// chose itself, with its own clock, comes from leaf and certificate.
func (s *shift) change(w *wish, a ca.Answer) (ca.Change, error) {
	l, err := audit.ParseLeaf(a.Leaf)
	if err != nil {
		return ca.Change{}, fmt.Errorf("read the leaf of request %s: %w", w.request.ID, err)
	}
	if l.Kind != audit.Intent || l.Index != a.Index || a.Request != w.request.ID || l.Log.String() != s.v.session.Log {
		return ca.Change{}, fmt.Errorf("the answer of leaf %d is not that of request %s", a.Index, w.request.ID)
	}
	x, err := x509.ParseCertificate(a.DER)
	if err != nil {
		return ca.Change{}, fmt.Errorf("read the certificate of leaf %d: %w", a.Index, err)
	}
	draft := w.cleared.Draft()
	authority := draft.Authority
	for _, g := range s.v.authorities {
		if g.Key == l.Issuer {
			authority = g.Name
		}
	}
	b := ca.IntentBody{
		Wish: w.request, Authority: authority, Kind: ca.EndEntity,
		Names: draft.Names, Common: draft.Subject.Get(ca.OIDCommonName), Key: draft.Key, KeyType: draft.KeyType,
		NotBefore: x.NotBefore, NotAfter: x.NotAfter,
	}
	i := intent{record: Record{Index: a.Index, Leaf: a.Leaf}, leaf: l}
	change := i.change(s.v.session.LogNo, b, a.DER)
	if unique := s.v.profiles[w.request.Profile].Unique; unique != policy.NotUnique {
		change.Unique = unique
	}
	return change, nil
}

// commit writes the group in leaf order, and finds out for each row what its
// requester is to be given.
func (g *group) commit(ctx context.Context, book Book) {
	slices.SortStableFunc(g.rows, func(a, b row) int { return cmp.Compare(a.change.Event.ID, b.change.Event.ID) })
	changes := make([]ca.Change, 0, len(g.rows)+len(g.more))
	for i := range g.rows {
		changes = append(changes, g.rows[i].change)
	}
	changes = append(changes, g.more...)
	slices.SortFunc(changes, func(a, b ca.Change) int { return cmp.Compare(a.Event.ID, b.Event.ID) })
	lost, err := book.Commit(ctx, changes, g.next)
	if errors.Is(err, ca.ErrTaken) && len(g.more) == 0 { // else settling finds out what stands
		lost, err = g.single(ctx, book)
	}
	for _, id := range lost {
		if err != nil {
			break
		}
		err = g.winner(ctx, book, id)
	}
	g.err = err
}

// single writes the rows one by one, after one of them was refused because its
// place is taken: the signer repeats its answer to a request it knows, and then
// the row is its own. Anything else is for settling to judge.
func (g *group) single(ctx context.Context, book Book) (lost []ca.RequestID, err error) {
	for i := range g.rows {
		row := &g.rows[i]
		l, err := book.Commit(ctx, []ca.Change{row.change}, g.mark)
		switch {
		case err == nil:
			lost = append(lost, l...)
			continue
		case !errors.Is(err, ca.ErrTaken):
			return nil, err
		}
		want := row.change.Certificate
		have, ok, err := book.Serial(ctx, want.IssuerKey, want.Serial)
		switch {
		case err != nil:
			return nil, err
		case !ok || have.ID != want.ID || !bytes.Equal(have.DER, want.DER):
			return nil, fmt.Errorf("another row stands in the place of leaf %d", want.ID.Index())
		}
		// The signer knows a key for longer than the book, but not what it stood for.
		row.other = have.Key != want.Key || have.Profile != want.Profile || !slices.Equal(have.Names, want.Names)
		row.stands, row.repeated = have, true
	}
	_, err = book.Commit(ctx, nil, g.next)
	return lost, err
}

// errOutrun says that another node has what this certificate may not share.
var errOutrun = errors.New("another node was first")

// winner finds the certificate to hand out when another node's request of the
// same idempotency key was committed first. Without one it was the key or the name.
func (g *group) winner(ctx context.Context, book Book, id ca.RequestID) error {
	for i := range g.rows {
		row := &g.rows[i]
		q := row.wish.request
		if q.ID != id {
			continue
		}
		first, c, err := book.Repeated(ctx, q.Door, q.From.ID, q.Key)
		switch {
		case err != nil:
			return err
		case first != nil && c.ID != row.change.Certificate.ID:
			row.stands, row.repeated, row.other = c, true, !first.Same(q)
		default:
			row.outrun = errOutrun
		}
	}
	return nil
}
