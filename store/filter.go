// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"math"
	"strings"

	"chancery/ca"
)

// Certificates gives a page, newest first: by id, which within a log is the
// order of issuance. A limit outside 1 to ca.MaxPage is taken as ca.MaxPage.
func (s *Store) Certificates(ctx context.Context, f ca.Filter) ([]ca.Certificate, error) {
	q, err := listQuery(f)
	if err != nil {
		return nil, err
	}
	found, err := s.many(ctx, q.text.String(), q.values...)
	return found, wrap("list certificates", err)
}

// A query is a text with the values of its parameters.
type query struct {
	text   strings.Builder
	values []any
}

// add appends text in which each ? stands for the next parameter.
func (q *query) add(text string, values ...any) {
	for _, v := range values {
		q.values = append(q.values, v)
		text = strings.Replace(text, "?", fmt.Sprintf("$%d", len(q.values)), 1)
	}
	q.text.WriteString(text)
}

// standing is what a certificate is that nobody took back.
const standing = ` AND c.kind <> 'void' AND (SELECT COUNT(*) FROM revocation r WHERE r.certificate = c.id) = 0`

// listQuery makes the query of a list. Texts are fixed; what people typed is
// only ever a value (security rule WB-07).
func listQuery(f ca.Filter) (*query, error) {
	after, limit := int64(f.After), f.Limit
	if after == 0 {
		after = math.MaxInt64
	}
	if limit < 1 || limit > ca.MaxPage {
		limit = ca.MaxPage
	}
	q := &query{}
	q.add(`SELECT `+columns+` FROM certificate c WHERE c.id < ?`, after)
	if suffix, ok := strings.CutPrefix(f.Name, "*."); ok {
		from, to := below(strings.ToLower(suffix))
		q.add(` AND c.id IN (SELECT certificate FROM name WHERE reversed > ? AND reversed < ?)`, from, to)
	} else if f.Name != "" {
		q.add(` AND c.id IN (SELECT certificate FROM name WHERE value = ?)`, searched(f.Name))
	}
	if f.Authority != "" {
		q.add(` AND c.authority = ?`, f.Authority)
	}
	if f.Profile != "" {
		q.add(` AND c.profile = ?`, f.Profile)
	}
	if f.Owner != "" {
		q.add(` AND c.owner = ?`, f.Owner)
	}
	if !f.Key.IsZero() {
		q.add(` AND c.subject_key = ?`, f.Key[:])
	}
	now := millis(f.Now)
	if !f.ExpiringBefore.IsZero() {
		q.add(standing+` AND c.not_after >= ? AND c.not_after < ?`, now, millis(f.ExpiringBefore))
	}
	switch f.Status {
	case "":
	case "valid":
		q.add(standing+` AND c.not_after >= ?`, now)
	case "revoked":
		q.add(` AND c.id IN (SELECT certificate FROM revocation WHERE certificate > 0)`)
	case "expired":
		q.add(` AND c.kind <> 'void' AND c.not_after < ?`, now)
	case "void":
		q.add(` AND c.kind = 'void'`)
	default:
		return nil, ca.Invalid(ca.E1101, ca.Show(f.Status)+" is not a status", "use valid, revoked, expired or void").At("status")
	}
	q.add(` ORDER BY c.id DESC LIMIT ?`, limit)
	return q, nil
}
