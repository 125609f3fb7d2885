// SPDX-License-Identifier: Apache-2.0

package lifecycle

import "context"

// Gauges are numbers of a Registrar for who watches it.
type Gauges struct {
	// Requests and Revocations wait for the signer; Unsettled are intents that an officer
	// must decide.
	Requests, Revocations, Unsettled int
	// Leaves is the length of the log, as far as it is known without asking the signer.
	Leaves int64
}

// Gauges gives the numbers of now.
func (r *Registrar) Gauges(ctx context.Context) Gauges {
	g := Gauges{Requests: len(r.queue), Revocations: len(r.revokings)}
	mark, err := r.o.Book.Mark(ctx)
	if err != nil {
		mark = 0 // what was seen counts
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	g.Leaves = max(mark, r.seen)
	if v := r.view; v != nil {
		g.Leaves, g.Unsettled = max(g.Leaves, v.settled.next), len(v.settled.unknown)
	}
	return g
}
