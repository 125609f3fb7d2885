// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// Commit implements Book.
func (w *world) Commit(_ context.Context, changes []ca.Change, next int64) ([]ca.RequestID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commits++
	if w.dies("commit before") {
		return nil, errDied
	}
	w.mu.Unlock()
	time.Sleep(w.pause)
	w.mu.Lock()
	if w.dies("commit late") {
		w.late = append(w.late, func() { _, _ = w.write(changes, next) })
		return nil, errDied
	}
	lost, err := w.write(changes, next)
	if w.dies("commit after") {
		return nil, errDied
	}
	return lost, err
}

func (w *world) write(changes []ca.Change, next int64) (lost []ca.RequestID, err error) {
	for _, c := range changes {
		if _, ok := w.events[findable(c)]; ok {
			return nil, ca.ErrTaken
		}
		if v := c.Revocation; v != nil {
			if i := w.rowOf(v.Certificate); i < 0 || w.rows[i].Steps >= v.Step {
				return nil, ca.ErrTaken
			}
		}
		for _, row := range w.rows {
			if n := c.Certificate; n != nil && (n.ID == row.ID || n.IssuerKey == row.IssuerKey && n.Serial == row.Serial || n.Request == row.Request) {
				return nil, ca.ErrTaken
			}
		}
	}
	if next < w.mark {
		w.t.Errorf("the mark went from %d to %d", w.mark, next)
	}
	last := ca.ID(0)
	for _, c := range changes {
		if c.Event.ID <= last {
			w.t.Errorf("row %d was written after %d", c.Event.ID, last)
		}
		last = c.Event.ID
		w.events[last] = c.Event
		if c.Certificate != nil {
			w.rows = append(w.rows, *c.Certificate)
		}
		if c.Revocation != nil {
			w.stepTaken(*c.Revocation)
		}
		w.annotate(c.Annotated)
		if c.Authority != nil {
			w.authorities = slices.DeleteFunc(w.authorities, func(a ca.Authority) bool { return a.Name == c.Authority.Name })
			w.authorities = append(w.authorities, *c.Authority)
		}
		if q := c.Request; q != nil && q.Key != "" && c.Certificate.Kind != ca.Void {
			if _, ok := w.keys[claimOf(*q)]; ok {
				lost = append(lost, q.ID)
			} else {
				w.keys[claimOf(*q)] = keyed{*q, *c.Certificate}
			}
		}
	}
	w.mark = next
	w.markHolds()
	return lost, nil
}

// markHolds checks what the mark promises: each intent below it has its row.
func (w *world) markHolds() {
	rows := map[int64]bool{}
	for _, c := range w.rows {
		rows[c.ID.Index()] = true
	}
	for i := range w.mark {
		if _, ok := w.events[ca.NewID(1, i)]; !ok && (w.leaf(i).Kind == audit.FrontEvent || w.leaf(i).Kind == audit.Revoked && !w.abandoned(i)) {
			w.t.Errorf("the mark is %d, and leaf %d below it, a %v, has no row", w.mark, i, w.leaf(i).Kind)
		}
	}
	for index, kinds := range w.closing() {
		if adopted := len(kinds) == 1 && kinds[0] == audit.Adopted; index < w.mark && !rows[index] && !adopted {
			w.t.Errorf("the mark is %d, and intent %d below it has no row", w.mark, index)
		}
	}
}

// Mark implements Book.
func (w *world) Mark(context.Context) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dies("mark") {
		return 0, errDied
	}
	return w.mark, nil
}

// ByRequest implements Book.
func (w *world) ByRequest(_ context.Context, id ca.RequestID) (ca.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.rows {
		if c.Request == id {
			return c, nil
		}
	}
	return ca.Certificate{}, ca.NotFound(ca.E2101, "no such request", "")
}

// Serial implements Book.
func (w *world) Serial(_ context.Context, key ca.Digest, serial ca.Serial) (ca.Certificate, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dies("serial") {
		return ca.Certificate{}, false, errDied
	}
	for _, c := range w.rows {
		if c.IssuerKey == key && c.Serial == serial {
			return c, true, nil
		}
	}
	// The look-up saw nothing; now the commit arrives whose connection broke.
	for _, arrive := range w.late {
		arrive()
	}
	w.late = nil
	return ca.Certificate{}, false, nil
}

// Find implements Shelf.
func (w *world) Find(_ context.Context, ref, owner string) ([]ca.Certificate, error) {
	return slices.DeleteFunc(slices.Clone(w.rows), func(c ca.Certificate) bool {
		return owner != "" && c.Owner != owner && c.Kind != ca.CACertificate || c.PublicName() != ref && !bytes.HasSuffix([]byte(c.Serial), []byte(ref))
	}), nil
}

// Certificates implements Shelf.
func (w *world) Certificates(_ context.Context, f ca.Filter) ([]ca.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := slices.DeleteFunc(slices.Clone(w.rows), func(c ca.Certificate) bool {
		return f.After != 0 && c.ID >= f.After || f.Owner != "" && c.Owner != f.Owner || !f.Key.IsZero() && c.Key != f.Key || f.Status == "valid" && c.Revoked != nil || f.Status == "held" && c.Standing(f.Now) != "held"
	})
	slices.SortFunc(out, func(a, b ca.Certificate) int { return cmp.Compare(b.ID, a.ID) })
	return out[:min(f.Limit, len(out))], nil
}

// CSR implements Shelf.
func (w *world) CSR(_ context.Context, id ca.RequestID) ([]byte, error) {
	return []byte("csr of " + id), nil
}

// Counts implements Shelf.
func (w *world) Counts(context.Context, time.Time, []string) (ca.Counts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return ca.Counts{Valid: int64(len(w.rows))}, nil
}

// condemned is Options.Condemned.
func (w *world) condemned(_ context.Context, logNo uint16, now time.Time) (leaves []ca.ID, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := map[ca.Digest]ca.ID{}
	for _, c := range w.rows {
		if v := c.Revoked; v != nil && v.Reason == ca.KeyCompromise && v.Last.LogNo() == logNo && (first[c.Key] == 0 || v.Last < first[c.Key]) {
			first[c.Key] = v.Last
		}
	}
	for key, leaf := range first {
		if slices.ContainsFunc(w.rows, func(c ca.Certificate) bool {
			return c.Key == key && c.Kind == ca.EndEntity && !c.NotAfter.Before(now) && (c.Revoked == nil || c.Revoked.Reason == ca.CertificateHold)
		}) {
			leaves = append(leaves, leaf)
		}
	}
	slices.Sort(leaves)
	return leaves, nil
}
