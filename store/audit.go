// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"chancery/audit"
	"chancery/ca"
)

const (
	// auditPage is how many rows one query reads. A page is a transaction of its
	// own: one that lasted as long as an audit would keep SQLite's write-ahead log
	// from being taken in, and it would grow. As rows are inserted once and never
	// changed, pages need no snapshot; audit.Compare says why late ones do no harm.
	auditPage = 1000
	// maxOtherLogs is how many other log numbers are looked for: more than there are
	// nodes, and a forger's thousands need not all be named.
	maxOtherLogs = 64
)

// What an audit asks. Rows are read along the primary key, which is the order of
// the log.
const (
	// One row per node that ever wrote; not worth an index.
	auditLogs = `SELECT log_id, log_no, next FROM log ORDER BY log_id`

	auditFirstCertificate  = `SELECT id FROM certificate WHERE id >= $1 ORDER BY id LIMIT 1`
	auditFirstEvent        = `SELECT id FROM event WHERE id >= $1 ORDER BY id LIMIT 1`
	auditFirstRevocation   = `SELECT id FROM revocation WHERE id >= $1 ORDER BY id LIMIT 1`
	auditFirstToken        = `SELECT id FROM token WHERE id >= $1 ORDER BY id LIMIT 1`
	auditNewestToken       = `SELECT id FROM token WHERE id <= $1 ORDER BY id DESC LIMIT 1`
	auditFirstTokenEnd     = `SELECT id FROM token_end WHERE id >= $1 ORDER BY id LIMIT 1`
	auditNewestTokenEnd    = `SELECT id FROM token_end WHERE id <= $1 ORDER BY id DESC LIMIT 1`
	auditFirstAuthority    = `SELECT id FROM authority WHERE id >= $1 ORDER BY id LIMIT 1`
	auditNewestCertificate = `SELECT id FROM certificate WHERE id <= $1 ORDER BY id DESC LIMIT 1`
	auditNewestRevocation  = `SELECT id FROM revocation WHERE id <= $1 ORDER BY id DESC LIMIT 1`
	auditNewestEvent       = `SELECT id FROM event WHERE id <= $1 ORDER BY id DESC LIMIT 1`

	auditCertificates = `SELECT id, kind, issuer_key, serial, der FROM certificate WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT $3`
	auditRevocations  = `SELECT id, certificate, issuer_key, serial, step, reason, actor, revoked_at, invalid_since FROM revocation WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT $3`
	auditTokens       = `SELECT id, digest, secret, owner, document FROM token WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT $3`
	auditTokenEnds    = `SELECT id, token FROM token_end WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT $3`
	auditEvents       = `SELECT id, leaf FROM event WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT $3`
)

// An Audit reads the book to compare it with the log. It changes nothing and
// holds nobody off, so that it can read beside a running service.
type Audit struct{ s *Store }

// OpenAudit opens the book of the log o.LogID. Problems are E1201 for a database
// that cannot be reached, E1405 for one that is not this installation's or has
// another version's schema, and E1409 for a damaged one.
func OpenAudit(ctx context.Context, o Options) (*Audit, error) {
	s, err := openBeside(ctx, o)
	if err != nil {
		return nil, err
	}
	return &Audit{s}, nil
}

// openBeside opens a book to read beside whoever holds it.
func openBeside(ctx context.Context, o Options) (*Store, error) {
	s := &Store{logID: o.LogID}
	err := s.peek(o)
	if err == nil {
		var fits bool
		if fits, err = s.readable(ctx); err == nil && !fits {
			err = ca.Conflict(ca.E1405, "the database has the schema of an older version", "start the service once with this version: chancery serve")
		}
	}
	if err == nil {
		return s, nil
	}
	var p *ca.Problem
	if err = foreignFile(err); !errors.As(err, &p) {
		err = ca.Unavailable(ca.E1201, "the database cannot be read", "start the database, or check the log alone: chancery audit verify --log-only").Because(err.Error())
	}
	return nil, errors.Join(err, s.Close())
}

// Close ends all connections.
func (a *Audit) Close() error { return a.s.Close() }

// Engine is "sqlite" or "postgresql".
func (a *Audit) Engine() string { return a.s.engine.name }

// Book looks at the rows of the log, whose number is logNo: at the mark first,
// then at the newest rows. Its streams read pages as they are pulled, and give an
// error of ctx or of the database as their last pair.
func (a *Audit) Book(ctx context.Context, logNo uint16) (audit.Book, error) {
	b := audit.Book{LogNo: logNo}
	var err error
	if b.Database, err = a.s.DatabaseID(ctx); err != nil {
		return b, err
	}
	names, err := a.logs(ctx, &b)
	if err != nil {
		return b, fmt.Errorf("read the logs of the book: %w", err)
	}
	last, err := a.newest(ctx, logNo)
	if err != nil {
		return b, fmt.Errorf("read the newest row: %w", err)
	}
	if b.Authorities, err = authorities(ctx, a.s.reader); err != nil {
		return b, fmt.Errorf("read the authorities: %w", err)
	}
	if b.Others, err = a.others(ctx, logNo, names); err != nil {
		return b, fmt.Errorf("look for rows of other logs: %w", err)
	}
	first := ca.NewID(logNo, 0)
	b.Certificates = a.rows(ctx, auditCertificates, [2]ca.ID{first, last}, func(row scanner) (r audit.Row, err error) {
		var issuer []byte
		if err := row.Scan(&r.ID, &r.Kind, &issuer, &r.Serial, &r.DER); err != nil {
			return r, err
		}
		return r, intoDigest(&r.Issuer, issuer)
	})
	b.Revocations = a.rows(ctx, auditRevocations, [2]ca.ID{first, last}, func(row scanner) (r audit.Row, err error) {
		var issuer []byte
		s := &r.Step
		if err := row.Scan(&r.ID, &s.Certificate, &issuer, &r.Serial, &s.Number, &s.Reason, &s.By, &s.At, &s.InvalidSince); err != nil {
			return r, err
		}
		return r, intoDigest(&r.Issuer, issuer)
	})
	b.Events = a.rows(ctx, auditEvents, [2]ca.ID{first, last}, func(row scanner) (r audit.Row, err error) {
		err = row.Scan(&r.ID, &r.Leaf)
		return r, err
	})
	b.Tokens = a.rows(ctx, auditTokens, [2]ca.ID{first, last}, scanTokenRow)
	b.TokenEnds = a.rows(ctx, auditTokenEnds, [2]ca.ID{first, last}, func(row scanner) (r audit.Row, err error) {
		var token []byte
		if err := row.Scan(&r.ID, &token); err != nil {
			return r, err
		}
		return r, intoDigest(&r.Token, token)
	})
	return b, nil
}

