// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"strings"
	"time"

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

// displaceDue goes through all plans that may not have been carried out.
func (r *Registrar) displaceDue(ctx context.Context, done map[ca.ID]bool) error {
	now := r.o.Now()
	f := ca.EventFilter{Kind: ca.EventReplaced, Since: now.Add(-ca.MaxOverlap - 24*time.Hour), Limit: ca.MaxPage}
	for {
		page, err := r.o.Records.Events(ctx, f)
		if err != nil {
			return err
		}
		for _, e := range page {
			name, at, _ := strings.Cut(e.About, " ")
			due, err := time.Parse(time.RFC3339, at)
			if done[e.ID] || err == nil && due.After(now) {
				continue
			}
			if err != nil {
				done[e.ID] = true // no front of ours wrote it
				continue
			}
			if err := r.displaceOne(ctx, name, e.By); err != nil {
				return fmt.Errorf("%s, as event %d says: %w", ca.Show(e.About), e.ID.Index(), err)
			}
			done[e.ID] = true
		}
		if len(page) < f.Limit {
			return nil
		}
		f.After = page[len(page)-1].ID
	}
}

// displaceOne revokes a certificate, if it is still good: somebody may have done so, and an
// end needs no revocation.
func (r *Registrar) displaceOne(ctx context.Context, name, by string) error {
	found, err := r.o.Shelf.Find(ctx, name)
	if err != nil || len(found) != 1 || found[0].PublicName() != name || found[0].Standing(r.o.Now()) != "valid" {
		return err
	}
	return r.revokeOne(ctx, ca.Actor{ID: by}, found[0], ca.Withdrawal{Reason: ca.Superseded})
}
