// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"chancery/ca"
)

// maxErrands is how many events wait that somebody waits for; more are told to come
// again.
const maxErrands = 64

// An errand is an event that somebody waits for, and the rows that it brings.
type errand struct {
	event ca.EventBody
	// fill adds the rows to the event's change.
	fill func(*ca.Change)
	done chan error // takes the one answer; never waited for by who sends it
}

// send has an event put on the log and in the book, and waits for it. The Problem is
// E2301 while too much waits, or if the outcome is not known.
func (r *Registrar) send(ctx context.Context, event ca.EventBody, fill func(*ca.Change)) error {
	e := &errand{event: event, fill: fill, done: make(chan error, 1)}
	select {
	case r.errands <- e:
	default:
		return ca.Busy(ca.E2301, "too much is waiting for the log", "try again in a minute")
	}
	return r.await(ctx, e.done)
}

// errand carries one out, while nothing is at the signer and nothing is being committed,
// as tell does. After an unknown outcome its leaf may stand without its rows: settling
// enters what the leaf alone can tell.
func (s *shift) errand(ctx context.Context, e *errand) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	change, err := s.place(ctx, e.event)
	var p *ca.Problem
	if errors.As(err, &p) && p.Code != ca.E1402 {
		e.done <- p
		return
	}
	if err == nil {
		e.fill(&change)
		// What is in force does not depend on whether somebody still waits for the answer.
		// A token is known before its row can be seen, so that the row is never taken for a
		// forged one; for one that is revoked its row speaks first.
		if change.Token != nil {
			s.r.tokens.set(change.Token.Digest(), true)
		}
		next := max(min(s.known, s.floor), s.mark)
		if _, err = s.r.o.Book.Commit(ctx, []ca.Change{change}, next); err == nil {
			s.mark, s.progress = next, true
			if change.TokenEnd != nil {
				s.r.tokens.set(change.TokenEnd.Token, false)
			}
		} else {
			s.broken = true
		}
	}
	if err != nil {
		s.over = true
		s.r.o.Report(fmt.Errorf("put %s on the log: %w", e.event.Kind, err))
		err = sendAgain()
	}
	e.done <- err
}
