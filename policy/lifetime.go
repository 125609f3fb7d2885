// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"time"

	"chancery/ca"
)

const (
	day = 24 * time.Hour
	// backdate is how far notBefore lies before the signer's clock, for relying
	// parties whose clock is slow (security rule SG-07; the ceiling is an hour).
	backdate = 5 * time.Minute
	// lastDay is what an authority must have left to sign at all (PF-06).
	lastDay = day
	// longForClients is the life from which a certificate that signs in is spoken of (R70).
	longForClients = 90 * day
)

// lifetime sets both ends from the clock it is given and nothing else: neither
// notBefore nor now can be asked for (security rules SG-07, TI-01, PF-06).
func lifetime(v *vetting) error {
	p, a := v.profile, v.authority
	if v.now.Before(a.NotBefore) || a.End().Sub(v.now) < lastDay {
		return ca.Refused(ca.E3004, fmt.Sprintf("authority %s signs from %s until a day before %s", a.Name, date(a.NotBefore), date(a.End())), "found a new generation of line "+a.Line).
			Because("an authority with less than one day left signs nothing (security rule PF-06)")
	}
	begin := v.now.Add(-backdate)
	if begin.Before(a.NotBefore) {
		// An issuer's time may have a fraction only if nobody encoded it; round into its life.
		begin = a.NotBefore.UTC().Add(time.Second - 1).Truncate(time.Second)
	}
	// RFC 5280 §4.1.2.5: both end seconds belong to the validity, so n days end one
	// second before their sum.
	longest := begin.Add(time.Duration(p.MaxDays)*day - time.Second)
	end := begin.Add(time.Duration(p.Days)*day - time.Second)
	if wish := v.request.NotAfter; !wish.IsZero() {
		wish = wish.UTC().Truncate(time.Second)
		// Who asks for the maximum counts from now, not from our notBefore.
		if wish.After(v.now.Add(time.Duration(p.MaxDays) * day)) {
			return ca.Refused(ca.E2112, fmt.Sprintf("profile %s allows at most %d days, until %s", p.Name, p.MaxDays, date(longest)), fmt.Sprintf("ask for %d days or fewer", p.MaxDays)).
				Because("rule max_days").At("not_after")
		}
		if !wish.After(v.now) {
			return ca.Refused(ca.E2112, "the wished end "+date(wish)+" has passed", fmt.Sprintf("ask for 1 to %d days", p.MaxDays)).At("not_after")
		}
		end = wish
	}
	if end.After(longest) {
		end = longest
	}
	return v.withinIssuer(begin, end)
}

// withinIssuer keeps a certificate from outliving its authority, which would
// make it look valid for longer than any chain is.
func (v *vetting) withinIssuer(begin, end time.Time) error {
	p, a := v.profile, v.authority
	last := a.End().UTC().Truncate(time.Second)
	if end.After(last) {
		if p.Strict {
			return ca.Refused(ca.E2115, fmt.Sprintf("the certificate would outlive authority %s, which ends %s", a.Name, date(last)), "ask for an end before that, or found a new generation of line "+a.Line).
				Because("rule strict").At("not_after")
		}
		end = last
		v.notice(fmt.Sprintf("the life was shortened to %s, when authority %s ends", date(last), a.Name))
	}
	if last.Sub(v.now) < 2*time.Duration(p.Days)*day {
		v.notice(fmt.Sprintf("authority %s ends %s, within two usual lifetimes: found its successor", a.Name, date(last)))
	}
	if end.Sub(begin) >= longForClients && slices.Contains(p.Use, "client") {
		v.notice(fmt.Sprintf("the certificate signs in for more than %d days; one that is renewed often need not be revoked when it is lost", int(longForClients/day)))
	}
	v.draft.NotBefore, v.draft.NotAfter = begin, end
	return nil
}

// date writes a time for people.
func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
