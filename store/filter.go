// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"chancery/ca"
)

// maxLines is how many generations a line may have in a list of its certificates.
const maxLines = 100

// Certificates gives a page. The usual order is newest first: by id, which within a log is
// the order of issuance. A limit outside 1 to ca.MaxPage is taken as ca.MaxPage. The
// Problem is E1401 for a filter that cannot be answered.
func (s *Store) Certificates(ctx context.Context, f ca.Filter) ([]ca.Certificate, error) {
	if err := s.searchable(ctx, f); err != nil {
		return nil, err
	}
	var seen position
	if f.After != 0 && f.Order() != ca.ByID {
		err := s.reader.QueryRowContext(ctx, selectPosition, int64(f.After)).Scan(&seen.end, &seen.issued, &seen.common)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, ca.Invalid(ca.E1401, "this is not a cursor of ours", "take next_cursor of the page before").At("cursor")
		}
		if err != nil {
			return nil, wrap("list certificates", s.note(err))
		}
	}
	if err := s.crowd(ctx, f, &seen); err != nil {
		return nil, err
	}
	q, err := s.engine.listQuery(f, seen)
	if err != nil {
		return nil, err
	}
	found, err := s.many(ctx, q.text.String(), s.engine.planned(q)...)
	return found, wrap("list certificates", err)
}

// Count says how many rows all pages of a list have.
func (s *Store) Count(ctx context.Context, f ca.Filter) (n int64, err error) {
	if err := s.searchable(ctx, f); err != nil {
		return 0, err
	}
	q, err := s.engine.countQuery(f)
	if err != nil {
		return 0, err
	}
	err = s.reader.QueryRowContext(ctx, q.text.String(), s.engine.planned(q)...).Scan(&n)
	return n, wrap("count certificates", s.note(err))
}

// planned are the values of a query, for which the engine makes a plan.
func (e engine) planned(q *query) []any { return slices.Concat(e.anew, q.values) }

// countQuery makes the query that counts a list's rows.
func (e engine) countQuery(f ca.Filter) (*query, error) {
	if f.Sort == string(ca.ByCommon) {
		f.Sort = string(ca.ByEnd) // the same rows, and less to read
	}
	q := &query{}
	q.add(`SELECT COUNT(*)`)
	return q, e.restrict(q, f, false)
}

// A position is where a row stands in an order that is not its id's.
type position struct {
	end, issued int64
	common      string
	// crowded says that very many names are below the filter's suffix.
	crowded bool
}

const selectPosition = `SELECT not_after, issued_at, common FROM certificate WHERE id = $1`

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

// rowsOf is a condition that every row of an order meets, which its index answers.
func rowsOf(o ca.Order) string {
	switch o {
	case ca.ByEnd, ca.ByEnded:
		return `c.kind <> 'void' AND c.not_after > 0`
	case ca.ByIssued:
		return `c.issued_at > 0`
	}
	return `c.id > 0`
}

// listQuery makes the query of a list, from the row that was seen last. Texts are fixed;
// what people typed is only ever a value (security rule WB-07).
func (e engine) listQuery(f ca.Filter, seen position) (*query, error) {
	after, limit := int64(f.After), f.Limit
	if after == 0 {
		after = math.MaxInt64
	}
	if limit < 1 || limit > ca.MaxPage {
		limit = ca.MaxPage
	}
	q := &query{}
	q.add(`SELECT ` + columns)
	if err := e.restrict(q, f, seen.crowded); err != nil {
		return nil, err
	}
	switch f.Order() {
	case ca.ByEnd:
		if f.After != 0 {
			q.add(` AND (c.not_after, c.id) > (?, ?)`, seen.end, after)
		}
		q.add(` ORDER BY c.not_after, c.id`)
	case ca.ByEnded:
		if f.After != 0 {
			q.add(` AND (c.not_after, c.id) < (?, ?)`, seen.end, after)
		}
		q.add(` ORDER BY c.not_after DESC, c.id DESC`)
	case ca.ByCommon:
		if f.After != 0 {
			q.add(` AND (`+e.place+`) > (?, ?)`, seen.common, after)
		}
		q.add(` ORDER BY ` + e.place)
	case ca.ByIssued:
		if f.After != 0 {
			q.add(` AND (c.issued_at, c.id) < (?, ?)`, seen.issued, after)
		}
		q.add(` ORDER BY c.issued_at DESC, c.id DESC`)
	default:
		id := `c.id`
		if f.Part() != "" || seen.crowded {
			id = e.searched
		}
		q.add(` AND `+id+` < ? ORDER BY `+id+` DESC`, after)
	}
	q.add(` LIMIT ?`, limit)
	return q, nil
}

// standing is what a certificate is that nobody took back.
const standing = ` AND c.kind <> 'void' AND COALESCE(` + lastReason + `, 8) = 8`

// due is what two thirds of a certificate's life are for, 3·now being the value: it should have
// been renewed, and was not.
func (e engine) due() string {
	return ` AND c.not_before + 2 * c.not_after <= ? AND (c.common = '' OR NOT EXISTS (SELECT 1` + e.newer + `
AND n.kind <> 'void' AND n.common = c.common AND n.profile = c.profile AND n.owner = c.owner AND n.not_after > c.not_after
AND COALESCE((SELECT l.reason FROM revocation l WHERE l.certificate = n.id ORDER BY l.step DESC LIMIT 1), 8) = 8))`
}

