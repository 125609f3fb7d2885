// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"chancery/access"
	"chancery/ca"
)

// maxCandidates is how many names a message about an unclear one lists.
const maxCandidates = 8

// Find gives the one certificate that a public name, a serial, a serial's tail
// or a name means, with its chain and the request it came of: E2101 if there is
// none, E2102 with the candidates if there are more. Whoever may not read what
// others asked for finds CA certificates and their own alone.
func (r *Registrar) Find(ctx context.Context, who ca.Actor, ref string) (ca.Issued, error) {
	all, err := r.reads(ctx, who)
	if err != nil {
		return ca.Issued{}, err
	}
	owner := who.ID
	if all {
		owner = ""
	}
	found, err := r.o.Shelf.Find(ctx, ref, owner)
	found = slices.DeleteFunc(found, func(c ca.Certificate) bool {
		return c.Kind != ca.CACertificate && (!all && c.Owner != who.ID || inScope(who, c.Profile, c.Names, c.Common) != nil)
	})
	switch {
	case err != nil:
		return ca.Issued{}, err
	case len(found) == 0:
		return ca.Issued{}, ca.NotFound(ca.E2101, "nothing here is called "+ca.Show(ref), "chancery list")
	case len(found) > 1:
		var names []string
		for _, c := range found[:min(len(found), maxCandidates)] {
			names = append(names, c.PublicName())
		}
		return ca.Issued{}, ca.Invalid(ca.E2102, fmt.Sprintf("%s means more than one certificate", ca.Show(ref)), "use one of these names").
			Because(strings.Join(names, ", "))
	}
	if err := r.below(ctx, found); err != nil {
		return ca.Issued{}, err
	}
	issued := ca.Issued{Certificate: found[0]}
	if r.o.Vouched.isMet() { // before that nobody vouches for a chain
		authorities, err := r.o.Vouched.Authorities(ctx)
		if err != nil {
			return ca.Issued{}, err
		}
		issued.Chain = (&view{authorities: authorities}).chain(found[0].Authority)
	}
	issued.CSR, err = r.o.Shelf.CSR(ctx, found[0].Request)
	return issued, err
}

// List gives a page of certificates, in the filter's order; of their own to whoever may
// not read what others asked for. A limit outside 1 to ca.MaxPage is refused
// (E1401); a zero Now is now. Where nothing is listed, a filter by what there is not is
// refused.
func (r *Registrar) List(ctx context.Context, who ca.Actor, f ca.Filter) ([]ca.Certificate, error) {
	f, err := r.within(ctx, who, f)
	if err != nil {
		return nil, err
	}
	if f.Limit < 1 || f.Limit > ca.MaxPage {
		return nil, ca.Invalid(ca.E1401, fmt.Sprintf("a page has 1 to %d rows", ca.MaxPage), "ask for fewer and go on with the cursor").At("limit")
	}
	if who.Token != nil && len(who.Token.Scope.Names) > 0 {
		page, err := r.scoped(ctx, who, f)
		if err != nil {
			return nil, err
		}
		return page, r.below(ctx, page)
	}
	page, err := r.o.Shelf.Certificates(ctx, f)
	if err == nil && len(page) == 0 && f.After == 0 {
		err = r.unmatched(ctx, f)
	}
	if err != nil {
		return nil, err
	}
	return page, r.below(ctx, page)
}

