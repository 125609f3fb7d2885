// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"chancery/ca"
)

// Ready says what keeps the service from issuing, or those who trust it from believing it:
// a check for each thing that was looked at, by the ids of `chancery doctor`. One that
// failed means that others should be asked instead.
func (r *Registrar) Ready(ctx context.Context) []ca.Check {
	r.mu.Lock()
	problem, v, unwilling := r.problem, r.view, r.unwilling
	r.mu.Unlock()
	_, err := r.o.Book.Mark(ctx)
	checks := []ca.Check{checked("database", err)}
	if v == nil && problem == nil {
		problem = ca.Unavailable(ca.E2301, "the service is starting", "try again in a moment")
	}
	clock := ca.Check{ID: "clock", Level: ca.Fine}
	switch {
	case problem != nil:
		checks = append(checks, checked("service", problem))
	case unwilling != nil && unwilling.Code == ca.E3003:
		clock = checked("clock", unwilling)
		checks = append(checks, checked("service", nil))
	case unwilling != nil:
		checks = append(checks, checked("service", unwilling))
	default:
		checks = append(checks, checked("service", nil))
	}
	checks = append(checks, clock)
	if v == nil {
		return checks
	}
	checks = append(checks, lineCheck(v.lines(r.o.Now())), r.listCheck(v.authorities, unwilling))
	if r.o.FeedsKept {
		checks = append(checks, r.feedCheck(v.authorities))
	}
	if r.o.Watched != nil {
		checks = append(checks, r.o.Watched()...)
	}
	return checks
}

// checked is the check of what went wrong, or did not.
func checked(id string, err error) ca.Check {
	var p *ca.Problem
	switch {
	case err == nil:
		return ca.Check{ID: id, Level: ca.Fine}
	case errors.As(err, &p):
		return ca.Check{ID: id, Level: ca.Failed, Code: p.Code, Message: p.Detail}
	}
	return ca.Check{ID: id, Level: ca.Failed, Code: ca.E9000, Message: "it does not answer"}
}

// lines says which lines can sign: those of authorities, and those that profiles name.
func (v *view) lines(now time.Time) []ca.LineState {
	var named []string
	for _, name := range slices.Sorted(maps.Keys(v.profiles)) {
		named = append(named, v.profiles[name].Line)
	}
	if len(v.authorities) == 0 {
		named = nil
	}
	return ca.LinesOf(v.authorities, named, now)
}

// lineCheck fails if no line can sign; one of several that cannot is a warning, because
// whoever asks for the others is served.
func lineCheck(all []ca.LineState) ca.Check {
	out := ca.Check{ID: "authorities", Level: ca.Fine}
	signing := 0
	for _, l := range all {
		if l.Problem == nil {
			signing++
			continue
		}
		if out.Level == ca.Fine {
			out.Level, out.Code, out.Message = ca.Warned, l.Problem.Code, l.Problem.Detail
		}
	}
	if signing == 0 {
		p := noAuthority()
		if out.Level = ca.Failed; out.Code == "" {
			out.Code, out.Message = p.Code, p.Detail
		}
	}
	return out
}

// listCheck fails if the published list of an authority has ended or is missing: whoever
// checks certificates refuses all of it. One that is past half of its life is a warning
// (security rule RV-08). Why the signer signs nothing is newer than the last try to make one.
func (r *Registrar) listCheck(all []ca.Authority, unwilling *ca.Problem) ca.Check {
	out := ca.Check{ID: "lists", Level: ca.Fine}
	if r.o.Lists == nil {
		return out
	}
	now := r.o.Now()
	worse := func(level ca.Level, message string) {
		if out.Level != ca.Failed && (level == ca.Failed || out.Level == ca.Fine) {
			out.Level, out.Message = level, message
		}
	}
	for _, a := range all {
		if !a.Lists(now) {
			continue
		}
		l, there := r.o.Lists.Published(a.Name)
		switch {
		case !there:
			worse(ca.Failed, "no revocation list of "+a.Name+" is published")
		case !now.Before(l.NextUpdate):
			worse(ca.Failed, fmt.Sprintf("the revocation list of %s ended on %s", a.Name, l.NextUpdate.Format(time.RFC3339)))
		case now.Sub(l.ThisUpdate) > l.NextUpdate.Sub(l.ThisUpdate)/2:
			worse(ca.Warned, "the revocation list of "+a.Name+" is past half of its life")
		}
		if err := r.o.Lists.Waits(a.Name); err != nil {
			var p *ca.Problem
			why := plainly(err)
			if errors.As(err, &p) && locked(p) && !locked(unwilling) { // its keys were opened since the last try
				why = "its key is unlocked now, and the list follows in a moment"
			}
			worse(ca.Warned, "what was revoked is not on the list of "+a.Name+" yet: "+why)
		}
		if r.o.Spoilt != nil {
			if err := r.o.Spoilt(a); err != nil {
				worse(ca.Warned, "what is published is not what was made last: "+err.Error())
			}
		}
		for _, scope := range a.ListScopes()[1:] {
			if l, there := r.o.Lists.Published(ca.ListName(a.Name, scope)); there && now.Sub(l.ThisUpdate) > l.NextUpdate.Sub(l.ThisUpdate)/2 {
				worse(ca.Warned, fmt.Sprintf("the list %s of %s is past half of its life, or has ended", scope, a.Name))
			}
		}
	}
	return out
}

// locked tells whether a problem is that of locked keys.
func locked(p *ca.Problem) bool { return p != nil && p.Code == ca.E3001 }

// plainly is what a problem says, without its hint; of what is none it says no more than that.
func plainly(err error) string {
	var p *ca.Problem
	if errors.As(err, &p) {
		return p.Detail
	}
	return "it could not be made"
}

// feedLate is how old the newest feed of an authority may get: it is made every hour.
const feedLate = 3 * time.Hour

// feedCheck warns of a published feed that is late, missing or at its end. Certificates are
// checked by lists and OCSP meanwhile, so that no other service is asked instead.
func (r *Registrar) feedCheck(all []ca.Authority) ca.Check {
	out := ca.Check{ID: "feeds", Level: ca.Fine}
	now := r.o.Now()
	for _, a := range all {
		if !a.Lists(now) || a.Kind != ca.Issuing {
			continue // a sealed key's responder may have ended
		}
		f, there := r.o.Feeds.Newest(a.Name)
		switch {
		case !there:
			out.Level, out.Message = ca.Warned, "no compact feed of "+a.Name+" is published"
		case !now.Before(f.NextUpdate):
			out.Level, out.Message = ca.Warned, fmt.Sprintf("the compact feed of %s ended on %s", a.Name, f.NextUpdate.Format(time.RFC3339))
		case now.Sub(f.ThisUpdate) > feedLate:
			out.Level, out.Message = ca.Warned, fmt.Sprintf("the compact feed of %s is of %s", a.Name, f.ThisUpdate.Format(time.RFC3339))
		}
	}
	return out
}
