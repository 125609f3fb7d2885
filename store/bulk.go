// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
)

// The inserts of a commit as PostgreSQL takes them, one statement for all rows of
// a table: an array per column, in the order of the single inserts of
// statements.go. Single inserts cost a round trip each.
const (
	bulkRequest = `INSERT INTO request (id, door, door_key, actor, actor_name, actor_method, actor_uid, profile, digest, csr, not_after, evidence, taken_at, line)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::bytea[], $10::bytea[], $11::bigint[], $12::text[], $13::bigint[], $14::text[])`

	bulkCertificate = `INSERT INTO certificate (id, kind, issuer_key, serial, tail, authority, request, profile, profile_digest, owner, door, names, common, subject_key, key_type, not_before, not_after, issued_at, der, undelivered)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bytea[], $15::text[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bytea[], $20::boolean[])`

	bulkName = `INSERT INTO name (value, certificate, reversed)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[])`

	bulkRevocation = `INSERT INTO revocation (id, certificate, issuer_key, serial, step, reason, actor, revoked_at, invalid_since)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::bigint[], $9::bigint[])`

	bulkEvent = `INSERT INTO event (id, kind, actor, happened_at, about, leaf)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[])`
)

// A bulk gathers the rows of one commit by table, column by column.
type bulk struct {
	event, request, certificate, name, revocation [][]any
}

// add takes a row that the single insert st would have written.
func (b *bulk) add(st *sql.Stmt, in inserts, values []any) {
	var to *[][]any
	switch st {
	case in.event:
		to = &b.event
	case in.request:
		to = &b.request
	case in.certificate:
		to = &b.certificate
	case in.revocation:
		to = &b.revocation
	default:
		to = &b.name
	}
	if *to == nil {
		*to = make([][]any, len(values))
	}
	for i, v := range values {
		(*to)[i] = append((*to)[i], v)
	}
}

// insert writes all rows: names and revocations last, because they refer to
// certificates.
func (b *bulk) insert(ctx context.Context, tx *sql.Tx) error {
	for _, t := range []struct {
		table, text string
		columns     [][]any
	}{{"event", bulkEvent, b.event}, {"request", bulkRequest, b.request}, {"certificate", bulkCertificate, b.certificate}, {"name", bulkName, b.name}, {"revocation", bulkRevocation, b.revocation}} {
		if t.columns == nil {
			continue
		}
		values := make([]any, len(t.columns))
		for i, c := range t.columns {
			values[i] = c
		}
		if _, err := tx.ExecContext(ctx, t.text, values...); err != nil {
			return fmt.Errorf("insert into %s: %w", t.table, err)
		}
	}
	return nil
}