// scoped is a page of those certificates of one name that the token somebody signed in with is
// for: one that has another name too may be outside. At most maxAlike are looked through.
func (r *Registrar) scoped(ctx context.Context, who ca.Actor, f ca.Filter) ([]ca.Certificate, error) {
	var out []ca.Certificate
	limit := f.Limit
	f.Limit = ca.MaxPage
	for seen := 0; seen < maxAlike; seen += f.Limit {
		page, err := r.o.Shelf.Certificates(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, c := range page {
			if inScope(who, c.Profile, c.Names, c.Common) == nil {
				out = append(out, c)
			}
		}
		if len(out) >= limit || len(page) < f.Limit {
			break
		}
		f.After = page[len(page)-1].ID
	}
	return out[:min(limit, len(out))], nil
}

// Authorities gives every generation, oldest first, as the signer's log has it. Before
// the signer was met it waits, until ctx ends (E2301) or nothing is issued for a stated
// reason.
func (r *Registrar) Authorities(ctx context.Context, who ca.Actor) ([]ca.Authority, error) {
	if err := r.allow(ctx, who, access.ReadPolicy); err != nil {
		return nil, err
	}
	if !r.o.Vouched.isMet() {
		if _, err := r.ready(ctx); err != nil {
			return nil, err
		}
	}
	return r.o.Vouched.Authorities(ctx)
}

// Profiles gives the profiles in force, by name. Before the first settling it
// waits, until ctx ends (E2301) or nothing is issued for a stated reason.
func (r *Registrar) Profiles(ctx context.Context, who ca.Actor) ([]ca.Profile, error) {
	if err := r.allow(ctx, who, access.ReadPolicy); err != nil {
		return nil, err
	}
	r.mu.Lock()
	v := r.view
	r.mu.Unlock()
	if v == nil { // what was in force before a stall may be read during it
		var err error
		if v, err = r.ready(ctx); err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(v.profiles), func(a, b ca.Profile) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// Status says how the installation is doing. Its Problem is set while nothing is
// issued. The error is the book's, or E1305.
func (r *Registrar) Status(ctx context.Context, who ca.Actor) (ca.Status, error) {
	if err := r.allow(ctx, who, access.Status); err != nil {
		return ca.Status{}, err
	}
	counts, err := r.counts(ctx, r.o.Now())
	if err != nil {
		return ca.Status{}, err
	}
	mark, err := r.o.Book.Mark(ctx)
	if err != nil {
		return ca.Status{}, err
	}
	r.look(ctx)
	checks := r.Ready(ctx)
	s := ca.Status{Checks: checks, Version: r.o.Version, Database: r.o.Database, DatabaseID: r.o.DatabaseID, Mark: mark, Counts: counts}
	length, full := r.length(ctx, mark), r.full()
	r.mu.Lock()
	defer r.mu.Unlock()
	unwilling := r.unwilling
	if unwilling == nil && full {
		unwilling = diskFull()
	}
	s.Problem = r.problem
	if v := r.view; v != nil {
		for _, a := range v.authorities {
			if a.State != ca.Retired {
				s.Counts.Authorities++
			}
		}
		s.Log, s.LogNo, s.Sealed = v.session.Log, v.session.LogNo, locked(r.unwilling)
		s.Leaves, s.Unsettled = length, len(v.settled.unknown)
		s.Assurance, s.Unseparated = v.session.Assurance, v.session.Unseparated
		s.BundleVersion, s.BundleExpires, s.Exceptions = v.bundle.Version, v.bundle.Expires, v.bundle.Exceptions
		s.Lines = v.lines(r.o.Now())
		switch {
		case s.Problem == nil && len(v.authorities) == 0:
			s.Problem = noAuthority()
		case s.Problem == nil && !s.Sealed:
			s.Problem = unwilling
		}
		for i := range s.Lines {
			if unwilling != nil {
				s.Lines[i].Signs, s.Lines[i].Problem = "", unwilling
			}
		}
	}
	return s, nil
}

// look asks the signer whether it would sign, as is done each second anyway: whoever has just
// locked its keys, or unlocked them, is told of that.
func (r *Registrar) look(ctx context.Context) {
	r.mu.Lock()
	known := r.view != nil && r.problem == nil
	r.mu.Unlock()
	if !known {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := r.o.Issuer.Sign(ctx, nil)
	var p *ca.Problem
	if errors.As(err, &p); err == nil || p != nil && (p.Code == ca.E3001 || p.Code == ca.E3003) {
		r.hear(p)
	}
}

// lengthPages bounds how much of the log one look at its length reads: there are a few
// leaves above the mark, or above where the last look ended, and a page has thousands.
const lengthPages = 4

// length is how many durable leaves the log has, or as many as are known of while it
// cannot be asked. Not every leaf has a row that moves the mark.
func (r *Registrar) length(ctx context.Context, mark int64) int64 {
	r.mu.Lock()
	v, ill := r.view, r.problem != nil
	if v == nil {
		r.mu.Unlock()
		return 0
	}
	n := max(r.seen, v.settled.next, mark)
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	for range lengthPages {
		if ill {
			break
		}
		page, err := r.o.Log.Leaves(ctx, n)
		if err != nil || len(page) == 0 {
			break // settling tells why the log cannot be asked
		}
		n = page[len(page)-1].Index + 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = max(r.seen, n)
	return n
}

// noAuthority is about an installation whose root is elsewhere, and has not signed its
// first authority yet (R26). The name is the one that a founding gives it.
func noAuthority() *ca.Problem {
	return ca.Unavailable(ca.E3004, "there is no authority yet: the certificate of issuing-g1, which the root elsewhere signs, was not brought",
		"chancery ca import-cert issuing-g1 FILE chain.pem")
}
