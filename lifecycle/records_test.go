// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chancery/ca"
)

func (w *world) Request(_ context.Context, id ca.RequestID) (ca.Asked, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.rows, func(c ca.Certificate) bool { return c.Request == id })
	if i < 0 {
		return ca.Asked{}, false, nil
	}
	c := w.rows[i]
	return ca.Asked{Certificate: c, Request: ca.Request{ID: id, From: ca.Actor{ID: c.Owner}, Profile: c.Profile}}, true, nil
}

// Others implements Records.
func (w *world) Others(_ context.Context, key ca.Digest, owner string, now time.Time) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.rows, func(c ca.Certificate) bool {
		return c.Key == key && c.Owner != owner && c.Kind == ca.EndEntity && c.Revoked == nil && !c.NotAfter.Before(now)
	}), nil
}

func (w *world) Count(ctx context.Context, f ca.Filter) (int64, error) {
	rows, err := w.Certificates(ctx, f)
	return int64(len(rows)), err
}

func (w *world) Events(_ context.Context, f ca.EventFilter) ([]ca.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []ca.Event
	for _, e := range w.events {
		if f.Kind == "" || e.Kind == f.Kind {
			out = append(out, e)
		}
	}
	return out, nil
}

// findable gives the id of a change's event. It panics where lists would miss the event:
// those of certificates they look for by id, owner and time of the certificate.
func findable(c ca.Change) ca.ID {
	e, of := c.Event, c.Certificate
	if e.Kind == eventIssued && (of == nil || of.Kind != ca.EndEntity || of.ID != e.ID || !(ca.Actor{ID: of.Owner}).Did(e.By) || !of.IssuedAt.Equal(e.At)) {
		panic(fmt.Sprintf("event %d is not that of its certificate", e.ID))
	}
	return e.ID
}
