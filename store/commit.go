// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chancery/ca"
)

const (
	// MaxChanges is the most changes of one commit: a group of the pipeline, which
	// a database writes without anybody waiting for it.
	MaxChanges = 1024
	// keyLife is how long an idempotency key leads to its certificate.
	keyLife = 24 * time.Hour
	// sweepEvery is how often keys that ran out are removed.
	sweepEvery = time.Hour
)

// inserts are the statements of a commit, prepared once on the writer.
type inserts struct {
	request, certificate, name, event, key, authority, revocation, token, tokenEnd *sql.Stmt
	// pending is nil where the engine takes names into its indexes by itself.
	pending *sql.Stmt
}

func prepareInserts(ctx context.Context, db *sql.DB, e engine) (inserts, error) {
	var in inserts
	type prepared struct {
		to   **sql.Stmt
		text string
	}
	all := []prepared{
		{&in.request, insertRequest}, {&in.certificate, insertCertificate}, {&in.name, insertName},
		{&in.event, insertEvent}, {&in.key, takeKey}, {&in.authority, putAuthority},
		{&in.revocation, insertRevocation}, {&in.token, insertToken}, {&in.tokenEnd, insertTokenEnd},
	}
	if e.name == sqliteName {
		all = append(all, prepared{&in.pending, addPending})
	}
	for _, p := range all {
		var err error
		if *p.to, err = db.PrepareContext(ctx, p.text); err != nil {
			return in, fmt.Errorf("prepare a statement: %w", err)
		}
	}
	return in, nil
}

func (in inserts) close() error {
	var errs []error
	for _, st := range []*sql.Stmt{in.request, in.certificate, in.name, in.event, in.key, in.authority, in.revocation, in.token, in.tokenEnd, in.pending} {
		if st != nil {
			errs = append(errs, st.Close())
		}
	}
	return errors.Join(errs...)
}

// Commit writes all changes and the mark in one durable transaction, or nothing.
// With no changes it writes the mark alone, which never goes back. lost names
// the requests whose idempotency key somebody else holds: their certificates
// stand in the book nevertheless. A void row takes no key.
//
// ca.ErrTaken says that a row stands under a unique key of one of the changes and
// nothing was written; so does a Problem with code E1407, a full disk. Every
// other error leaves the outcome unknown.
//
// Once begun a commit is not cancelled with ctx: a transaction that is broken off
// in its last step would be unknown for no need.
func (s *Store) Commit(ctx context.Context, changes []ca.Change, next int64) (lost []ca.RequestID, err error) {
	logNo, err := s.checkCommit(changes)
	if err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	s.commits.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	sweep := now.Sub(s.swept) >= sweepEvery
	w := writing{in: s.inserts, now: now}
	if s.engine.name == postgresName {
		w.bulk = &bulk{}
	}
	err = s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		w.ctx, w.tx = ctx, tx
		err := w.all(changes)
		if err == nil {
			var logs int
			if logs, err = s.moveMark(ctx, tx, logNo, next); err == nil && logs > 1 {
				err = w.sole(changes)
			}
		}
		if err == nil && sweep {
			_, err = tx.ExecContext(ctx, dropKeys, millis(now))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("commit %d changes: %w", len(changes), err)
	}
	if sweep {
		s.swept = now
	}
	return w.lost, nil
}

// checkCommit checks what no database would: that the rows are of one log.
func (s *Store) checkCommit(changes []ca.Change) (logNo uint16, err error) {
	if s.logID == "" {
		return 0, errors.New("the book was opened without a log")
	}
	if len(changes) > MaxChanges {
		return 0, fmt.Errorf("%d changes at once, at most %d", len(changes), MaxChanges)
	}
	for i, c := range changes {
		if i == 0 {
			logNo = c.Event.ID.LogNo()
		}
		if c.Event.ID <= 0 || c.Event.ID.LogNo() != logNo || c.Certificate != nil && c.Certificate.ID.LogNo() != logNo {
			return 0, fmt.Errorf("change %d does not name a leaf of log number %d", i, logNo)
		}
	}
	return logNo, nil
}

// moveMark writes the mark; logNo is 0 if there are no rows. logs is how many logs write in
// the book, where several can.
func (s *Store) moveMark(ctx context.Context, tx *sql.Tx, logNo uint16, next int64) (logs int, err error) {
	text, values := updateMark, []any{next, s.logID, next}
	if logNo != 0 {
		text, values = updateMarkAndNumber, []any{next, int64(logNo), s.logID, next, int64(logNo)}
	}
	changed := int64(0)
	if s.engine.name == postgresName {
		// In the same statement, so that a book of one log is not asked another question.
		if err = tx.QueryRowContext(ctx, text+countLogs, values...).Scan(&logs); err == nil {
			changed = 1
		} else if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
	} else {
		var r sql.Result
		if r, err = tx.ExecContext(ctx, text, values...); err == nil {
			changed, err = r.RowsAffected()
		}
	}
	if err == nil && changed != 1 {
		err = fmt.Errorf("the book does not take the mark %d of log number %d: it stands higher, or the log has another number", next, logNo)
	}
	return logs, err
}

// A writing is one commit under way.
type writing struct {
	ctx  context.Context
	tx   *sql.Tx
	in   inserts
	now  time.Time
	lost []ca.RequestID
	// bulk gathers rows where the engine takes many at once; else nil.
	bulk *bulk
}

