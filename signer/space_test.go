// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"chancery/ca"
)

// IS-09, AU-04: on a disk that is nearly full nothing is issued; revoking and lists
// go on, out of a reserve when it comes to that.
func TestIS09_AFullDiskStopsIssuingAndNotRevoking(t *testing.T) {
	s, _, h := founded(t)
	p := profiles(t, h)["server"]
	csr := csrBy(t, "a.lab.example", p256...)
	one := s.issued(h, wish(1, csr, p))
	dir := s.Dir
	s.stop()

	var free atomic.Int64
	free.Store(10 << 30)
	next := unopened(dir)
	next.Space = func() (int64, int64, error) { return free.Load(), 100 << 30, nil }
	if err := next.Open(); err != nil {
		t.Fatal(err)
	}
	s = running(t, next)
	reserve := filepath.Join(dir, "state", "reserve")
	if st, err := os.Stat(reserve); err != nil || st.Size() != 32<<20 {
		t.Fatalf("the reserve: %v, %v", st, err)
	}
	h = s.hello(0)
	free.Store(2<<30 - 1) // 5 % of it would be 5 GiB; 2 GiB are enough
	if _, err := s.Issue(h.Number, []ca.Request{wish(2, csr, p)}); !isCode(err, ca.E1407) {
		t.Errorf("issued on a full disk: %v", err)
	}
	if a := s.revoke(h, one, 1, ca.Superseded); a.Problem != nil {
		t.Errorf("not revoked on a full disk: %+v", a.Problem)
	}
	if _, err := os.Stat(reserve); err != nil {
		t.Errorf("the reserve was spent too early: %v", err)
	}
	free.Store(1 << 20)
	if _, l := s.crl(h, 0); len(l.RevokedCertificateEntries) != 1 {
		t.Error("the list lacks the entry")
	}
	if _, err := os.Stat(reserve); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the reserve was not spent: %v", err)
	}
	free.Store(3 << 30)
	if a := s.one(h, wish(2, csr, p)); a.Problem != nil {
		t.Errorf("not issued with room again: %+v", a.Problem)
	}
}

// IS-09: a start writes before anybody asks for anything, and the front writes beside it, so
// on a full disk the reserve is spent then.
func TestIS09_AStartOnAFullDiskSpendsTheReserve(t *testing.T) {
	s, _, _ := founded(t)
	dir := s.Dir
	s.stop()
	reserve := filepath.Join(dir, "state", "reserve")
	for _, c := range []struct {
		free int64
		kept bool
	}{{10 << 30, true}, {1 << 30, true}, {0, false}} {
		next := unopened(dir)
		next.Space = func() (int64, int64, error) { return c.free, 100 << 30, nil }
		if err := next.Open(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(reserve); (err == nil) != c.kept {
			t.Errorf("%d octets free: %v", c.free, err)
		}
		if err := next.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestIS09_NearlyFullIsFivePercentWithinBounds(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for _, c := range []struct {
		free, total int64
		full        bool
	}{
		{256 * mib, gib, false}, {256*mib - 1, gib, true}, {512 * mib, 10 * gib, false}, {512*mib - 1, 10 * gib, true},
		{2 * gib, 1000 * gib, false}, {2*gib - 1, 1000 * gib, true}, {0, 0, true},
	} {
		if got := ca.NearlyFull(c.free, c.total); got != c.full {
			t.Errorf("%d of %d free: %v, want %v", c.free, c.total, got, c.full)
		}
	}
}
