// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"errors"
	"fmt"
	"testing"

	"chancery/ca"
	"chancery/internal/sim"
)

// load is the fixed work of which every moment is kept: two runs of the service
// with a clean stop between them, requests with and without a key, repeated ones,
// and refused ones, revocations and, in the second, a renewal that revokes; and before the second a ceremony, after which a second generation
// signs.
func (s *site) load(t *testing.T, plan sim.Plan) []moment {
	t.Helper()
	l := ledger{at: s.began}
	var all []moment
	disk := s.disk.Kill(plan)
	for run := range 2 {
		how := start{keep: true, gate: true}
		if run == 1 {
			how.ceremony = (*world).ceremony
		}
		w, err := s.open(disk, l, how)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(w.settled(), w.work(run), w.revoke(fmt.Sprintf("order-%d", run)), w.renew("order-1b"), w.listed(w.ledger.revoked), w.verify(false), w.stop())
		if err != nil {
			t.Fatalf("run %d: %v %v", run, err, w.reports)
		}
		l = w.snapshot()
		all = append(all, w.moments...)
		disk.Watch(nil)
	}
	return append(all, moment{sim.Moment{Call: sim.Call{N: disk.Calls() + 1}, Disk: disk}, l})
}

// work is the requests of one run.
func (w *world) work(run int) error {
	key := fmt.Sprintf("order-%d", run)
	first := run * 8
	for i, c := range []struct {
		n    int
		key  string
		code ca.Code
	}{
		{first, "", ""}, {first + 1, key, ""}, {first + 1, key, ""}, {requests, "", ca.E2108},
		{first + 2, "", ""}, {first + 2, key, ca.E2302}, {first + 3, key + "b", ""}, {first + 4, "", ""},
	} {
		err := w.ask(c.n, c.key)
		var p *ca.Problem
		if errors.As(err, &p) && c.code != "" {
			continue
		}
		if err != nil || c.code != "" {
			return fmt.Errorf("request %d of run %d: %w, wanted %q", i, run, err, c.code)
		}
	}
	return nil
}
