// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"chancery/audit"
	"chancery/ca"
)

const (
	// maxGroup is the most rows of one transaction and the most settlements of
	// one call: what the signer takes, and what a database commits in one go
	// without anybody waiting for it.
	maxGroup = 256
	// maxClosed is how many closed intents settling remembers to recognise a
	// second FINAL. Contradictions further apart are for `audit verify` to find.
	maxClosed = 1 << 16
	// firstLookBack is how far below the mark settling looks for intents whose
	// FINAL was lost: more than FINALs are written in the second they may take.
	firstLookBack = 4096
)

// A settling makes log and book agree, once, for one session. It carries out the
// tables of docs/recovery.md, whose row numbers stand beside the cases, and it
// never signs (security rule IS-02).
type settling struct {
	book    Book
	shelf   Shelf
	records Records
	log     Log
	session ca.Session
	// mark is what the book said when the session was opened.
	mark int64
	// known are the generations as the log has them: what hello said, and the leaves read
	// since.
	known map[string]ca.Authority
	// decided are what officers have said of intents that are unknown.
	decided map[int64]ca.Decision
	// waits tells whether a requester still waits, so that the row is delivered.
	waits func(ca.RequestID) bool

	// next is the first leaf not yet read.
	next int64
	// open are the intents read that no leaf has closed.
	open map[int64]intent
	// closed says how an intent was closed: the certificate's digest, zero for
	// void. It holds those at or above remembered.
	closed     map[int64]ca.Digest
	remembered int64
	rows       []ca.Change
	// taken are revocations whose step another leaf has taken in the book.
	taken map[int64]bool
	// wentBack says that a SESSION leaf saw a higher mark than the book has now.
	wentBack bool
}

// settled is what a settling leaves behind.
type settled struct {
	// next is the first leaf that settling did not see.
	next int64
	// unknown are the intents an officer must decide, in order. While there are any
	// the mark stays where it was found: lowest, which else is next.
	unknown []intent
	lowest  int64
}

// run settles everything from the mark on. If it fails it can be run again.
func (s *settling) run(ctx context.Context) (settled, error) {
	if err := s.foreignRows(ctx); err != nil {
		return settled{}, err
	}
	from := s.mark
	for back := int64(firstLookBack); ; back *= 4 {
		if err := s.read(ctx, from); err != nil {
			return settled{}, err
		}
		// The mark passes an intent when its row is written; its FINAL may have been
		// lost in a power cut after that (S05). The signer's count tells.
		if len(s.open) >= s.session.Unsettled || from == 0 {
			break
		}
		from = max(0, s.mark-back)
	}
	return s.close(ctx)
}

// foreignRows refuses rows whose leaf the log does not have (S02).
func (s *settling) foreignRows(ctx context.Context) error {
	// The cursor is the first id of the next log, so that the page is the newest
	// row of this one.
	newest, err := s.shelf.Certificates(ctx, ca.Filter{After: ca.NewID(s.session.LogNo+1, 0), Limit: 1})
	if err != nil {
		return fmt.Errorf("read the newest row: %w", err)
	}
	if len(newest) == 1 && newest[0].ID.LogNo() == s.session.LogNo && newest[0].ID.Index() >= s.session.Durable {
		return contradiction{row: "S02", index: newest[0].ID.Index(), what: "the book has a row for it, and the log ends before"}
	}
	return nil
}

