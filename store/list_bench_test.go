// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"chancery/ca"
)

// many is how many certificates there are when lists and searches are measured.
const many = 1_000_000

// fills are what fills a book by the database itself: a certificate every second, valid for
// up to 90 days, of a thousand owners, each with a name of its own.
func fills(engine string) []string {
	series, hex := `(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT i FROM n) g`, `printf('%06x', (i * 7919) % 16777216)`
	octets := func(text string) string { return `CAST(` + text + ` AS BLOB)` }
	if engine == postgresName {
		series, hex = `generate_series(1::bigint, 1000000) AS g (i)`, `lpad(to_hex((i * 7919) % 16777216), 6, '0')`
		octets = func(text string) string { return `convert_to(` + text + `, 'UTF8')` }
	}
	const (
		id    = `281474976710656 + i` // of log 1
		at    = `1700000000000 + CAST(i AS BIGINT) * 1000`
		place = `CASE i % 4 WHEN 0 THEN 'web' WHEN 1 THEN 'mail' WHEN 2 THEN 'vpn' ELSE 'print' END`
	)
	name, digest := `'host-' || `+hex+` || '.' || `+place+` || '.lab.example'`, octets(`'00000000000000000000000000000000'`)
	pending := `SELECT 1`
	if engine == sqliteName {
		pending = `INSERT INTO name_pending (certificate) SELECT id FROM certificate`
	}
	return []string{
		`INSERT INTO certificate (id, kind, issuer_key, serial, tail, authority, request, profile, profile_digest, owner, door, names, common, subject_key, key_type, not_before, not_after, issued_at, der, undelivered)
SELECT ` + id + `, 'end-entity', ` + digest + `, '4100' || ` + hex + `, ` + hex + `, 'issuing-g1', NULL, 'server', ` + digest + `, 'uid:' || (i % 1000), 'cli',
'[{"type":"dns","value":"' || ` + name + ` || '"}]', ` + name + `, ` + digest + `, 'ecdsa-p256', ` + at + `, ` + at + ` + (i % 90) * 86400000, ` + at + `, ` + octets(`''`) + `, FALSE FROM ` + series,
		`INSERT INTO name (value, certificate, reversed) SELECT ` + name + `, ` + id + `, ` + octets(`'example.lab.' || `+place+` || '.host-' || `+hex+` || '.'`) + ` FROM ` + series,
		pending,
		`INSERT INTO event (id, kind, actor, happened_at, about, leaf) SELECT id, 'issued', owner, issued_at, serial, der FROM certificate`,
		`ANALYZE`,
	}
}

// What a list and a search take with a million certificates.
func BenchmarkList(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkList(b, filepath.Join(b.TempDir(), "book.db")) })
	b.Run("postgresql", func(b *testing.B) { benchmarkList(b, emptyDatabase(b)) })
}

func benchmarkList(b *testing.B, dsn string) {
	now := time.UnixMilli(1_700_000_000_000).Add(many * time.Second) // when the last was issued
	s, err := Open(b.Context(), Options{DSN: dsn, LogID: testLog, Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	s.wait = time.Hour
	for _, text := range fills(s.Engine()) {
		if err := s.transact(b.Context(), func(ctx context.Context, tx *sql.Tx) error { _, err := tx.ExecContext(ctx, text); return err }); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.findable(b.Context(), many, func() bool { return true }); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		f    ca.Filter
		rows int
	}{
		{"newest", ca.Filter{}, 50},
		{"of an owner, valid", ca.Filter{Owner: "uid:77", Status: "valid"}, 50},
		{"expiring", ca.Filter{Status: "expiring"}, 50},
		{"expired", ca.Filter{Status: "expired"}, 50},
		{"by name", ca.Filter{Sort: "name"}, 50},
		{"below a suffix", ca.Filter{Name: "*.vpn.lab.example"}, 50},
		{"a name", ca.Filter{Name: "host-001eef.mail.lab.example"}, 1},
		{"a prefix", ca.Filter{Name: "host-001e*"}, -1},
		{"a part that is rare", ca.Filter{Search: "1eef.mail"}, -1},
		{"a part that is nowhere", ca.Filter{Search: "zebra"}, 0},
		{"a part that all have", ca.Filter{Search: "lab.exam"}, 50},
		{"issued since an hour", ca.Filter{IssuedSince: now.Add(-time.Hour), Owner: "uid:77"}, -1},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.f.Now, c.f.Limit = now, 50
			for b.Loop() {
				rows, err := s.Certificates(b.Context(), c.f)
				if err != nil || c.rows >= 0 && len(rows) != c.rows {
					b.Fatal(len(rows), err)
				}
			}
		})
	}
	for _, c := range []struct {
		name string
		f    ca.EventFilter
		rows int
	}{
		{"events", ca.EventFilter{}, 50},
		{"events of an owner", ca.EventFilter{Actor: "uid:77"}, 50},
		{"events of nobody", ca.EventFilter{Actor: "uid:1001"}, 0},
		{"events since an hour", ca.EventFilter{Since: now.Add(-time.Hour)}, 50},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.f.Limit = 50
			for b.Loop() {
				rows, err := s.Events(b.Context(), c.f)
				if err != nil || len(rows) != c.rows {
					b.Fatal(len(rows), err)
				}
			}
		})
	}
	b.Run("count of the valid", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Count(b.Context(), ca.Filter{Status: "valid", Now: now}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
