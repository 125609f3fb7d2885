// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"chancery/audit"
	"chancery/ca"
)

// A fate is what becomes of a COMMIT on PostgreSQL.
type fate int

const (
	applied        fate = iota
	appliedUnknown      // and the answer is lost
	appliedLater        // the answer is lost, and the server has yet to do it
	notApplied          // and nobody says so
)

func (f fate) String() string {
	return []string{"applied", "applied but unknown", "unknown and applied later", "not applied"}[f]
}

// A doubtful is a world whose book's COMMITs have fates.
type doubtful struct {
	*world
	// fates are those of the next commits; all after them are applied.
	fates []fate
	// late is a commit that is under way until the point named arrives.
	late    func() error
	arrives string
	// refused is what a late commit came to.
	refused error
}

// Commit implements Book.
func (d *doubtful) Commit(ctx context.Context, changes []ca.Change, next int64) ([]ca.RequestID, error) {
	d.pass("before a commit")
	defer d.pass("after a commit")
	f := applied
	if len(d.fates) > 0 {
		f, d.fates = d.fates[0], d.fates[1:]
	}
	switch f {
	case appliedUnknown:
		if _, err := d.world.Commit(ctx, changes, next); err != nil {
			return nil, err // a row in its place is told before COMMIT
		}
		return nil, errDied
	case appliedLater:
		d.late = func() error {
			if d.mark > next {
				return errors.New("the mark stands higher")
			}
			_, err := d.write(changes, next)
			return err
		}
		return nil, errDied
	case notApplied:
		return nil, errDied
	}
	return d.world.Commit(ctx, changes, next)
}

// Serial implements Book.
func (d *doubtful) Serial(ctx context.Context, key ca.Digest, serial ca.Serial) (ca.Certificate, bool, error) {
	defer d.pass("after a look-up")
	return d.world.Serial(ctx, key, serial)
}

// Mark implements Book.
func (d *doubtful) Mark(ctx context.Context) (int64, error) {
	defer d.pass("before settling")
	return d.world.Mark(ctx)
}

// pass lets a late commit arrive, if this is its point.
func (d *doubtful) pass(point string) {
	if d.late == nil || point != d.arrives {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused, d.late = d.late(), nil
}

// FT-07: the commit of a certificate has each fate, its FINAL is on the log or was
// lost with the power, a late commit arrives at each point of settling, and
// settling's own commits have each fate as well. Then log and book say the same,
// the requester has what the tables of docs/recovery.md say, and a late commit and
// the VOID have not both come to stand.
func TestFT07_ACommitOfUnknownOutcomeIsSettledAsTheTablesSay(t *testing.T) {
	all := []fate{applied, appliedUnknown, appliedLater, notApplied}
	points := []string{"before settling", "after a look-up", "before a commit", "after a commit", "after settling"}
	count := map[string]int{}
	for _, first := range all {
		for _, final := range []bool{true, false} {
			for _, arrives := range points {
				for _, own := range [][]fate{nil, {appliedUnknown}, {notApplied}, {appliedLater}, {notApplied, appliedUnknown}, {applied, appliedUnknown}, {applied, notApplied}, {applied, appliedLater}} {
					if first != appliedLater && arrives != points[0] && (len(own) == 0 || own[len(own)-1] != appliedLater) {
						continue // nothing is late
					}
					name := fmt.Sprintf("%v, FINAL %v, late one arrives %s, then %v", first, final, arrives, own)
					t.Run(name, func(t *testing.T) { count[settleDoubt(t, first, final, arrives, own)]++ })
				}
			}
		}
	}
	t.Log(count)
	for _, row := range []string{"S04", "S05", "S07", "S08"} {
		if count[row] == 0 {
			t.Errorf("row %s did not occur", row)
		}
	}
}

// settleDoubt settles one case, and gives the row of the table that it was.
func settleDoubt(t *testing.T, first fate, final bool, arrives string, own []fate) (row string) {
	d := &doubtful{world: newWorld(t), arrives: arrives}
	r := d.world.registrar()
	r.o.Book = d
	if _, err := r.once(t.Context()); err != nil {
		t.Fatal(err)
	}
	q, _ := wishOf(1, "key")
	index, der := d.intend(q, nil, ca.Digest{5})
	l := d.leaf(index)
	b, err := (intent{d.leaves[index], l}).body()
	if err != nil {
		t.Fatal(err)
	}
	if final {
		d.final(index, der)
	}
	d.fates = append([]fate{first}, own...)
	change := (intent{d.leaves[index], l}).change(1, b, der)
	if _, err := d.Commit(t.Context(), []ca.Change{change}, index); (err == nil) != (first == applied) {
		t.Fatalf("the commit gives %v", err)
	}
	_, stood, err := d.world.Serial(t.Context(), l.Issuer, l.Serial)
	if err != nil {
		t.Fatal(err)
	}
	// A front goes on until it has settled.
	for tries := 0; ; tries++ {
		_, err := r.once(t.Context())
		if err == nil {
			break
		}
		if !errors.Is(err, errDied) || tries > len(own) {
			t.Fatalf("settling gives %v", err)
		}
	}
	d.fates = nil // what settling did not come to
	d.pass("after settling")
	if d.late != nil { // its point did not come
		d.arrives = "at the end"
		d.pass("at the end")
	}
	leaves, rows := len(d.leaves), len(d.rows)
	if _, err := r.once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(d.leaves) != leaves+1 || len(d.rows) != rows || rows != 1 {
		t.Errorf("settling again made %d leaves, and the book has %d rows, then %d", len(d.leaves)-leaves-1, rows, len(d.rows))
	}
	d.agree(t)
	certificate := d.rows[0].Kind == ca.EndEntity
	closing := d.closing()[index]
	want := tableCase{row: ca.EndEntity, leaf: audit.Final}
	switch {
	case final && stood:
		row = "S08"
	case final:
		row = "S07"
	case certificate:
		row = "S05"
	default:
		row, want = "S04", tableCase{row: ca.Void, leaf: audit.Void, answer: ca.E2301}
	}
	if !certificate && (stood || final) {
		t.Errorf("the certificate stood %v, its FINAL %v, and it was voided", stood, final)
	}
	if first == appliedLater && certificate == (d.refused != nil) && !final && len(own) == 0 {
		t.Errorf("the late commit came to %v, and the row is a certificate: %v", d.refused, certificate)
	}
	if len(closing) != 1 {
		t.Errorf("the leaves %v close the intent", closing)
	}
	want.undelivered = d.rows[0].Undelivered // whether somebody waits is another test's
	checkIntent(t, d.world, want, index)
	checkAnswer(t, r, want, q)
	return row
}