// read goes through all leaves from an index on, and commits the rows that are
// missing as it goes.
func (s *settling) read(ctx context.Context, from int64) error {
	s.next, s.remembered, s.wentBack = from, from, false
	s.open, s.closed, s.rows, s.taken = map[int64]intent{}, map[int64]ca.Digest{}, nil, map[int64]bool{}
	for {
		page, err := s.log.Leaves(ctx, s.next)
		if err != nil {
			return fmt.Errorf("read the leaves from %d: %w", s.next, err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			if err := s.leaf(ctx, r); err != nil {
				return err
			}
		}
	}
	if s.next < s.session.Durable {
		return fmt.Errorf("the signer handed out leaves up to %d of %d", s.next, s.session.Durable)
	}
	return s.flush(ctx)
}

// leaf takes one leaf into account.
func (s *settling) leaf(ctx context.Context, r Record) error {
	l, err := audit.ParseLeaf(r.Leaf)
	if err != nil {
		return fmt.Errorf("read leaf %d: %w", r.Index, err)
	}
	if r.Index != s.next || l.Index != r.Index || l.Log.String() != s.session.Log {
		return fmt.Errorf("the signer handed out leaf %d of log %s where leaf %d of log %s was due", l.Index, l.Log, s.next, s.session.Log)
	}
	s.next++
	switch l.Kind {
	case audit.Intent:
		s.open[r.Index] = intent{r, l}
		return nil
	case audit.Final:
		return s.final(ctx, r, l)
	case audit.Void:
		return s.void(ctx, l)
	case audit.Authority: // L03
		return s.authority(ctx, r, l)
	case audit.FrontEvent: // L05
		return s.event(ctx, r, l)
	case audit.Revoked: // L06
		return s.revoked(ctx, r, l)
	case audit.Abandoned: // L07
		delete(s.taken, l.Cites)
		return nil
	case audit.Session: // L02
		s.wentBack = s.wentBack || l.Cites > s.mark
		return nil
	case audit.Adopted: // L08
		_, _, err := s.take(l, l.Digest)
		return err
	case audit.Genesis, audit.Bundle, audit.Key, audit.Time, audit.Reconciled, audit.CRL, audit.Refusal, audit.Earlier, audit.Responder, audit.Feed:
		return nil // L01
	}
	// L09
	return contradiction{row: "L09", index: r.Index, what: "this version does not know what a leaf of " + l.Kind.String() + " means; run the newer one"}
}

// take closes the intent that a leaf cites, if it is one of those read.
func (s *settling) take(l audit.Leaf, how ca.Digest) (intent, bool, error) {
	if i, ok := s.open[l.Cites]; ok {
		delete(s.open, l.Cites)
		if len(s.closed) >= maxClosed {
			clear(s.closed)
			s.remembered = l.Index
		}
		s.closed[l.Cites] = how
		return i, true, nil
	}
	before, ok := s.closed[l.Cites]
	switch {
	case ok && before != how: // S13 to S15
		return intent{}, false, contradiction{row: "S13", index: l.Cites, what: "the log closes it in two ways"}
	case !ok && l.Cites >= s.remembered:
		return intent{}, false, contradiction{row: "S13", index: l.Index, what: fmt.Sprintf("it closes leaf %d, which is not an intent", l.Cites)}
	}
	return intent{}, false, nil
}

// row gives the row in an intent's place.
func (s *settling) row(ctx context.Context, i intent) (ca.Certificate, bool, error) {
	c, ok, err := s.book.Serial(ctx, i.leaf.Issuer, i.leaf.Serial)
	if err != nil {
		return c, ok, fmt.Errorf("look up the row of intent %d: %w", i.record.Index, err)
	}
	if ok && c.ID != ca.NewID(s.session.LogNo, i.record.Index) {
		return c, ok, contradiction{row: "S02", index: i.record.Index, what: fmt.Sprintf("the row of its serial number names leaf %d", c.ID.Index())}
	}
	return c, ok, nil
}

// final is a leaf that says that a certificate exists.
func (s *settling) final(ctx context.Context, r Record, l audit.Leaf) error {
	i, ok, err := s.take(l, l.Digest)
	if err != nil || !ok {
		return err
	}
	row, ok, err := s.row(ctx, i)
	switch {
	case err != nil:
		return err
	case ok && row.Kind == ca.Void: // S09
		return contradiction{row: "S09", index: i.record.Index, what: "the log has a signature, the book has it void"}
	case ok && sha256.Sum256(row.DER) != l.Digest:
		return contradiction{row: "S08", index: i.record.Index, what: "the book's certificate is not the log's"}
	case ok: // S08
		return nil
	}
	// S07, L04
	b, err := i.body()
	if err != nil {
		return err
	}
	var f ca.FinalBody
	if err := json.Unmarshal(r.Body, &f); err != nil {
		return fmt.Errorf("read the body of leaf %d: %w", r.Index, err)
	}
	if sha256.Sum256(f.DER) != l.Digest {
		return contradiction{row: "S13", index: r.Index, what: "its certificate is not the one its leaf was made of"}
	}
	change := i.change(s.session.LogNo, b, f.DER)
	change.Certificate.Undelivered = b.Kind != ca.CACertificate && !s.waits(b.Wish.ID)
	return s.add(ctx, change)
}

// void is a leaf that says that a void row stands.
func (s *settling) void(ctx context.Context, l audit.Leaf) error {
	i, ok, err := s.take(l, ca.Digest{})
	if err != nil || !ok {
		return err
	}
	row, ok, err := s.row(ctx, i)
	switch {
	case err != nil:
		return err
	case ok && row.Kind != ca.Void: // S11
		return contradiction{row: "S11", index: i.record.Index, what: "the log has it void, the book has a certificate"}
	case ok: // S12
		return nil
	}
	b, err := i.body() // S10
	if err != nil {
		return err
	}
	return s.add(ctx, i.change(s.session.LogNo, b, nil))
}

// authority enters a generation, or its new state.
func (s *settling) authority(ctx context.Context, r Record, l audit.Leaf) error {
	var a ca.Authority
	if err := json.Unmarshal(r.Body, &a); err != nil {
		return fmt.Errorf("read the body of leaf %d: %w", r.Index, err)
	}
	s.known[a.Name] = a // leaves ascend, and hello has all below the first that is read
	return s.add(ctx, ca.Change{Authority: &a, Event: ca.Event{
		ID: ca.NewID(s.session.LogNo, r.Index), Kind: eventAuthority, At: leafTime(l), About: a.Name, Leaf: r.Leaf,
	}})
}

// event commits what the front said happened.
func (s *settling) event(ctx context.Context, r Record, l audit.Leaf) error {
	var e ca.EventBody
	if err := json.Unmarshal(r.Body, &e); err != nil {
		return fmt.Errorf("read the body of leaf %d: %w", r.Index, err)
	}
	c := ca.Change{Event: ca.Event{
		ID: ca.NewID(s.session.LogNo, r.Index), Kind: e.Kind, By: e.By, At: leafTime(l), About: e.About, Leaf: r.Leaf,
	}}
	// The row of a token that was made has what its leaf does not: it is lost with its
	// secret, which nobody was told. A revocation is whole.
	if token, _, ok := ca.TokenAbout(e.About); ok && e.Kind == ca.EventTokenRevoked {
		c.TokenEnd = tokenEnd(c.Event, token)
	}
	return s.add(ctx, c)
}

// revoked commits a step of a certificate's history.
func (s *settling) revoked(ctx context.Context, r Record, l audit.Leaf) error {
	var b ca.RevokedBody
	if err := json.Unmarshal(r.Body, &b); err != nil {
		return fmt.Errorf("read the body of leaf %d: %w", r.Index, err)
	}
	return s.add(ctx, revocation(s.session.LogNo, r, l, b))
}

// add takes a row into the next group.
func (s *settling) add(ctx context.Context, c ca.Change) error {
	if s.rows = append(s.rows, c); len(s.rows) < maxGroup {
		return nil
	}
	return s.flush(ctx)
}

// flush commits the rows gathered, in leaf order. The mark stays: if a death now
// moved it past the proof that the mark went back, the next settling would void what
// may have been handed out.
func (s *settling) flush(ctx context.Context) error {
	rows := s.rows
	if s.rows = nil; len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b ca.Change) int { return cmp.Compare(a.Event.ID, b.Event.ID) })
	return s.insert(ctx, rows)
}

