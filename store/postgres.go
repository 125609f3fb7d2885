// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"golang.org/x/sys/unix"
)

const (
	// postgresName is what engine and status call it.
	postgresName = "postgresql"
	// postgresReaders is the size of a node's read pool: a few nodes stay well
	// below the server's usual 100 connections.
	postgresReaders = 16
	// idleEnd is the server's setting for sessions that leave a transaction open, in
	// milliseconds. A front that vanishes behind a broken network holds the places
	// of its rows, and settling has to wait for them: the server would notice only
	// after hours.
	idleEnd = "idle_in_transaction_session_timeout"
	// lockPause is how many seconds lie between attempts to take the lock under which
	// the schema is updated, lockTries how many there are: five minutes, for an update
	// of a large book by another node.
	lockPause, lockTries = 1, 300
	// silence is how long a server may not be heard of, and how long connecting may
	// take if the address does not say.
	silence = 30 * time.Second
	// SQLSTATE codes (PostgreSQL, appendix A).
	postgresUnique = "23505"
	postgresNoRoom = "53100"
)

// liked writes what LIKE takes for itself.
var liked = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// openPostgres opens a writing connection and a read pool. A commit must be on
// disk when it is answered, whatever the server's default.
func (s *Store) openPostgres(dsn string) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPause, lockTries))
	if err != nil {
		return fmt.Errorf("prepare to update the schema: %w", err)
	}
	s.engine = engine{
		name:    postgresName,
		tables:  `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name`,
		dialect: goose.DialectPostgres,
		// Two nodes may start at once.
		options: []goose.ProviderOption{goose.WithSessionLocker(locker)},
		skip:    ".sqlite.sql",

		search:   ` FROM certificate c WHERE c.id IN (SELECT certificate FROM name WHERE value LIKE ?)`,
		searched: `c.id`,
		parts:    func(part string) any { return "%" + liked.Replace(part) + "%" },
		sorted:   ` FROM certificate c WHERE c.kind <> 'void' AND c.common >= ''`,
		place:    `c.common, c.id`,
		newer:    ` FROM certificate n WHERE n.common = c.common AND n.id > c.id`,
		printed:  ` FROM certificate c WHERE c.kind <> 'void' AND substr(sha256(c.der), 1, 8) = $1 LIMIT $2`,
		prefix:   `value LIKE ?`,
		begins:   func(prefix string) []any { return []any{liked.Replace(prefix) + "%"} },
		// After five runs of a prepared statement the server may take one plan for all values,
		// which it guesses to be in many names: for a rare one it reads all, for seconds.
		anew: []any{pgx.QueryExecModeCacheDescribe},
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The driver's message hides the password.
		return fmt.Errorf("read the database's address: %w", err)
	}
	dialer := net.Dialer{Control: noticeSilence}
	config.DialFunc = dialer.DialContext
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = silence
	}
	config.RuntimeParams["application_name"] = "chancery"
	// The address may not ask for the simple protocol: it has no parameters, and
	// the driver cannot tell whether a statement that it sends so has begun.
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	reading := config.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on"
	// The server compiles a query that it takes for a long one. A page of fifty rows it
	// takes for one as well: 290 ms of compiling for 10 ms of reading.
	reading.RuntimeParams["jit"] = "off"
	config.RuntimeParams["synchronous_commit"] = "on"
	if _, said := config.RuntimeParams[idleEnd]; !said {
		config.RuntimeParams[idleEnd] = strconv.FormatInt(commitWait.Milliseconds(), 10)
	}
	s.lines = &atomic.Pointer[line]{}
	s.writer = stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
		newLine(s.lines, c)
		return nil
	}))
	s.writer.SetMaxOpenConns(1)
	s.reader = stdlib.OpenDB(*reading)
	s.reader.SetMaxOpenConns(postgresReaders)
	s.reader.SetMaxIdleConns(postgresReaders)
	return nil
}

// noticeSilence has the kernel end a connection whose other side acknowledges
// nothing. Settling reads without a time limit of its own, and a server that lost
// its power would keep it waiting for a quarter of an hour.
func noticeSilence(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
	return errors.Join(err, failed)
}

// postgresCode is the server's SQLSTATE, or "".
func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// postgresTaken tells whether a row stands under a unique key already.
func postgresTaken(err error) bool { return postgresCode(err) == postgresUnique }

// postgresFull tells whether the server's disk is full.
func postgresFull(err error) bool { return postgresCode(err) == postgresNoRoom }
