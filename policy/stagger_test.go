// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/policy"
)

// R17, R3: what is proposed ends apart, the people's authority first; what is asked
// for is kept and commented.
func TestSiblingsEndApart(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	sibling := func(name string, days int) ca.Authority {
		return ca.Authority{Name: name, State: ca.Active, NotAfter: now.AddDate(0, 0, days)}
	}
	one, two := []ca.Authority{sibling("a", 1826)}, []ca.Authority{sibling("a", 1826), sibling("b", 1840)}
	gone := sibling("gone", 1826)
	gone.State = ca.Retired
	for name, tt := range map[string]struct {
		span   policy.Span
		days   int
		notice string
	}{
		"people alone":                 {policy.Span{Days: 1826, Apart: 14, Use: []string{"client", "ocsp"}}, 1826, ""},
		"systems alone":                {policy.Span{Days: 1826, Apart: 14, Use: []string{"server", "client"}}, 1840, ""},
		"people beside systems":        {policy.Span{Days: 1826, Apart: 14, Use: []string{"email"}, Siblings: one}, 1840, ""},
		"systems beside people":        {policy.Span{Days: 1826, Apart: 14, Use: []string{"server"}, Siblings: one}, 1840, ""},
		"a third":                      {policy.Span{Days: 1826, Apart: 14, Use: []string{"client"}, Siblings: two}, 1854, ""},
		"a root":                       {policy.Span{Days: 7305, Apart: 14}, 7305, ""},
		"beside one that is retired":   {policy.Span{Days: 1826, Apart: 14, Use: []string{"client"}, Siblings: []ca.Authority{gone}}, 1826, ""},
		"given and equal":              {policy.Span{Days: 1826, Given: true, Apart: 14, Use: []string{"client"}, Siblings: one}, 1826, "within 14 days of a"},
		"given, in a narrower window":  {policy.Span{Days: 1833, Given: true, Apart: 7, Use: []string{"client"}, Siblings: one}, 1833, ""},
		"no staggering":                {policy.Span{Days: 1826, Use: []string{"server"}, Siblings: one}, 1826, ""},
		"given and short":              {policy.Span{Days: 1824, Given: true, Apart: 14}, 1824, "less than 5 years"},
		"given and five years":         {policy.Span{Days: 1826, Given: true, Apart: 14}, 1826, ""},
		"no room below the one above":  {policy.Span{Days: 1826, Apart: 14, Use: []string{"server"}, Last: now.AddDate(0, 0, 1830)}, 1826, ""},
		"ending with the one above":    {policy.Span{Days: 1826, Apart: 14, Use: []string{"server"}, Last: now.AddDate(0, 0, 400), Siblings: []ca.Authority{sibling("a", 400)}}, 1826, "within 14 days of a"},
		"shortened by the one above":   {policy.Span{Days: 1826, Apart: 14, Use: []string{"server"}, Last: now.AddDate(0, 0, 400)}, 1826, "less than 5 years"},
		"moving would meet the parent": {policy.Span{Days: 1826, Apart: 14, Use: []string{"client"}, Last: now.AddDate(0, 0, 1835), Siblings: one}, 1826, "within 14 days of a"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.span.Now = now
			days, notices := policy.Stagger(tt.span)
			if days != tt.days || (tt.notice == "") != (len(notices) == 0) || !strings.Contains(strings.Join(notices, "\n"), tt.notice) {
				t.Errorf("%d days, want %d; %q, want %q", days, tt.days, notices, tt.notice)
			}
		})
	}
}
