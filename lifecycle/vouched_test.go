// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// said are the generations as the newest leaves have them.
func (w *world) said() (all []ca.Authority) {
	for _, r := range w.leaves {
		var a ca.Authority
		if l, err := audit.ParseLeaf(r.Leaf); err != nil || l.Kind != audit.Authority || json.Unmarshal(r.Body, &a) != nil {
			continue
		}
		all = append(slices.DeleteFunc(all, func(b ca.Authority) bool { return b.Name == a.Name }), a)
	}
	return all
}

// Authorities implements Shelf.
func (w *world) Authorities(context.Context) (rows []ca.AuthorityRow, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, a := range w.authorities {
		rows = append(rows, ca.AuthorityRow{ID: ca.NewID(1, int64(i)+1), Authority: a})
	}
	return rows, nil
}

// RO-02: before the signer has spoken nobody vouches for a row.
func TestRO02_NothingIsShownOfAuthoritiesBeforeTheSignerHasSpoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.authorities = []ca.Authority{w.line}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if all, err := NewVouched(w).Authorities(ctx); !errors.Is(err, context.DeadlineExceeded) || len(all) != 0 {
			t.Errorf("without a signer: %+v, %v", all, err)
		}
	})
}

// RO-02: a row that the log does not have, and cannot put right, is told of once for
// each time it is written; it is settled no more often, and issuing goes on.
func TestRO02_ARowThatCannotBePutRightIsSettledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		told := 0
		r.o.Report = func(err error) {
			if strings.Contains(err.Error(), `"stranger-g1"`) && strings.Contains(err.Error(), "E1406") {
				told++
			}
		}
		reads := func() {
			for range 5 {
				time.Sleep(5 * time.Second)
				if all, err := r.Authorities(t.Context(), hana); err != nil || len(all) != 1 || !all[0].Same(w.line) {
					t.Errorf("shown: %+v, %v", all, err)
				}
			}
			synctest.Wait()
		}
		reads()
		before := w.session
		stranger := w.line
		stranger.Name = "stranger-g1"
		w.mu.Lock()
		w.authorities = append(w.authorities, stranger)
		w.mu.Unlock()
		reads()
		if w.session != before+1 || told != 1 {
			t.Errorf("%d settlings and %d alarms for one forgery", w.session-before, told)
		}
		q, read := wishOf(1, "")
		if _, err := r.Submit(t.Context(), q, read); err != nil {
			t.Errorf("nothing is issued beside it: %v", err)
		}
	})
}
