// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"chancery/internal/faults"
)

// commitWait is when a transaction is given up: a server that has not answered
// for so long is gone, and settling finds out what it did.
const commitWait = 30 * time.Second

// transact runs do in a transaction of the writing connection and commits it.
// Every write goes this way: a statement of its own may be run twice by the driver
// when its reply is lost, and one in a transaction is gone with it.
//
// Once begun it is not cancelled with ctx: a transaction that is broken off in its
// last step is unknown for no need (security rule PG-03). It ends after s.wait, on
// PostgreSQL by closing the socket, see line.
//
// The error is statementError's if the transaction is known to be gone; one of
// COMMIT that leaves the outcome unknown is neither ca.ErrTaken nor a Problem.
func (s *Store) transact(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	if err := errors.Join(ctx.Err(), s.failed()); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	bounded, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	conn, err := s.writer.Conn(bounded)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", s.note(err))
	}
	// It goes back to its pool of one, which drops it if it broke.
	defer func() { _ = conn.Close() }()
	var l *line
	if s.lines != nil {
		l = s.lines.Load()
		defer l.within(s.wait)()
	} else {
		ctx = bounded
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", s.note(err))
	}
	if err := do(ctx, tx); err != nil {
		// The rollback's own error changes nothing: what is not committed is gone
		// with its connection.
		_ = tx.Rollback()
		return statementError(s.note(err))
	}
	faults.Point("before-commit")
	err = tx.Commit()
	faults.Commit()
	faults.Point("committed")
	if l == nil {
		s.committed(conn)
		return wrap("the outcome of COMMIT is unknown", s.note(err))
	}
	return l.judge(err)
}
