// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"chancery/ca"
)

const (
	insertToken = `INSERT INTO token (digest, id, secret, owner, document) VALUES ($1, $2, $3, $4, $5)`
	// Whoever revokes what is revoked changes nothing; the first row stands.
	insertTokenEnd = `INSERT INTO token_end (token, id, actor, ended_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	putTokenUse    = `INSERT INTO token_use (token, used_at) VALUES ($1, $2)
ON CONFLICT (token) DO UPDATE SET used_at = excluded.used_at`

	// tokenColumns are those of scanToken, in its order.
	tokenColumns = `t.digest, t.id, t.secret, t.document,
COALESCE((SELECT e.id FROM token_end e WHERE e.token = t.digest), 0),
COALESCE((SELECT e.actor FROM token_end e WHERE e.token = t.digest), ''),
COALESCE((SELECT e.ended_at FROM token_end e WHERE e.token = t.digest), 0),
COALESCE((SELECT u.used_at FROM token_use u WHERE u.token = t.digest), 0) FROM token t`
	selectTokenBySecret = `SELECT ` + tokenColumns + ` WHERE t.secret = $1`
	selectTokensOf      = `SELECT ` + tokenColumns + ` WHERE t.owner = $1 AND t.id < $2 ORDER BY t.id DESC LIMIT $3`
	selectTokens        = `SELECT ` + tokenColumns + ` WHERE t.id < $1 ORDER BY t.id DESC LIMIT $2`
)

// tokens writes the row of a token that is made, or of one that is revoked.
func (w *writing) tokens(c ca.Change) error {
	if t := c.Token; t != nil {
		document, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("write token %q: %w", t.Name, err)
		}
		digest := t.Digest()
		if _, err := w.tx.StmtContext(w.ctx, w.in.token).ExecContext(w.ctx, digest[:], int64(t.ID), t.Secret[:], t.Owner, string(document)); err != nil {
			return fmt.Errorf("insert token %q: %w", t.Name, err)
		}
	}
	if e := c.TokenEnd; e != nil {
		if _, err := w.tx.StmtContext(w.ctx, w.in.tokenEnd).ExecContext(w.ctx, e.Token[:], int64(e.ID), e.By, millis(e.At)); err != nil {
			return fmt.Errorf("insert the end of token %s: %w", e.Token, err)
		}
	}
	return nil
}

// TokenBySecret gives the row of a token by the SHA-256 of its text. What the row says
// is to be believed only if the log has its digest.
func (s *Store) TokenBySecret(ctx context.Context, secret ca.Digest) (ca.Token, bool, error) {
	t, err := scanToken(s.reader.QueryRowContext(ctx, selectTokenBySecret, secret[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return ca.Token{}, false, nil
	}
	return t, err == nil, wrap("look up a token", s.note(err))
}

// Tokens gives a page of the tokens of an owner, of all if it is empty, newest first:
// those below an id, zero for the first page. A limit outside 1 to ca.MaxPage is
// ca.MaxPage.
func (s *Store) Tokens(ctx context.Context, owner string, below ca.ID, limit int) ([]ca.Token, error) {
	if below == 0 {
		below = math.MaxInt64
	}
	if limit < 1 || limit > ca.MaxPage {
		limit = ca.MaxPage
	}
	query, values := selectTokens, []any{int64(below), limit}
	if owner != "" {
		query, values = selectTokensOf, []any{owner, int64(below), limit}
	}
	rows, err := s.reader.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, wrap("read tokens", s.note(err))
	}
	all, err := collect(rows, scanToken)
	return all, wrap("read tokens", s.note(err))
}

// TokenUsed notes when a token was used last.
func (s *Store) TokenUsed(ctx context.Context, token ca.Digest, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return wrap("note the use of a token", s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, putTokenUse, token[:], millis(at))
		return err
	}))
}

// scanToken reads the columns of a token. A row whose columns do not agree with its
// document is one that somebody changed: it has a zero secret, which nobody has.
func scanToken(row scanner) (ca.Token, error) {
	var digest, secret []byte
	var id, end, ended, used int64
	var document, by string
	if err := row.Scan(&digest, &id, &secret, &document, &end, &by, &ended, &used); err != nil {
		return ca.Token{}, err
	}
	var t ca.Token
	var have ca.Digest
	if err := errors.Join(json.Unmarshal([]byte(document), &t), intoDigest(&have, digest)); err != nil || string(t.Secret[:]) != string(secret) {
		t = ca.Token{Name: t.Name, Owner: t.Owner}
	}
	t.ID = ca.ID(id)
	if end > 0 {
		t.Ended = &ca.TokenEnd{ID: ca.ID(end), Token: have, By: by, At: instant(ended)}
	}
	if used > 0 {
		t.Used = instant(used)
	}
	return t, nil
}
