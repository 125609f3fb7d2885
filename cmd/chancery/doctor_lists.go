// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"chancery/ca"
	"chancery/status"
)

// lookAtLists looks at the published lists (RV-08): whoever checks certificates
// refuses all of an authority's when its list has ended, and accepts revoked ones
// while it is old.
func lookAtLists(ctx context.Context, p *patient) []finding {
	c := p.chronicle(ctx)
	if c.err != nil {
		return unread("the revocation lists")
	}
	var found []finding
	for _, a := range c.authorities {
		if a.Lists(p.now) { // lookAtAuthorities says the rest
			f := p.list(a, c.lists[a.Name])
			if found = append(found, f); f.Level == fine { // or what mends it mends them all
				found = append(found, p.besides(a)...)
			}
		}
	}
	return found
}

// list judges the published list of an authority, of which the log knows the newest.
func (p *patient) list(a ca.Authority, newest int64) finding {
	hint := "chancery crl publish --ca " + a.Name
	path := filepath.Join(p.layout.lists(), a.Name+".crl")
	l, forged, err := p.opened(a, a.Name)
	if a.Kind != ca.Issuing {
		hint += " --recovery-file FILE, with the recovery words"
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return failure(hint, "no revocation list of %s is published: %s is missing", a.Name, path)
	case err != nil:
		return failure(hint, "the published revocation list of %s cannot be read: %v", a.Name, err)
	case forged != nil:
		return failure(hint, "what is published as revocation list %d of %s is not signed by it, and whoever checks refuses it: %v", l.Number, a.Name, forged)
	}
	what := fmt.Sprintf("revocation list %d of %s", l.Number, a.Name)
	end := atTime(l.NextUpdate)
	switch life := l.NextUpdate.Sub(l.ThisUpdate); {
	case !p.now.Before(l.NextUpdate):
		return failure(hint, "%s ended on %s: whoever checks refuses every certificate of this authority", what, end)
	case p.record.waiting[a.Key] > 0:
		if a.Kind == ca.Issuing {
			hint = "chancery key unlock, or look at the service's log; it is made by itself then, or by chancery crl publish"
		}
		return warning(hint, "%s was made before the last of what was revoked: %s on no list yet", what, counted(p.record.waiting[a.Key], "revocation"))
	case l.Number < newest:
		return warning(hint, "%s is published, and list %d was made: what was revoked last may not be on it", what, newest)
	case p.now.Sub(l.ThisUpdate) > life/2:
		return warning(hint, "%s is past half of its life, and ends on %s", what, end)
	}
	return ok("%s is published, and good until %s", what, end)
}

// opened opens a published list of an authority; forged says why it is not signed by it.
func (p *patient) opened(a ca.Authority, name string) (l *status.List, forged, err error) {
	if l, err = status.Open(p.layout.lists(), name); err != nil {
		return nil, nil, err
	}
	forged = l.Genuine(a)
	return l, forged, l.Close()
}

// besides judges the lists of an authority that stand beside the complete one: its delta,
// its list of CA certificates, and its shards as one.
func (p *patient) besides(a ca.Authority) (found []finding) {
	hint := "chancery crl publish --ca " + a.Name
	shards := 0
	for _, scope := range a.ListScopes()[1:] {
		_, shard := scope.Shard()
		name := ca.ListName(a.Name, scope)
		l, forged, err := p.opened(a, name)
		what := fmt.Sprintf("the list %s of %s", scope, a.Name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && shard:
			found = append(found, failure(hint, "%s is not published: certificates name it", what))
		case errors.Is(err, fs.ErrNotExist): // nobody is sent there by a certificate
			found = append(found, warning(hint, "%s is not published", what))
		case err != nil:
			found = append(found, failure(hint, "%s cannot be read: %v", what, err))
		case forged != nil:
			found = append(found, failure(hint, "what is published as %s is not signed by it, and whoever checks refuses it: %v", what, forged))
		case !p.now.Before(l.NextUpdate):
			found = append(found, failure(hint, "%s ended on %s", what, onDay(l.NextUpdate)))
		case l.Number < p.record.lists[name]:
			found = append(found, warning(hint, "%s is published with number %d, and %d was made: what was revoked last may not be on it", what, l.Number, p.record.lists[name]))
		case p.now.Sub(l.ThisUpdate) > l.NextUpdate.Sub(l.ThisUpdate)/2:
			found = append(found, warning(hint, "%s is past half of its life", what))
		case shard:
			shards++
		default:
			found = append(found, ok("%s is published, number %d", what, l.Number))
		}
	}
	if shards > 0 {
		found = append(found, ok("%s of %s: published", counted(shards, "shard"), a.Name))
	}
	return found
}
