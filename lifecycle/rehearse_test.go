// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

// Asked implements Shelf.
func (w *world) Asked(_ context.Context, profile string, below ca.ID, now time.Time, limit int) ([]ca.Asked, error) {
	out := slices.DeleteFunc(slices.Clone(w.asked), func(a ca.Asked) bool {
		return a.Certificate.Profile != profile || below != 0 && a.Certificate.ID >= below || a.Certificate.NotAfter.Before(now)
	})
	return out[:min(limit, len(out))], nil
}

// readRequest reads the requests that wishOf makes.
func readRequest(raw []byte) (ca.CSR, error) {
	var n int
	if _, err := fmt.Sscanf(string(raw), "request %d", &n); err != nil {
		return ca.CSR{}, ca.Invalid(ca.E2203, "no request", "")
	}
	_, c := wishOf(n, "")
	return c, nil
}

const trialled = `schema = 1
name = "server"
doors = ["cli"]
use = ["server"]
days = 30
max_days = 90
keys = ["ecdsa-p256"]
[names]
max = 3
dns = ["*.lab.example"]
`

func TestARehearsalSaysWhatWouldBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.accounts[1007] = []ca.Role{ca.SecurityAdmin}
		r := w.registrar()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.Run(ctx) //nolint:errcheck // it ends with the test
		for i := range 1200 {
			q, _ := wishOf(i, "")
			if i%3 == 0 {
				q.NotAfter = q.At.Add(60 * 24 * time.Hour)
			}
			w.asked = append(w.asked, ca.Asked{Request: q, Certificate: ca.Certificate{
				ID: ca.NewID(1, int64(5000-i)), Authority: "issuing-g1", Serial: ca.Serial(fmt.Sprintf("%04x", i)), Profile: "server", Owner: hana.ID, Common: fmt.Sprint(i),
				NotAfter: time.Now().Add(time.Hour),
			}})
		}
		w.asked[7].Request.CSR = []byte("damaged")
		for _, c := range []struct {
			what, from, to                string
			limit                         int
			checked, same, changed, fails int
			more                          bool
			says                          string
		}{
			{"the same", "", "", 0, 1200, 1200, 0, 0, false, ""},
			{"shorter lives", "max_days = 90", "max_days = 50", 0, 1200, 800, 0, 400, false, "at most 50 days"},
			{"another usual life", "days = 30", "days = 20", 0, 1200, 401, 799, 0, false, "lifetime: 30 days → 20 days"},
			{"other names", `"*.lab.example"`, `"host1.lab.example"`, 0, 1200, 2, 0, 1198, false, "host0.lab.example"},
			{"the newest alone", `"*.lab.example"`, `"host1.lab.example"`, 3, 3, 1, 0, 2, true, "host0.lab.example"},
			{"another line", `name = "server"`, "name = \"server\"\nline = \"none\"", 0, 1200, 1, 0, 1199, false, "no authority of line"},
		} {
			got, err := r.Rehearse(ctx, hana, ca.Trial{Document: strings.Replace(trialled, c.from, c.to, 1), Limit: c.limit})
			if err != nil || got.Checked != c.checked || got.Same != c.same || got.Changed != c.changed || got.Refused != c.fails || got.More != c.more || got.Gained != 0 {
				t.Errorf("%s: checked %d, same %d, changed %d, refused %d, gained %d, more %t (%v)", c.what, got.Checked, got.Same, got.Changed, got.Refused, got.Gained, got.More, err)
			}
			if c.says != "" && (len(got.Cases) == 0 || !strings.Contains(fmt.Sprint(got.Cases[0].Changes, got.Cases[0].Problem), c.says)) || len(got.Cases) > ca.MaxCases {
				t.Errorf("%s: of %d cases the first is %+v, wanted %q", c.what, len(got.Cases), got.Cases[:min(1, len(got.Cases))], c.says)
			}
		}
		var p *ca.Problem
		if _, err := r.Rehearse(ctx, hana, ca.Trial{Document: "dais = 1\n"}); !errors.As(err, &p) || p.Code != ca.E1003 {
			t.Errorf("a document that is no profile is rehearsed: %v", err)
		}
		if _, err := r.Rehearse(ctx, ca.Actor{ID: "uid:4000", Method: ca.MethodPeer, UID: 4000}, ca.Trial{Document: trialled}); !errors.As(err, &p) || p.Code != ca.E1305 {
			t.Errorf("a stranger rehearses: %v", err)
		}
		// RO-06: who drafts policy and may not read what others asked for is told numbers.
		officer := ca.Actor{ID: "uid:1007", Method: ca.MethodPeer, UID: 1007}
		blind, err := r.Rehearse(ctx, officer, ca.Trial{Document: strings.Replace(trialled, "max_days = 90", "max_days = 50", 1)})
		if err != nil || blind.Refused != 400 || len(blind.Cases) != 0 {
			t.Errorf("a security administrator is shown %d of %d cases, %v", len(blind.Cases), blind.Refused, err)
		}
		q, c := wishOf(1, "")
		q.Profile = "whatever"
		if plan, err := r.Try(ctx, q, c, strings.Replace(trialled, "days = 30", "days = 20", 1)); err != nil || plan.Draft.NotAfter.Sub(plan.Draft.NotBefore) > 20*24*time.Hour {
			t.Errorf("a trial gave %+v, %v", plan, err)
		}
	})
}
