// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// safe is an error that the driver calls safe to retry, as it does a COMMIT whose
// reply was lost (pgx 5.9.2 to 5.12).
type safe struct{ error }

func (safe) SafeToRetry() bool { return true }

// PG-03: all that the server has not said in so many words is unknown.
func TestPG03_WhatIsNotSaidToBeCommittedOrGoneIsUnknown(t *testing.T) {
	said := func(severity, code string) error {
		return fmt.Errorf("commit: %w", &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code})
	}
	for name, c := range map[string]struct {
		err     error
		warning string
		want    outcome
	}{
		"no error":                       {nil, "", done},
		"committed without its standby":  {nil, "01000 canceling wait for synchronous replication", unknown},
		"rolled back":                    {pgx.ErrTxCommitRollback, "", undone},
		"rolled back, with a warning":    {pgx.ErrTxCommitRollback, "01000 something", unknown},
		"a deferred key is taken":        {said("ERROR", postgresUnique), "", undone},
		"not serializable":               {said("ERROR", "40001"), "", undone},
		"an error and a warning":         {said("ERROR", "40001"), "01000 something", unknown},
		"the server stops":               {said("FATAL", "57P01"), "", unknown},
		"the server dies":                {said("PANIC", "XX000"), "", unknown},
		"a word in a foreign language":   {&pgconn.PgError{Severity: "ERROR", Code: "40001"}, "", unknown},
		"a proxy that does not know":     {said("ERROR", "40003"), "", unknown},
		"a proxy without its server":     {said("ERROR", "08007"), "", unknown},
		"the connection ended":           {io.ErrUnexpectedEOF, "", unknown},
		"the socket was closed":          {net.ErrClosed, "", unknown},
		"the time ran out":               {context.DeadlineExceeded, "", unknown},
		"the driver would try it again":  {safe{errors.New("conn closed")}, "", unknown},
		"the transaction was over":       {pgx.ErrTxClosed, "", unknown},
		"a warning of a broken line too": {io.ErrUnexpectedEOF, "01000 something", unknown},
	} {
		if got := outcomeOf(c.err, c.warning); got != c.want {
			t.Errorf("%s: outcome %d, want %d", name, got, c.want)
		}
	}
}

// PG-03: the driver's request to cancel is a second dial, and is refused.
func TestPG03_ALineDialsNoMoreOnceItStands(t *testing.T) {
	var lines atomic.Pointer[line]
	config, err := pgx.ParseConfig("postgres://127.0.0.1/x")
	if err != nil {
		t.Fatal(err)
	}
	dials := 0
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		dials++
		near, far := net.Pipe()
		return near, far.Close()
	}
	newLine(&lines, config)
	for range 2 { // one address after the other, or without TLS after with
		if _, err := config.DialFunc(t.Context(), "tcp", "127.0.0.1:1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := config.AfterConnect(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := config.DialFunc(t.Context(), "tcp", "127.0.0.1:1"); !errors.Is(err, errNoDial) || dials != 2 {
		t.Errorf("a line that stands dials: %v, %d dials", err, dials)
	}
	another := config.Copy() // of the pool's config, which has its own dialer
	another.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }
	newLine(&lines, another)
	if _, err := another.DialFunc(t.Context(), "tcp", "127.0.0.1:1"); !errors.Is(err, io.EOF) {
		t.Errorf("the next line does not dial: %v", err)
	}
}

// TestEachWriteStandsInATransaction reads the package's own text. A statement
// outside a transaction is run twice when its reply is lost, and so is one by the
// simple protocol; COMMIT has one place, so that its outcome is judged in one.
func TestEachWriteStandsInATransaction(t *testing.T) {
	banned := regexp.MustCompile(`SafeToRetry|SimpleProtocol|QueryExecModeExec|simple_protocol|ErrBadConn`)
	files := token.NewFileSet()
	parsed, err := parser.ParseDir(files, ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0)
	if err != nil {
		t.Fatal(err)
	}
	commits := 0
	for name, file := range parsed["store"].Files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if banned.MatchString(n.Name) {
					t.Errorf("%s: %s", files.Position(n.Pos()), n.Name)
				}
			case *ast.BasicLit:
				if banned.MatchString(n.Value) {
					t.Errorf("%s: %s", files.Position(n.Pos()), n.Value)
				}
			case *ast.CallExpr:
				f, ok := n.Fun.(*ast.SelectorExpr)
				switch {
				case !ok:
				case (f.Sel.Name == "Exec" || f.Sel.Name == "ExecContext") && !inTransaction(f.X):
					t.Errorf("%s: a bare %s", files.Position(n.Pos()), f.Sel.Name)
				case f.Sel.Name == "Commit" && inTransaction(f.X) || f.Sel.Name == "BeginTx" || f.Sel.Name == "Begin":
					if commits++; name != "transact.go" {
						t.Errorf("%s: %s outside transact", files.Position(n.Pos()), f.Sel.Name)
					}
				}
			}
			return true
		})
	}
	if commits != 2 {
		t.Errorf("%d calls of BeginTx and Commit, want one of each", commits)
	}
}

// inTransaction tells whether an expression is a transaction, a field of that
// name, or a statement bound to one.
func inTransaction(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "tx"
	case *ast.SelectorExpr:
		return e.Sel.Name == "tx"
	case *ast.CallExpr:
		f, ok := e.Fun.(*ast.SelectorExpr)
		return ok && f.Sel.Name == "StmtContext" && inTransaction(f.X)
	}
	return false
}