// insert commits a group. If a row stands in a place already, because an
// earlier commit was done and its answer lost, the group is gone through row by
// row.
func (s *settling) insert(ctx context.Context, rows []ca.Change) error {
	err := s.commit(ctx, rows, s.mark)
	if !errors.Is(err, ca.ErrTaken) {
		return err
	}
	for _, c := range rows {
		err := s.commit(ctx, []ca.Change{c}, s.mark)
		switch {
		case errors.Is(err, ca.ErrTaken) && c.Certificate != nil:
			if err := s.inPlace(ctx, *c.Certificate); err != nil {
				return err
			}
		case errors.Is(err, ca.ErrTaken) && c.Revocation != nil:
			if err := s.stepTaken(ctx, *c.Revocation); err != nil {
				return err
			}
		case errors.Is(err, ca.ErrTaken):
			// An event's only key is its leaf, so the row there is its own (L03, L05).
		case err != nil:
			return err
		}
	}
	return nil
}

// commit writes rows and mark.
func (s *settling) commit(ctx context.Context, rows []ca.Change, next int64) error {
	if _, err := s.book.Commit(ctx, rows, next); err != nil {
		return fmt.Errorf("commit what settling found: %w", err)
	}
	return nil
}

// stepTaken finds out whose the row in a revocation's place is: its own, or that
// of another node, which was first; then its leaf is abandoned (L06).
func (s *settling) stepTaken(ctx context.Context, want ca.Revocation) error {
	have, err := s.records.Step(ctx, want.Certificate, want.Step)
	switch {
	case err != nil:
		return fmt.Errorf("look up the revocation of leaf %d: %w", want.ID.Index(), err)
	case have == 0:
		return contradiction{row: "L06", index: want.ID.Index(), what: "its row has no place, and nothing stands there"}
	}
	if have != want.ID {
		s.taken[want.ID.Index()] = true
	}
	return nil
}

// inPlace checks that the row in a certificate's place is its own.
func (s *settling) inPlace(ctx context.Context, want ca.Certificate) error {
	have, ok, err := s.book.Serial(ctx, want.IssuerKey, want.Serial)
	switch {
	case err != nil:
		return fmt.Errorf("look up the row of leaf %d: %w", want.ID.Index(), err)
	case !ok:
		return contradiction{row: "S02", index: want.ID.Index(), what: "its id or its request belongs to another row"}
	case have.ID != want.ID || have.Kind != want.Kind:
		return contradiction{row: "S02", index: want.ID.Index(), what: "another row stands in its place"}
	}
	return nil
}
