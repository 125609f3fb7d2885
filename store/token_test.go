// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"testing"
	"time"

	"chancery/ca"
)

// tokenChange makes a token at leaf index n.
func tokenChange(n int64, owner string) ca.Change {
	id := ca.NewID(1, n)
	t := &ca.Token{
		ID: id, Name: "ci", Owner: owner, UID: 1000, Scope: ca.Scope{Roles: []ca.Role{ca.Requester}, Names: []string{"*.lab.example"}},
		Made: testNow, Expires: testNow.Add(time.Hour), Secret: ca.Digest{1, byte(n)},
	}
	return ca.Change{Token: t, Event: ca.Event{ID: id, Kind: ca.EventTokenMade, By: owner, At: testNow, About: t.Digest().String(), Leaf: []byte(`{}`)}}
}

func endChange(n int64, token ca.Digest) ca.Change {
	id := ca.NewID(1, n)
	return ca.Change{TokenEnd: &ca.TokenEnd{ID: id, Token: token, By: "uid:1", At: testNow}, Event: ca.Event{ID: id, Kind: ca.EventTokenRevoked, At: testNow, Leaf: []byte(`{}`)}}
}

func TestATokenIsFoundByItsSecretAndKeepsItsDigest(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		mine, others := tokenChange(3, "uid:1000"), tokenChange(4, "uid:1001")
		commit(t, s, 5, mine, others)
		got, ok, err := s.TokenBySecret(t.Context(), mine.Token.Secret)
		if err != nil || !ok || got.Digest() != mine.Token.Digest() || got.ID != mine.Token.ID || got.Ended != nil || !got.Used.IsZero() {
			t.Fatalf("found %+v, %v, %v", got, ok, err)
		}
		if _, ok, err := s.TokenBySecret(t.Context(), ca.Digest{9}); ok || err != nil {
			t.Errorf("an unknown secret: %v, %v", ok, err)
		}
		if err := s.TokenUsed(t.Context(), got.Digest(), testNow); err != nil {
			t.Fatal(err)
		}
		// Revoking twice changes nothing.
		commit(t, s, 7, endChange(5, got.Digest()), endChange(6, got.Digest()))
		all, err := s.Tokens(t.Context(), "uid:1000", 0, 10)
		if err != nil || len(all) != 1 || all[0].Ended == nil || all[0].Ended.ID.Index() != 5 || !all[0].Used.Equal(testNow) {
			t.Errorf("tokens of one are %+v, %v", all, err)
		}
		if all, err := s.Tokens(t.Context(), "", 0, 1); err != nil || len(all) != 1 || all[0].Owner != "uid:1001" {
			t.Errorf("the newest is %+v, %v", all, err)
		}
	})
}

// RO-02: what somebody writes into a row makes it another token than the log has, or
// none.
func TestRO02_ATokensRowThatWasChangedHasAnotherDigest(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		c := tokenChange(3, "uid:1000")
		commit(t, s, 4, c)
		for _, query := range []string{`UPDATE token SET document = '{}'`, `DELETE FROM token`, `UPDATE token_end SET id = 1`} {
			if _, err := s.writer.ExecContext(context.Background(), query); err == nil && query != `UPDATE token_end SET id = 1` {
				t.Errorf("%s is obeyed", query)
			}
		}
		raw(t, s, map[string]string{sqliteName: `DROP TRIGGER token_no_update`, postgresName: `DROP TRIGGER token_never_changed ON token`}[s.Engine()])
		raw(t, s, `UPDATE token SET document = replace(document, '"requester"', '"security-admin"')`)
		got, ok, err := s.TokenBySecret(t.Context(), c.Token.Secret)
		if err != nil || !ok || got.Scope.Roles[0] != ca.SecurityAdmin || got.Digest() == c.Token.Digest() {
			t.Errorf("found %+v, %v, %v", got, ok, err)
		}
		raw(t, s, `UPDATE token SET document = 'x'`)
		if got, _, err := s.TokenBySecret(t.Context(), c.Token.Secret); err != nil || !got.Secret.IsZero() || len(got.Scope.Roles) > 0 {
			t.Errorf("a document that cannot be read gives %+v, %v", got, err)
		}
	})
}
