// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"chancery/ca"
)

// aPlan is a node of PostgreSQL's account of a query that ran.
type aPlan struct {
	Node    string  `json:"Node Type"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Plans   []aPlan
}

func (p aPlan) read() float64 {
	n := (p.Rows + p.Removed) * p.Loops
	for _, below := range p.Plans {
		n += below.read()
	}
	return n
}

// T-16: a page costs what it shows, however many rows there are: lists and searches walk an
// index in their own order and stop at the end of the page. SQLite would say of another way
// that it sorts; PostgreSQL counts the rows that it read. How long that takes at a million is
// measured by make bench.
func TestT16_APageReadsLittleMoreThanItShows(t *testing.T) {
	const shown, many = 50, 4000
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		var rows []ca.Change
		for n := range int64(many) {
			if rows = append(rows, change(n, "a"+strconv.FormatInt(n, 10)+".lab.example")); len(rows) == 1000 {
				commit(t, s, n+1, rows...)
				rows = nil
			}
		}
		raw(t, s, map[string]string{sqliteName: "ANALYZE", postgresName: "VACUUM ANALYZE"}[s.Engine()])
		some, err := s.Certificates(t.Context(), ca.Filter{Limit: 1})
		if err != nil || len(some) != 1 {
			t.Fatal(some, err)
		}
		c := some[0]
		filters := map[string]ca.Filter{
			"all": {}, "next": {After: c.ID}, "valid": {Status: "valid"}, "authority": {Authority: c.Authority}, "profile": {Profile: c.Profile}, "owner": {Owner: c.Owner},
			"expiry": {Sort: "expiry"}, "name order": {Sort: "name"}, "one name": {Name: "a17.lab.example"}, "a part": {Search: "a1717"}, "since": {IssuedSince: c.IssuedAt},
			"owner's valid": {Owner: c.Owner, Status: "valid"}, "expiring": {ExpiringBefore: c.NotAfter, Now: testNow},
		}
		for _, name := range slices.Sorted(maps.Keys(filters)) {
			f := filters[name]
			if f.Limit = shown; f.Now.IsZero() {
				f.Now = testNow
			}
			page, err := s.Certificates(t.Context(), f)
			if err != nil || len(page) > shown {
				t.Errorf("%s: %d rows, %v", name, len(page), err)
			}
			q, err := s.engine.listQuery(f, position{})
			if err != nil {
				t.Fatal(err)
			}
			if s.Engine() == sqliteName {
				plan, err := explain(t.Context(), s, planned{name, q.text.String(), q.values})
				if err != nil {
					t.Fatal(err)
				}
				if text := strings.Join(plan, "\n"); strings.Contains(text, "TEMP B-TREE") {
					t.Errorf("%s is sorted before a page of it is there:\n%s", name, text)
				}
				continue
			}
			var text string
			tx, err := s.reader.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			// A few thousand rows are sorted sooner than walked; what is asked is whether a
			// million can be walked.
			walk := "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
			if f.Search != "" {
				walk = "SET LOCAL enable_seqscan = off" // its index gives a bitmap, of what was found
			}
			if _, err := tx.ExecContext(t.Context(), walk); err != nil {
				t.Fatal(err)
			}
			if err := tx.QueryRowContext(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "+q.text.String(), q.values...).Scan(&text); err != nil {
				t.Fatal(err)
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			var plans []struct{ Plan aPlan }
			if err := json.Unmarshal([]byte(text), &plans); err != nil || len(plans) != 1 {
				t.Fatalf("%v: %s", err, text)
			}
			if n := plans[0].Plan.read(); n > 10*shown {
				t.Errorf("%s reads %.0f rows for %d:\n%s", name, n, len(page), text)
			}
		}
	})
}
