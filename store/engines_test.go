// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chancery/ca"
)

const testLog = "000102030405060708090a0b0c0d0e0f"

var testNow = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// onEngines runs a test on an empty database of each engine.
func onEngines(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, filepath.Join(t.TempDir(), "book.db"))
	})
	t.Run("postgresql", func(t *testing.T) {
		t.Parallel()
		test(t, emptyDatabase(t))
	})
}

// openBook opens a book whose clock stands at testNow.
func openBook(t *testing.T, dsn string) *Store {
	t.Helper()
	return openAt(t, dsn, func() time.Time { return testNow })
}

func openAt(t *testing.T, dsn string, now func() time.Time) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{DSN: dsn, LogID: testLog, Now: now})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, os.ErrClosed) { // closed by the test
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// change makes an issuance at leaf index n: a certificate for names, the first of
// which is also the common name.
func change(n int64, names ...string) ca.Change {
	id := ca.NewID(1, n)
	r := &ca.Request{
		ID: ca.RequestID(fmt.Sprintf("0196-%012d", n)), Door: ca.DoorCLI, From: ca.Actor{ID: "uid:1000", Name: "hana", Method: "peer", UID: 1000},
		Profile: "server", Digest: ca.Digest{1}, CSR: []byte{0x30}, At: testNow,
	}
	c := &ca.Certificate{
		ID: id, Kind: ca.EndEntity, IssuerKey: ca.Digest{9}, Serial: ca.Serial(fmt.Sprintf("41%036x", n)), Authority: "issuing-g1",
		Request: r.ID, Profile: r.Profile, ProfileDigest: r.Digest, Owner: r.From.ID, Door: r.Door, Key: ca.Digest{7}, KeyType: "ecdsa-p256",
		NotBefore: testNow.Add(-time.Minute), NotAfter: testNow.Add(90 * 24 * time.Hour), IssuedAt: testNow, DER: fmt.Appendf(nil, "0%d", n),
	}
	for i, v := range names {
		if i == 0 {
			c.Common = v
		}
		c.Names = append(c.Names, ca.Name{Type: ca.DNS, Value: v})
	}
	return ca.Change{Request: r, Certificate: c, Event: ca.Event{
		ID: id, Kind: "issued", By: r.From.ID, At: testNow, About: c.PublicName(), Leaf: []byte(`{"n":1}`),
	}}
}

// void makes the change of a void row.
func void(n int64, names ...string) ca.Change {
	c := change(n, names...)
	c.Certificate.Kind, c.Certificate.DER, c.Event.Kind = ca.Void, nil, "void"
	return c
}

// commit writes changes and demands that nothing is refused or lost.
func commit(t *testing.T, s *Store, next int64, changes ...ca.Change) {
	t.Helper()
	lost, err := s.Commit(context.Background(), changes, next)
	if err != nil || len(lost) > 0 {
		t.Fatalf("commit: lost %v, %v", lost, err)
	}
}

// indexes gives the leaf indexes of rows.
func indexes(found []ca.Certificate) []int64 {
	out := []int64{}
	for _, c := range found {
		out = append(out, c.ID.Index())
	}
	return out
}
