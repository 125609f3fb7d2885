// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"
	"testing/synctest"

	"chancery/ca"
)

// A filter by what there is not is refused, and not answered with an empty list: whoever
// revokes by it would believe that all was done.
func TestAMisspeltFilterIsNoEmptyList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		if _, err := r.Profiles(t.Context(), hana); err != nil { // waits for the first settling
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			f    ca.Filter
			want ca.Code
		}{
			"no certificate at all": {ca.Filter{}, ""},
			"an authority":          {ca.Filter{Authority: "issuing-g1"}, ""},
			"no such authority":     {ca.Filter{Authority: "nosuch"}, ca.E2101},
			"a profile":             {ca.Filter{Profile: "server"}, ""},
			"no such profile":       {ca.Filter{Profile: "nosuch"}, ca.E2118},
			"an account":            {ca.Filter{Owner: "uid:4711"}, ""},
			"the service":           {ca.Filter{Owner: "service"}, ""},
			"a name of an account":  {ca.Filter{Owner: "root"}, ca.E1401},
			"a number":              {ca.Filter{Owner: "0"}, ca.E1401},
			"a way in":              {ca.Filter{Door: ca.DoorAPI}, ""},
			"no such way in":        {ca.Filter{Door: "nosuch"}, ca.E1401},
			"a tag":                 {ca.Filter{Tag: "old"}, ""},
			"no tag":                {ca.Filter{Tag: "OLD"}, ca.E1401},
		} {
			c.f.Limit = 9
			if got, err := r.List(t.Context(), hana, c.f); code(err) != c.want || len(got) > 0 {
				t.Errorf("%s: %v, want %q; %d rows", name, err, c.want, len(got))
			}
		}
		if _, err := r.Events(t.Context(), hana, ca.EventFilter{Kind: "nosuch", Limit: 9}); code(err) != ca.E1401 {
			t.Errorf("events of a kind that there is not: %v", err)
		}
		if _, err := r.Events(t.Context(), hana, ca.EventFilter{Kind: eventRevoked, Limit: 9}); err != nil {
			t.Errorf("events of a kind: %v", err)
		}
	})
}
