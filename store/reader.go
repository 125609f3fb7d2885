// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chancery/ca"
)

// readerLife is how long a connection of a Reader lasts. Whoever holds an embedded
// database puts another file in the place of its write-ahead log after a crash; a
// connection from before would read the old one for ever.
const readerLife = time.Second

// A Reader reads the book beside the process that writes it: what is needed to answer how
// certificates stand. It changes nothing and holds nobody off.
type Reader struct{ s *Store }

// OpenReader opens the book of the log o.LogID. Its problems are those of OpenAudit.
func OpenReader(ctx context.Context, o Options) (*Reader, error) {
	s, err := openBeside(ctx, o)
	if err != nil {
		return nil, err
	}
	s.reader.SetConnMaxLifetime(readerLife)
	if s.located, err = s.reader.PrepareContext(ctx, selectLocated); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare a statement: %w", err), s.Close())
	}
	return &Reader{s}, nil
}

// Close ends all connections.
func (r *Reader) Close() error { return r.s.Close() }

// Located is Store.Located.
func (r *Reader) Located(ctx context.Context, issuerKey ca.Digest, serial ca.Serial) (ca.ID, error) {
	return r.s.Located(ctx, issuerKey, serial)
}

// Steps is Store.Steps.
func (r *Reader) Steps(ctx context.Context, since map[uint16]ca.ID) (steps []ca.Revocation, logs int, more bool, err error) {
	return r.s.Steps(ctx, since)
}

// Authorities gives every generation that a row describes without contradiction, oldest
// first. Nobody vouches for them: they tell whom to ask, and are shown to nobody.
func (r *Reader) Authorities(ctx context.Context) ([]ca.Authority, error) {
	rows, err := r.s.Authorities(ctx)
	if err != nil {
		return nil, err
	}
	var all []ca.Authority
	for _, row := range rows {
		if row.Fault == nil {
			all = append(all, row.Authority)
		}
	}
	return all, nil
}
