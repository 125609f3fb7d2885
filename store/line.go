// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// errNoDial refuses the driver's second dial on a connection's behalf.
var errNoDial = errors.New("a commit is not cancelled")

// A line is one connection to PostgreSQL of the only pool that commits.
//
// When a call's time runs out the driver dials the server again and asks it to
// cancel what runs. A COMMIT that waits for its standby is not undone by that: it
// stops waiting, and the row that nobody answered for is committed on one machine
// (PostgreSQL's manual, synchronous replication). So a line dials no more once it
// stands, its COMMIT has no deadline, and what ends it is a timer that closes the
// socket, of which a server that waits takes no notice.
type line struct {
	mu     sync.Mutex
	socket net.Conn
	// stands is set when the connection is made. Before that there may be several
	// dials: a name has several addresses, and sslmode=prefer tries twice.
	stands bool
	// warning is what the server said beside its answers in this transaction.
	warning string
}

// newLine makes the line of a connection that is about to be made, and keeps it as
// the one in use: the pool has room for one connection.
func newLine(lines *atomic.Pointer[line], config *pgx.ConnConfig) {
	l := &line{}
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		l.mu.Lock()
		stands := l.stands
		l.mu.Unlock()
		if stands {
			return nil, errNoDial
		}
		socket, err := dial(ctx, network, address)
		l.mu.Lock()
		l.socket = socket
		l.mu.Unlock()
		return socket, err
	}
	config.AfterConnect = func(context.Context, *pgconn.PgConn) error {
		l.mu.Lock()
		l.stands = true
		l.mu.Unlock()
		return nil
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized != "WARNING" {
			return
		}
		l.mu.Lock()
		l.warning = n.Code + " " + n.Message
		l.mu.Unlock()
	}
	lines.Store(l)
}

// within begins a transaction's time. The socket is closed when it is over, unless
// stop is called first.
func (l *line) within(d time.Duration) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.warning = ""
	socket := l.socket
	// The driver sees its read fail; closing has no other result that matters.
	timer := time.AfterFunc(d, func() { _ = socket.Close() })
	return func() { timer.Stop() }
}

// judge turns what COMMIT gave into the error of transact.
func (l *line) judge(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch outcomeOf(err, l.warning) {
	case done:
		return nil
	case undone:
		return statementError(err)
	}
	if err == nil {
		err = errors.New("the server warns: " + l.warning)
	}
	return fmt.Errorf("the outcome of COMMIT is unknown: %w", err)
}

// An outcome is what is known of a transaction after COMMIT.
type outcome int

const (
	// unknown is everything that nobody thought of, so it is zero.
	unknown outcome = iota
	done
	undone // the transaction is gone
)

// outcomeOf says what became of a transaction, from what the driver says of COMMIT
// and the warning that came with it (architecture §9).
//
// A warning is how the server says that it committed without its standby. Only an
// ERROR is a refusal: a FATAL comes also from a server that stops while COMMIT
// waits. What the driver calls safe to retry is not asked: it says so of a COMMIT
// whose reply was lost.
func outcomeOf(err error, warning string) outcome {
	var e *pgconn.PgError
	switch {
	case warning != "":
		return unknown
	case err == nil:
		return done
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return undone
	case errors.As(err, &e) && e.SeverityUnlocalized == "ERROR" && !inDoubt(e.Code):
		return undone
	}
	return unknown
}

// inDoubt tells whether a SQLSTATE itself says that nobody knows, as proxies do:
// class 08 is of connections, 40003 statement_completion_unknown.
func inDoubt(code string) bool { return strings.HasPrefix(code, "08") || code == "40003" }
