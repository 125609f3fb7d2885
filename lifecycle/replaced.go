// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// Displace revokes certificates that were renewed when their time has come, until ctx
// ends; it looks every so often. What is planned is on the log as an event, so that a
// restart, and a database that went back, forget none.
func (r *Registrar) Displace(ctx context.Context, every time.Duration) {
	done := map[ca.ID]bool{}
	for {
		if _, err := r.ready(ctx); err == nil {
			if err := r.displaceDue(ctx, done); err != nil && ctx.Err() == nil {
				r.o.Report(fmt.Errorf("revoke what was replaced: %w", err))
			}
		}
		if sleep(ctx, every) != nil {
			return
		}
	}
}

// displaceDue goes through all plans that may not have been carried out. One that fails
// keeps no other from its end, and is tried again in the next round.
func (r *Registrar) displaceDue(ctx context.Context, done map[ca.ID]bool) error {
	now := r.o.Now()
	f := ca.EventFilter{Kind: ca.EventReplaced, Since: now.Add(-ca.MaxOverlap - 24*time.Hour), Limit: ca.MaxPage}
	for {
		page, err := r.o.Records.Events(ctx, f)
		if err != nil {
			return err
		}
		for _, e := range page {
			name, due, ok := plan(e.About)
			if done[e.ID] || ok && due.After(now) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := r.displaceOne(ctx, e, name); err != nil {
				r.o.Report(fmt.Errorf("revoke what was replaced: %s, as event %d says: %w", ca.Show(e.About), e.ID.Index(), err))
				continue
			}
			done[e.ID] = true
		}
		if len(page) < f.Limit {
			return nil
		}
		f.After = page[len(page)-1].ID
	}
}

// plan reads what an event of kind EventReplaced is about.
func plan(about string) (name string, due time.Time, ok bool) {
	name, at, _ := strings.Cut(about, " ")
	due, err := time.Parse(time.RFC3339, at)
	return name, due, err == nil
}

// displaceOne revokes a certificate, if it is still good or held: somebody may have revoked
// it, and an end needs no revocation. The row of the event says only where to look: whoever
// can write in the database could plan the end of any certificate, so the plan is the log's.
func (r *Registrar) displaceOne(ctx context.Context, e ca.Event, name string) error {
	found, err := r.o.Shelf.Find(ctx, name, "")
	if err != nil || len(found) != 1 || found[0].PublicName() != name {
		return err
	}
	if how := found[0].Standing(r.o.Now()); how != "valid" && how != "held" {
		return nil
	}
	var said ca.EventBody
	if _, err := r.said(ctx, e.ID, audit.FrontEvent, &said); err != nil {
		return err
	}
	if _, due, ok := plan(said.About); said.Kind != ca.EventReplaced || said.About != e.About || !ok || due.After(r.o.Now()) {
		return errors.New("the log says something else than the database, and nothing is revoked: chancery audit verify")
	}
	return r.revokeOne(ctx, ca.Actor{ID: said.By}, found[0], ca.Withdrawal{Reason: ca.Superseded})
}
