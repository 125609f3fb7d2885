// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
	"time"

	"chancery/ca"
)

// R59, R142: the usual life, a wish up to the profile's maximum, and never beyond the
// authority's end: shortened and told, or refused by a strict profile.
func TestLifetime(t *testing.T) {
	until := func(at time.Time) func(*wish) { return func(w *wish) { w.request.NotAfter = at } }
	ends := func(at time.Time) func(*wish) { return func(w *wish) { w.authority.NotAfter = at } }
	run(t, []trial{
		{"a second", until(noon.Add(time.Second)), "", ""},
		{"the maximum from now", until(noon.Add(397 * day)), "", ""},
		{"a second more", until(noon.Add(397*day + time.Second)), ca.E2112, "not_after"},
		{"for ever", until(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)), ca.E2112, "not_after"},
		{"now", until(noon), ca.E2112, "not_after"},
		{"the past", until(noon.Add(-day)), ca.E2112, "not_after"},
		{"PF-06: an authority with a day left", ends(noon.Add(day)), "", ""},
		{"PF-06: an authority with less", ends(noon.Add(day - time.Second)), ca.E3004, ""},
		{"an authority that ended", ends(noon.Add(-day)), ca.E3004, ""},
		{"TI-01: an authority that has not begun", func(w *wish) { w.authority.NotBefore = noon.Add(time.Second) }, ca.E3004, ""},
		{"an authority that begins now", func(w *wish) { w.authority.NotBefore = noon }, "", ""},
		{"strict, within the authority", func(w *wish) { w.profile.Strict = true }, "", ""},
		{"strict, beyond it", func(w *wish) { w.profile.Strict = true; w.authority.NotAfter = noon.Add(30 * day) }, ca.E2115, "not_after"},
	})
}

// R70: who signs in for long is told.
//
// SG-07, PF-06: both ends come from the clock; both end seconds count.
func TestPF06_TheSpanCountsBothEndSeconds(t *testing.T) {
	cases := []struct {
		name       string
		change     func(*wish)
		begin, end time.Time
		notice     string
	}{
		{"usual", func(*wish) {}, noon.Add(-backdate), noon.Add(-backdate + 90*day - time.Second), ""},
		{"fractions of the clock", func(w *wish) { w.now = noon.Add(999 * time.Millisecond) }, noon.Add(-backdate), noon.Add(-backdate + 90*day - time.Second), ""},
		{"another zone", func(w *wish) { w.now = noon.In(time.FixedZone("", 3600)) }, noon.Add(-backdate), noon.Add(-backdate + 90*day - time.Second), ""},
		{"the front's clock", func(w *wish) { w.request.At = noon.AddDate(-9, 0, 0) }, noon.Add(-backdate), noon.Add(-backdate + 90*day - time.Second), ""},
		{"a wish", func(w *wish) { w.request.NotAfter = noon.Add(day + time.Millisecond) }, noon.Add(-backdate), noon.Add(day), ""},
		{"the maximum", func(w *wish) { w.request.NotAfter = noon.Add(397 * day) }, noon.Add(-backdate), noon.Add(-backdate + 397*day - time.Second), ""},
		{"a young authority", func(w *wish) { w.authority.NotBefore = noon.Add(-time.Minute + time.Millisecond) }, noon.Add(-time.Minute + time.Second), noon.Add(-time.Minute + 90*day), ""},
		{"an old authority", func(w *wish) { w.authority.NotAfter = noon.Add(30*day + time.Millisecond) }, noon.Add(-backdate), noon.Add(30 * day), "shortened"},
		{"R70: a client for a long time", func(w *wish) {
			w.profile.Use, w.request.NotAfter = []string{"server", "client"}, noon.Add(100*day)
		}, noon.Add(-backdate), noon.Add(100 * day), "more than 90 days"},
		{"R70: a client for 90 days", func(w *wish) { w.profile.Use = []string{"client"} }, noon.Add(-backdate), noon.Add(-backdate + 90*day - time.Second), ""},
		{"an authority within two lifetimes", func(w *wish) { w.authority.NotAfter = noon.Add(180*day - time.Second) }, noon.Add(-backdate), noon.Add(-backdate + 90*day - time.Second), "successor"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, notices := draft(t, c.change)
			if !d.NotBefore.Equal(c.begin) || !d.NotAfter.Equal(c.end) || d.NotBefore.Location() != time.UTC || d.NotAfter.Location() != time.UTC {
				t.Errorf("lives from %v until %v, want %v until %v", d.NotBefore, d.NotAfter, c.begin, c.end)
			}
			if (c.notice == "") != (len(notices) == 0) || !says(append(notices, ""), c.notice) {
				t.Errorf("notices are %q, want %q", notices, c.notice)
			}
		})
	}
}
