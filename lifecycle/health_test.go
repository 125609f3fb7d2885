// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"errors"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// RV-08: what keeps the service from being of use is told by the doctor's ids: the database,
// whether it issues, the clock, each line of authorities, and each list.
func TestReadyTellsEachCheckByItsID(t *testing.T) {
	now := time.Now()
	issuing := ca.Authority{Name: "issuing-g1", Line: "issuing", Kind: ca.Issuing, State: ca.Active, NotAfter: now.AddDate(1, 0, 0)}
	mobile := ca.Authority{Name: "mobile-g1", Line: "mobile", Kind: ca.Issuing, State: ca.Active, NotAfter: now.AddDate(1, 0, 0)}
	waits, gone, fallen, ended, elsewhere := mobile, mobile, mobile, mobile, mobile
	waits.State, gone.State, fallen.Fallen, ended.NotAfter, elsewhere.External = ca.Standby, ca.Retired, "root-g1", now.Add(-time.Hour), true
	for _, c := range []struct {
		name   string
		all    []ca.Authority
		list   ca.ListHead
		there  bool
		spoilt error
		says   *ca.Problem
		stands *ca.Problem
		want   string // level and code of database, service, clock, authorities, lists
	}{
		{name: "all is well", all: []ca.Authority{issuing, mobile}, want: "ok ok ok ok ok "},
		{name: "keys are locked", all: []ca.Authority{issuing}, says: ca.Locked(ca.E3001, "locked", ""), want: "ok failE3001 ok ok ok "},
		{name: "the clock is wrong", all: []ca.Authority{issuing}, says: ca.Unavailable(ca.E3003, "clock", ""), want: "ok ok failE3003 ok ok "},
		{name: "log and book contradict", all: []ca.Authority{issuing}, stands: ca.Unavailable(ca.E1406, "no", ""), want: "ok failE1406 ok ok ok "},
		{name: "one line waits", all: []ca.Authority{issuing, waits}, want: "ok ok ok warnE3004 ok "},
		{name: "one line is below a revoked authority", all: []ca.Authority{issuing, fallen}, want: "ok ok ok warnE3004 ok "},
		{name: "one line has ended", all: []ca.Authority{issuing, ended}, want: "ok ok ok warnE3004 ok "},
		{name: "one line is retired", all: []ca.Authority{issuing, gone}, want: "ok ok ok ok ok "},
		{name: "one line is elsewhere", all: []ca.Authority{issuing, elsewhere}, want: "ok ok ok ok ok "},
		{name: "no line signs", all: []ca.Authority{waits}, want: "ok ok ok failE3004 ok "},
		{name: "there is no authority", want: "ok ok ok failE3004 ok "},
		{name: "a list is missing", all: []ca.Authority{issuing}, there: true, list: ca.ListHead{Authority: "other"}, want: "ok ok ok ok fail "},
		{name: "a list has ended", all: []ca.Authority{issuing}, there: true, list: ca.ListHead{Authority: "issuing-g1", ThisUpdate: now.Add(-2 * time.Hour), NextUpdate: now}, want: "ok ok ok ok fail "},
		{name: "a list is old", all: []ca.Authority{issuing}, there: true, list: ca.ListHead{Authority: "issuing-g1", ThisUpdate: now.Add(-2 * time.Hour), NextUpdate: now.Add(time.Hour)}, want: "ok ok ok ok warn "},
		{name: "a list was put back", all: []ca.Authority{issuing}, there: true, spoilt: errors.New("older"), list: ca.ListHead{Authority: "issuing-g1", ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(2 * time.Hour)}, want: "ok ok ok ok warn "},
		{name: "a list is fresh", all: []ca.Authority{issuing}, there: true, list: ca.ListHead{Authority: "issuing-g1", ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(2 * time.Hour)}, want: "ok ok ok ok ok "},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newWorld(t).registrar()
			r.o.Now = func() time.Time { return now }
			r.problem, r.unwilling, r.view = c.stands, c.says, &view{authorities: c.all, profiles: map[string]ca.Profile{}}
			if c.there {
				r.o.Lists = published{list: c.list}
			}
			r.o.Spoilt = func(ca.Authority) error { return c.spoilt }
			got, order := "", []string{"database", "service", "clock", "authorities", "lists"}
			for i, one := range r.Ready(t.Context()) {
				if got += string(one.Level) + string(one.Code) + " "; one.ID != order[i] || (one.Level == ca.Fine) != (one.Message == "") {
					t.Errorf("check %d is %+v", i, one)
				}
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	if c := checked("database", errors.New("SELECT secret")); c.Level != ca.Failed || c.Code != ca.E9000 || c.Message != "it does not answer" {
		t.Errorf("a fault of ours: %+v", c)
	}
}

// A line that a profile names is counted on, though all of it is retired.
func TestALineThatAProfileNamesIsToldOf(t *testing.T) {
	now := time.Now()
	all := []ca.Authority{
		{Name: "issuing-g1", Line: "issuing", Kind: ca.Issuing, State: ca.Active, NotAfter: now.Add(time.Hour)},
		{Name: "old-g1", Line: "old", Kind: ca.Issuing, State: ca.Retired, NotAfter: now.Add(time.Hour)},
	}
	v := &view{authorities: all, profiles: map[string]ca.Profile{"server": {Line: "issuing"}, "legacy": {Line: "old"}}}
	lines := v.lines(now)
	if len(lines) != 2 || lines[0].Signs != "issuing-g1" || lines[1].Line != "old" || lines[1].Problem == nil {
		t.Errorf("%+v", lines)
	}
}

// RV-08: of feeds the readiness tells where they are switched on.
func TestFeedsThatAreLateAreToldOf(t *testing.T) {
	now := time.Now()
	issuing := ca.Authority{Name: "issuing-g1", Line: "issuing", Kind: ca.Issuing, State: ca.Active, NotAfter: now.Add(24 * time.Hour)}
	root := ca.Authority{Name: "root-g1", Line: "root", Kind: ca.Root, State: ca.Active, NotAfter: now.Add(24 * time.Hour)}
	r := newWorld(t).registrar()
	r.o.Now = func() time.Time { return now }
	r.view = &view{authorities: []ca.Authority{root, issuing}, profiles: map[string]ca.Profile{}}
	for _, tt := range []struct {
		what string
		feed ca.Feed
		want ca.Level
	}{
		{"none", ca.Feed{}, ca.Warned},
		{"one of now", ca.Feed{Authority: issuing.Name, ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, ca.Fine},
		{"one of this morning", ca.Feed{Authority: issuing.Name, ThisUpdate: now.Add(-4 * time.Hour), NextUpdate: now.Add(time.Hour)}, ca.Warned},
		{"one that ended", ca.Feed{Authority: issuing.Name, ThisUpdate: now.Add(-time.Hour), NextUpdate: now}, ca.Warned},
	} {
		r.o.Feeds, r.o.FeedsKept = fed{feed: tt.feed}, true
		all := r.Ready(t.Context())
		if last := all[len(all)-1]; last.ID != "feeds" || last.Level != tt.want || (last.Level == ca.Fine) != (last.Message == "") {
			t.Errorf("%s: %+v", tt.what, last)
		}
	}
}

// The last try to make a list may be of before the keys were unlocked: why it failed is no
// longer so, and is not told.
func TestAListThatWaitsForKeysDoesNotOutliveTheirLock(t *testing.T) {
	now := time.Now()
	fresh := ca.ListHead{Authority: "issuing-g1", ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(2 * time.Hour)}
	sealed := ca.Locked(ca.E3001, "the key of issuing-g1 is locked", "")
	for _, c := range []struct {
		waits     error
		unwilling *ca.Problem
		want      string
	}{
		{nil, nil, ""},
		{sealed, sealed, "yet: the key of issuing-g1 is locked"},
		{sealed, nil, "yet: its key is unlocked now, and the list follows in a moment"},
		{ca.Unavailable(ca.E3006, "many were made", ""), nil, "yet: many were made"},
	} {
		r := newWorld(t).registrar()
		r.o.Now = func() time.Time { return now }
		r.o.Lists = published{list: fresh, waits: c.waits}
		got := r.listCheck([]ca.Authority{{Name: "issuing-g1", Kind: ca.Issuing, State: ca.Active, NotAfter: now.AddDate(1, 0, 0)}}, c.unwilling)
		if (got.Level == ca.Warned) != (c.waits != nil) || !strings.HasSuffix(got.Message, c.want) {
			t.Errorf("waits for %v, unwilling for %v: %+v", c.waits, c.unwilling, got)
		}
	}
}
