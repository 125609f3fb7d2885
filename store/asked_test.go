// SPDX-License-Identifier: Apache-2.0

package store

import (
	"reflect"
	"testing"
	"time"

	"chancery/ca"
)

func TestStandingCertificatesComeWithTheirRequests(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		var all []ca.Change
		for n := range int64(6) {
			c := change(n+1, "a.example")
			c.Request.Line, c.Request.Key, c.Request.NotAfter = "users", "k"+string(c.Request.ID), testNow.Add(time.Hour)
			c.Request.Evidence = [][]byte{{1, 2}}
			all = append(all, c)
		}
		all[1].Certificate.NotAfter = testNow.Add(-time.Hour) // has ended
		all[2].Certificate.Kind, all[2].Certificate.DER = ca.Void, nil
		all[3].Request.Profile, all[3].Certificate.Profile = "client", "client"
		commit(t, s, 9, all...)
		got, err := s.Asked(t.Context(), "server", 0, testNow, 2)
		if err != nil || len(got) != 2 || got[0].Certificate.ID.Index() != 6 || got[1].Certificate.ID.Index() != 5 {
			t.Fatalf("the first page is %+v, %v", got, err)
		}
		if want := *all[5].Request; !reflect.DeepEqual(got[0].Request, want) {
			t.Errorf("the request reads\n%+v, was\n%+v", got[0].Request, want)
		}
		got, err = s.Asked(t.Context(), "server", got[1].Certificate.ID, testNow, 0)
		if err != nil || len(got) != 1 || got[0].Certificate.ID.Index() != 1 {
			t.Errorf("the second page is %+v, %v", got, err)
		}
	})
}

// PF-07: a key is somebody else's if a live certificate of another owner has it.
func TestPF07_AKeyOfAnotherOwnerIsFound(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		var all []ca.Change
		for n, owner := range []string{"uid:1", "uid:2", "uid:2", "uid:3", "uid:4"} {
			c := change(int64(n+1), "a.example")
			c.Certificate.Owner, c.Certificate.Key = owner, ca.Digest{5}
			all = append(all, c)
		}
		all[3].Certificate.NotAfter = testNow.Add(-time.Hour) // has ended
		all[4].Certificate.Key = ca.Digest{6}
		commit(t, s, 9, all...)
		for _, c := range []struct {
			owner string
			key   byte
			found bool
		}{{"uid:1", 5, true}, {"uid:2", 5, true}, {"uid:3", 5, true}, {"uid:4", 6, false}, {"uid:1", 6, true}, {"uid:1", 7, false}} {
			got, err := s.Others(t.Context(), ca.Digest{c.key}, c.owner, testNow)
			if err != nil || got != c.found {
				t.Errorf("of %s and key %d: %v, %v", c.owner, c.key, got, err)
			}
		}
	})
}
