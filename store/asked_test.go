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