// restrict adds where the rows of a list are, and what they must be.
func (e engine) restrict(q *query, f ca.Filter, crowded bool) error {
	if err := e.named(q, f, crowded); err != nil {
		return err
	}
	for _, one := range []struct{ column, value string }{
		{`c.authority`, f.Authority}, {`c.profile`, f.Profile}, {`c.owner`, f.Owner}, {`c.door`, string(f.Door)},
	} {
		if one.value != "" {
			q.add(` AND `+one.column+` = ?`, one.value)
		}
	}
	if f.Line != "" {
		if len(f.Authorities) == 0 || len(f.Authorities) > maxLines {
			return fmt.Errorf("a line of %d generations cannot be listed", len(f.Authorities))
		}
		q.add(` AND c.authority IN (`)
		for i, name := range f.Authorities {
			q.add([]string{`?`, `, ?`}[min(i, 1)], name)
		}
		q.add(`)`)
	}
	if f.Tag != "" {
		q.add(` AND c.id IN (SELECT certificate FROM tag WHERE value = ?)`, f.Tag)
	}
	if !f.Key.IsZero() {
		q.add(` AND c.subject_key = ?`, f.Key[:])
	}
	if !f.IssuedSince.IsZero() {
		q.add(` AND c.issued_at >= ?`, millis(f.IssuedSince))
	}
	return e.stands(q, f)
}

// named adds the names that rows must have.
func (e engine) named(q *query, f ca.Filter, crowded bool) error {
	infix := f.Part()
	switch {
	case crowded:
		suffix := strings.ToLower(f.Name[1:])
		q.add(e.search+e.endsLine, e.parts(suffix), e.parts(suffix+"\n"))
		return nil
	case f.Search != "" && f.Name != "":
		return ca.Invalid(ca.E1401, "search and name are both set", "send one of them").At("search")
	case infix == "" && f.Order() == ca.ByCommon:
		q.add(e.sorted)
	case infix == "":
		q.add(` FROM certificate c WHERE ` + rowsOf(f.Order()))
	case len([]rune(infix)) < ca.MinSearch || strings.Contains(infix, "*"):
		if f.Search != "" {
			return ca.Invalid(ca.E1401, ca.Show(f.Search)+" cannot be looked up", "search for a part of three characters or more").At("search")
		}
		return ca.Invalid(ca.E1401, ca.Show(f.Name)+" cannot be looked up", "write a name, *.suffix, prefix*, or *part* with a part of three characters or more").At("name")
	case f.Order() != ca.ByID:
		return ca.Invalid(ca.E1401, "what a search finds comes newest first", "leave sort out, or name the suffix or the prefix").At("sort")
	default:
		q.add(e.search, e.parts(infix))
	}
	suffix, isBelow := strings.CutPrefix(f.Name, "*.")
	prefix, begins := strings.CutSuffix(f.Name, "*")
	switch {
	case f.Name == "" || infix != "":
	case isBelow && !begins && suffix != "":
		from, to := below(strings.ToLower(suffix))
		q.add(` AND c.id IN (SELECT certificate FROM name WHERE reversed > ? AND reversed < ?)`, from, to)
	case begins && prefix != "":
		q.add(` AND c.id IN (SELECT certificate FROM name WHERE `+e.prefix+`)`, e.begins(strings.ToLower(prefix))...)
	default:
		q.add(` AND c.id IN (SELECT certificate FROM name WHERE value = ?)`, searched(f.Name))
	}
	return nil
}

// stands adds how rows must stand. In an order that is not its own, what ends within a
// range is looked up by it, because few of the first may.
func (e engine) stands(q *query, f ca.Filter) error {
	const ends = ` AND c.id IN (SELECT e.id FROM certificate e WHERE e.kind <> 'void' AND e.not_after >= ? AND e.not_after < ?)`
	const endsInOrder = ` AND c.kind <> 'void' AND c.not_after >= ? AND c.not_after < ?`
	within := ends
	if o := f.Order(); o == ca.ByEnd || o == ca.ByEnded || f.Part() != "" {
		within = endsInOrder
	}
	now := millis(f.Now)
	if !f.ExpiringBefore.IsZero() {
		q.add(standing)
		q.add(within, now, millis(f.ExpiringBefore))
	}
	switch f.Status {
	case "":
	case "valid":
		q.add(standing+` AND c.not_after >= ?`, now)
	case "expiring":
		q.add(standing)
		q.add(within, now, millis(f.Now.Add(ca.ExpiringWithin)))
		q.add(e.due(), 3*now)
	case "revoked":
		q.add(` AND c.id IN (SELECT certificate FROM revocation WHERE certificate > 0) AND ` + lastReason + ` <> 8`)
	case "held":
		q.add(` AND c.id IN (SELECT certificate FROM revocation WHERE certificate > 0) AND `+lastReason+` = ?`, int(ca.CertificateHold))
	case "expired":
		q.add(within, int64(0), now)
	case "void":
		q.add(` AND c.kind = 'void'`)
	default:
		return ca.Invalid(ca.E1101, ca.Show(f.Status)+" is not a status", "use "+strings.Join(ca.Statuses(), ", ")).At("status")
	}
	return nil
}
