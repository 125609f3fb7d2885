// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"

	"chancery/ca"
)

// Rows has what the book says of the authorities.
type Rows interface {
	// Authorities gives the row of every generation, oldest first.
	Authorities(ctx context.Context) ([]ca.AuthorityRow, error)
}

// Vouched are the authorities that may be shown to others: those of the signer's log, as
// it says them with each hello. Whoever can write in the database could put a stranger's
// root into a trust bundle; hence nothing a row says is shown. The rows give the order,
// and one that has changed since it was held against the log has them settled again,
// which tells of it and puts it right (docs/adr/0014-authorities-from-the-log.md).
//
// It is safe for concurrent use.
type Vouched struct {
	rows Rows
	// met is closed when the signer has spoken first.
	met chan struct{}
	// doubt has a value when rows were read that nobody has judged.
	doubt chan struct{}

	mu     sync.Mutex
	known  map[string]ca.Authority // nil before met
	judged ca.Digest               // of the rows that settling held against the log
}

// NewVouched makes one that knows no authority until a Registrar has met the signer.
func NewVouched(rows Rows) *Vouched {
	return &Vouched{rows: rows, met: make(chan struct{}), doubt: make(chan struct{}, 1)}
}

// Authorities gives every generation, oldest first. Until the signer was met nobody
// vouches for any, and it waits; its error is ctx's then, or the book's.
func (v *Vouched) Authorities(ctx context.Context) ([]ca.Authority, error) {
	select {
	case <-v.met:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	rows, err := v.rows.Authorities(ctx)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if digestOf(rows) != v.judged {
		select {
		case v.doubt <- struct{}{}:
		default: // they will be settled
		}
	}
	return inOrder(v.known, rows), nil
}

// isMet tells whether the signer was met.
func (v *Vouched) isMet() bool {
	select {
	case <-v.met:
		return true
	default:
		return false
	}
}

// hear takes what the signer says of its log.
func (v *Vouched) hear(all map[string]ca.Authority) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil {
		close(v.met)
	}
	v.known = all
}

// judge notes which rows were held against the log.
func (v *Vouched) judge(rows []ca.AuthorityRow) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.judged = digestOf(rows)
	select {
	case <-v.doubt:
	default:
	}
}

// inOrder gives generations in the order of their rows; those without one, which a
// founding or a forger leaves, come last, parents first.
func inOrder(known map[string]ca.Authority, rows []ca.AuthorityRow) []ca.Authority {
	out := make([]ca.Authority, 0, len(known))
	placed := map[string]bool{}
	put := func(name string) {
		if a, ok := known[name]; ok && !placed[name] {
			out, placed[name] = append(out, a), true
		}
	}
	for _, r := range rows {
		put(r.Name)
	}
	var rest []ca.Authority
	for name, a := range known {
		if !placed[name] {
			rest = append(rest, a)
		}
	}
	all := append(slices.Clone(out), rest...)
	depth := func(a ca.Authority) int { return len(ca.Ancestry(all, a)) }
	slices.SortFunc(rest, func(a, b ca.Authority) int {
		if d := depth(a) - depth(b); d != 0 {
			return d
		}
		return cmp.Compare(a.Name, b.Name)
	})
	for _, a := range rest {
		put(a.Name)
	}
	return out
}

// digestOf is a digest of all that rows say.
func digestOf(rows []ca.AuthorityRow) ca.Digest {
	h := sha256.New()
	write := json.NewEncoder(h)
	for _, r := range rows {
		fault := ""
		if r.Fault != nil {
			fault = r.Fault.Error()
		}
		// What cannot be written is no row that was read; a digest of less is judged again.
		_ = write.Encode(struct {
			ID        ca.ID
			Authority ca.Authority
			Fault     string
		}{r.ID, r.Authority, fault})
	}
	return ca.Digest(h.Sum(nil))
}
