// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"time"

	"chancery/ca"
)

const (
	// adviceYears is the shortest life that an authority is advised to have (R3): below
	// it, its end is met by people who do not remember its beginning, and soon.
	adviceYears = 5
	// StaggerDays is how far the ends of two siblings are kept apart.
	StaggerDays = 14
)

// A Span is the life of an authority to be, and what it is compared with.
type Span struct {
	Now time.Time
	// Days is the lifetime: the usual one, or with Given the one that was asked for.
	Days  int
	Given bool
	// Apart is how many days siblings' ends are kept apart; zero compares none.
	Apart int
	// Use are the extended key usages, which tell a people's authority from a systems'.
	Use []string
	// Last is when the authority above ends; zero for a root.
	Last time.Time
	// Siblings are the authorities below the same one.
	Siblings []ca.Authority
}

// Stagger proposes a lifetime in days, such that no two siblings end together: the
// people's authorities first, the systems' later (R17). A lifetime that was asked for
// is kept. Notices say what is unwise about it.
func Stagger(s Span) (days int, notices []string) {
	days = s.Days
	if !s.Given && s.Apart > 0 {
		if !peoples(s.Use) && len(s.Use) > 0 {
			days += s.Apart
		}
		// Each step leaves at least one sibling behind.
		for range s.Siblings {
			if s.near(days) == nil || s.beyond(days+s.Apart) {
				break
			}
			days += s.Apart
		}
		if days != s.Days && s.beyond(days) {
			days = s.Days
		}
	}
	if near := s.near(days); near != nil {
		notices = append(notices, fmt.Sprintf("it ends within %d days of %s, on %s: both will want a successor at once", s.Apart, near.Name, date(near.NotAfter)))
	}
	if end := s.end(days); end.Before(s.Now.AddDate(adviceYears, 0, -1)) {
		notices = append(notices, fmt.Sprintf("it ends on %s: less than %d years are short for an authority", date(end), adviceYears))
	}
	return days, notices
}

// peoples tells whether an authority is for people and for nothing that serves.
func peoples(use []string) bool {
	return !slices.Contains(use, "server") && (slices.Contains(use, "client") || slices.Contains(use, "email"))
}

// end is when a life of so many days is over; nothing outlives the authority above.
func (s Span) end(days int) time.Time {
	if s.beyond(days) {
		return s.Last
	}
	return s.Now.AddDate(0, 0, days)
}

func (s Span) beyond(days int) bool {
	return !s.Last.IsZero() && s.Now.AddDate(0, 0, days).After(s.Last)
}

// near is a sibling that ends at about the same time, or nil.
func (s Span) near(days int) *ca.Authority {
	end := s.end(days)
	for i, one := range s.Siblings {
		// An hour is no difference: lives are days, and those of a morning differ by minutes.
		if one.State != ca.Retired && end.Sub(one.NotAfter).Abs() < time.Duration(s.Apart)*24*time.Hour-time.Hour {
			return &s.Siblings[i]
		}
	}
	return nil
}