// all writes the rows of all changes, then what refers to them.
func (w *writing) all(changes []ca.Change) error {
	for _, c := range changes {
		if err := w.rows(c); err != nil {
			return err
		}
	}
	if w.bulk != nil {
		if err := w.bulk.insert(w.ctx, w.tx); err != nil {
			return err
		}
	}
	if err := w.pending(changes); err != nil {
		return fmt.Errorf("note the names to take in: %w", err)
	}
	for _, c := range changes {
		if err := w.rest(c); err != nil {
			return err
		}
	}
	return nil
}

// rows inserts the rows of one step.
func (w *writing) rows(c ca.Change) error {
	e := c.Event
	if err := w.exec(w.in.event, int64(e.ID), e.Kind, e.By, millis(e.At), e.About, blob(e.Leaf)); err != nil {
		return fmt.Errorf("insert event %d: %w", e.ID, err)
	}
	if c.Request != nil {
		if err := w.request(*c.Request); err != nil {
			return fmt.Errorf("insert request %q: %w", c.Request.ID, err)
		}
	}
	if c.Certificate != nil {
		if err := w.certificate(*c.Certificate); err != nil {
			return fmt.Errorf("insert certificate %d: %w", c.Certificate.ID, err)
		}
	}
	if r := c.Revocation; r != nil {
		err := w.exec(w.in.revocation, int64(r.ID), int64(r.Certificate), r.IssuerKey[:], string(r.Serial), int64(r.Step), int64(r.Reason), r.By, millis(r.At), sinceColumn(r.InvalidSince))
		if err != nil {
			return fmt.Errorf("insert revocation %d: %w", r.ID, err)
		}
	}
	return nil
}

// rest enters the generation and takes the idempotency key of one step.
func (w *writing) rest(c ca.Change) error {
	if c.Authority != nil {
		if err := w.authority(*c.Authority, c.Event.ID); err != nil {
			return fmt.Errorf("write authority %q: %w", c.Authority.Name, err)
		}
	}
	if err := w.tokens(c); err != nil {
		return err
	}
	if c.Annotated != nil {
		if err := w.annotation(*c.Annotated, c.Event.ID); err != nil {
			return fmt.Errorf("write the annotation of %d: %w", c.Annotated.Certificate, err)
		}
	}
	if c.Request != nil && c.Certificate != nil && c.Certificate.Kind != ca.Void && c.Request.Key != "" {
		return w.key(*c.Request, c.Certificate.ID)
	}
	return nil
}

func (w *writing) request(r ca.Request) error {
	evidence, err := json.Marshal(r.Evidence)
	if err != nil {
		return err
	}
	return w.exec(w.in.request, string(r.ID), string(r.Door), r.Key, r.From.ID, r.From.Name, r.From.Method, int64(r.From.UID),
		r.Profile, r.Digest[:], blob(r.CSR), millis(r.NotAfter), string(evidence), millis(r.At), r.Line)
}

func (w *writing) certificate(c ca.Certificate) error {
	names, err := json.Marshal(c.Names)
	if err != nil {
		return err
	}
	// CA certificates are founded without a request.
	request := sql.NullString{String: string(c.Request), Valid: c.Request != ""}
	err = w.exec(w.in.certificate, int64(c.ID), string(c.Kind), c.IssuerKey[:], string(c.Serial), c.Serial.Tail(), c.Authority, request,
		c.Profile, c.ProfileDigest[:], c.Owner, string(c.Door), string(names), c.Common, c.Key[:], c.KeyType,
		millis(c.NotBefore), millis(c.NotAfter), millis(c.IssuedAt), blob(c.DER), c.Undelivered)
	if err != nil {
		return err
	}
	for _, n := range searchNames(c) {
		if err := w.exec(w.in.name, n.value, int64(c.ID), sql.Null[[]byte]{V: n.reversed, Valid: n.reversed != nil}); err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) authority(a ca.Authority, id ca.ID) error {
	document, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = w.tx.StmtContext(w.ctx, w.in.authority).ExecContext(w.ctx, a.Name, int64(id), a.Key[:], string(document))
	return err
}

// key takes the request's idempotency key, or notes that somebody was first.
func (w *writing) key(r ca.Request, id ca.ID) error {
	result, err := w.tx.StmtContext(w.ctx, w.in.key).ExecContext(w.ctx, string(r.Door), r.From.ID, r.Key, int64(id), millis(r.At.Add(keyLife)), millis(w.now))
	if err != nil {
		return fmt.Errorf("take an idempotency key: %w", err)
	}
	changed, err := result.RowsAffected()
	if err == nil && changed == 0 {
		w.lost = append(w.lost, r.ID)
	}
	return err
}

// exec inserts one row, now or with the bulk.
func (w *writing) exec(st *sql.Stmt, values ...any) error {
	if w.bulk != nil {
		w.bulk.add(st, w.in, values)
		return nil
	}
	_, err := w.tx.StmtContext(w.ctx, st).ExecContext(w.ctx, values...)
	return err
}

// statementError is the error of a transaction that is known to be gone.
func statementError(err error) error {
	switch {
	case sqliteTaken(err) || postgresTaken(err):
		return fmt.Errorf("%w (%w)", ca.ErrTaken, err)
	case sqliteCode(err)&0xff == sqliteFull || postgresFull(err):
		return diskFull(err)
	}
	return err
}
