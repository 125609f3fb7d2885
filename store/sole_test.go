// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"chancery/ca"
)

// secondLog is that of another node.
const secondLog = "1f1e1d1c1b1a19181716151413121110"

// claiming is an issuance of a log, for an owner, with a key and a common name.
func claiming(id ca.ID, owner string, key byte, cn, unique string) ca.Change {
	logNo, n := id.LogNo(), id.Index()
	c := change(n, cn, fmt.Sprintf("%d-%d.lab.example", logNo, n))
	c.Certificate.ID, c.Event.ID = id, id
	c.Request.ID = ca.RequestID(fmt.Sprintf("%d-%012d", logNo, n))
	c.Certificate.Request, c.Certificate.Serial = c.Request.ID, ca.Serial(fmt.Sprintf("41%04x%032x", logNo, n))
	c.Request.From.ID, c.Certificate.Owner = owner, owner
	c.Certificate.Key = ca.Digest{key, byte(n), byte(n >> 8)}
	c.Unique = unique
	return c
}

// R67, PF-07: of two fronts that commit the same key for two owners, or the same unique name,
// at the same moment on one PostgreSQL, one is told that it lost, and never both or none;
// what stands apart from that is not touched, and a renewal by the same owner loses nothing.
func TestR67_TheDatabaseJudgesBetweenTwoNodes(t *testing.T) {
	dsn := emptyDatabase(t)
	one := openBook(t, dsn)
	raw(t, one, `INSERT INTO log (log_id, log_no, next) VALUES ('`+secondLog+`', 0, 0)`)
	two, err := Open(t.Context(), Options{DSN: dsn, LogID: secondLog, Now: func() time.Time { return testNow }})
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	const me, them = "uid:1000", "uid:1001"
	for n := int64(1); n <= 40; n++ {
		cn := fmt.Sprintf("host%d", n)
		a, b := claiming(ca.NewID(1, n), me, 1, cn+".a", ""), claiming(ca.NewID(2, n), them, 1, cn+".b", "") // the same key
		want := 1
		switch n % 4 {
		case 1: // the same name
			a, b = claiming(ca.NewID(1, n), me, 1, cn, ca.UniqueName), claiming(ca.NewID(2, n), them, 2, cn, ca.UniqueName)
		case 2: // the same key, of one owner
			b, want = claiming(ca.NewID(2, n), me, 1, cn+".b", ""), 0
		case 3: // the same name, and nobody minds
			a, b, want = claiming(ca.NewID(1, n), me, 1, cn, ""), claiming(ca.NewID(2, n), them, 2, cn, ""), 0
		}
		var lost [2][]ca.RequestID
		var errs [2]error
		var both sync.WaitGroup
		for i, s := range []*Store{one, two} {
			both.Go(func() { lost[i], errs[i] = s.Commit(t.Context(), []ca.Change{[]ca.Change{a, b}[i]}, n+1) })
		}
		both.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		if len(lost[0])+len(lost[1]) != want {
			t.Fatalf("round %d: lost %v and %v, want %d", n, lost[0], lost[1], want)
		}
		for _, c := range []ca.Change{a, b} { // its signature exists, and so does its row
			if _, ok, err := one.Serial(t.Context(), c.Certificate.IssuerKey, c.Certificate.Serial); !ok || err != nil {
				t.Fatalf("round %d: a row is missing: %v", n, err)
			}
		}
	}
}

// A revoked or ended certificate, and a request that a void row closed, take nothing.
func TestWhatDoesNotStandTakesNoNameAndNoKey(t *testing.T) {
	dsn := emptyDatabase(t)
	one := openBook(t, dsn)
	raw(t, one, `INSERT INTO log (log_id, log_no, next) VALUES ('`+secondLog+`', 0, 0)`)
	revoked, ended := claiming(ca.NewID(1, 1), "uid:1001", 1, "a", ca.UniqueName), claiming(ca.NewID(1, 3), "uid:1001", 3, "b", ca.UniqueName)
	ended.Certificate.NotAfter = testNow.Add(-time.Hour)
	given := void(4, "c")
	given.Certificate.Owner = "uid:1001"
	commit(t, one, 5, revoked, ended, given)
	commit(t, one, 6, revoking(revoked, 5, 1, ca.Superseded))
	mine := claiming(ca.NewID(1, 7), "uid:1000", 1, "a", ca.UniqueName)
	mine.Certificate.Key = revoked.Certificate.Key
	other := claiming(ca.NewID(1, 8), "uid:1000", 3, "b", ca.UniqueName)
	other.Certificate.Key = ended.Certificate.Key
	commit(t, one, 9, mine, other)
}

// A book of one log is asked nothing more: its commit has the statements that it had.
func TestABookOfOneLogJudgesNothing(t *testing.T) {
	s := openBook(t, emptyDatabase(t))
	a, b := claiming(ca.NewID(1, 1), "uid:1000", 1, "a", ca.UniqueName), claiming(ca.NewID(1, 2), "uid:1001", 1, "a", ca.UniqueName)
	b.Certificate.Key = a.Certificate.Key
	commit(t, s, 3, a, b) // which its front would not have sent
}