// scanTokenRow reads a row of token. One that contradicts itself comes to no digest.
func scanTokenRow(row scanner) (r audit.Row, err error) {
	var digest, secret []byte
	var owner, document string
	if err := row.Scan(&r.ID, &digest, &secret, &owner, &document); err != nil {
		return r, err
	}
	var t ca.Token
	if json.Unmarshal([]byte(document), &t) != nil {
		return r, nil
	}
	if is := t.Digest(); bytes.Equal(is[:], digest) && bytes.Equal(t.Secret[:], secret) && t.Owner == owner {
		r.Token = is
	}
	return r, nil
}

// logs reads the mark and number of our log, and the names of all by number.
func (a *Audit) logs(ctx context.Context, b *audit.Book) (map[uint16]string, error) {
	rows, err := a.s.reader.QueryContext(ctx, auditLogs)
	if err != nil {
		return nil, err
	}
	type known struct {
		id   string
		no   uint16
		next int64
	}
	all, err := collect(rows, func(row scanner) (k known, err error) {
		err = row.Scan(&k.id, &k.no, &k.next)
		return k, err
	})
	if err != nil {
		return nil, err
	}
	names := map[uint16]string{}
	ours := false
	for _, k := range all {
		names[k.no] = k.id
		if k.id == a.s.logID {
			b.Mark, b.Entered, ours = k.next, k.no, true
		}
	}
	if !ours {
		ids := make([]string, len(all))
		for i, k := range all {
			ids[i] = k.id
		}
		return nil, otherLog(ids, a.s.logID)
	}
	return names, nil
}

// newest gives the highest id that a row of the log has, or one below all of
// them.
func (a *Audit) newest(ctx context.Context, logNo uint16) (ca.ID, error) {
	newest := ca.NewID(logNo, 0) - 1
	for _, query := range []string{auditNewestCertificate, auditNewestRevocation, auditNewestEvent, auditNewestToken, auditNewestTokenEnd} {
		id, ok, err := a.id(ctx, query, ca.NewID(logNo, ca.MaxIndex))
		if err != nil {
			return 0, err
		}
		if ok {
			newest = max(newest, id)
		}
	}
	return newest, nil
}

// id gives the one id that a query finds, if it does.
func (a *Audit) id(ctx context.Context, query string, value ca.ID) (id ca.ID, ok bool, err error) {
	err = a.s.reader.QueryRowContext(ctx, query, int64(value)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return id, err == nil, err
}

// others finds the log numbers of rows that are not ours. It jumps from number to
// number along the primary keys, and reads one row of each.
func (a *Audit) others(ctx context.Context, ours uint16, names map[uint16]string) ([]audit.OtherLog, error) {
	var found []audit.OtherLog
	at := ca.ID(0)
	for len(found) < maxOtherLogs {
		first, some := ca.ID(0), false
		for _, query := range []string{auditFirstCertificate, auditFirstRevocation, auditFirstEvent, auditFirstToken, auditFirstTokenEnd, auditFirstAuthority} {
			id, ok, err := a.id(ctx, query, at)
			if err != nil {
				return nil, err
			}
			if ok && (!some || id < first) {
				first, some = id, true
			}
		}
		if !some {
			break
		}
		no := first.LogNo()
		if no != ours {
			found = append(found, audit.OtherLog{LogNo: no, Log: names[no], First: first})
		}
		if at = ca.NewID(no+1, 0); at <= first {
			break // the last number there can be
		}
	}
	return found, nil
}

// rows streams the rows of a query from one id to another, page by page.
func (a *Audit) rows(ctx context.Context, query string, span [2]ca.ID, scan func(scanner) (audit.Row, error)) iter.Seq2[audit.Row, error] {
	return func(yield func(audit.Row, error) bool) {
		for more := true; more; {
			n := 0
			err := a.page(ctx, query, span, func(row scanner) (bool, error) {
				r, err := scan(row)
				if err != nil {
					return false, err
				}
				n, span[0] = n+1, r.ID+1
				more = yield(r, nil)
				return more, nil
			})
			if err != nil && more {
				yield(audit.Row{}, err)
				return
			}
			more = more && n == auditPage
		}
	}
}

// page calls each with the rows of one page, until it says no.
func (a *Audit) page(ctx context.Context, query string, span [2]ca.ID, each func(scanner) (bool, error)) (err error) {
	rows, err := a.s.reader.QueryContext(ctx, query, int64(span[0]), int64(span[1]), auditPage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if more, err := each(rows); err != nil || !more {
			return err
		}
	}
	return rows.Err()
}
