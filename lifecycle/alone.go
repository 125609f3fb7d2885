// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"chancery/ca"
	"chancery/policy"
)

// maxAlike is how many live certificates of one name are looked through,
// page by page: a name that is renewed each hour for a year has fewer.
const maxAlike = 20 * ca.MaxPage

// heldKey begins what a wish holds of keys.
const heldKey = "key "

// alone takes what a wish must have for itself, and asks the book whether somebody else
// has it: a key that no other owner's live certificate has (E2210, security rule PF-07),
// and under a profile that says so a subject or common name of its own (E2125, R67).
// What is taken is given back when the wish is answered, so that of two at the same
// moment the second waits for what becomes of the first. That holds within one front; between
// two of them the commit decides (see outrun).
//
// The signature of a request is the signer's to verify, after all else. But whoever only
// copied a public key must not learn by E2210 or E2301 that somebody has a certificate of
// it, nor keep its holder waiting: so nothing stands in the way of a request, and no request
// in the way of another, that does not prove possession. The signer refuses it.
func (r *Registrar) alone(ctx context.Context, w *wish, p ca.Profile) error {
	draft := w.cleared.Draft()
	holds := []string{heldKey + draft.Key.String()}
	if cn := draft.Subject.Get(ca.OIDCommonName); p.Unique != policy.NotUnique && cn != "" {
		holds = append(holds, "name "+p.Name+" "+cn)
	}
	if err := r.hold(w, holds); err != nil {
		return err
	}
	return r.free(ctx, w.request, draft, p, w.proven)
}

// hold takes names for a wish that is not answered yet.
func (r *Registrar) hold(w *wish, names []string) error {
	passed := map[*wish]bool{}
	for {
		others, err := r.take(w, names, passed)
		if err != nil || len(others) == 0 {
			return err
		}
		for _, other := range others {
			if w.proven() && other.proven() {
				return ca.Unavailable(ca.E2301, "another request for the same key or subject is being worked on", "try again in a moment")
			}
			passed[other] = true
		}
	}
}

// take takes names for a wish, unless others than those passed stand in the way: it gives
// those, whose signatures are verified without mu.
func (r *Registrar) take(w *wish, names []string, passed map[*wish]bool) (inWay []*wish, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-w.done: // nobody waits for it any more, and nobody would give them back
		return nil, gaveUp()
	default:
	}
	for _, name := range names {
		for _, other := range r.held[name] {
			owner := other.request.From.ID
			mine := owner == w.request.From.ID && strings.HasPrefix(name, heldKey)
			// Drafts are copies, so they are looked at last.
			if !mine && !passed[other] && !same(w.request.From.ID, owner, w.cleared.Draft().Names, other.cleared.Draft().Names) {
				inWay = append(inWay, other)
			}
		}
	}
	if len(inWay) > 0 {
		return inWay, nil
	}
	for _, name := range names {
		r.held[name] = append(r.held[name], w)
	}
	w.holds = names
	return nil, nil
}

// release gives back what a wish took; the caller holds mu.
func (r *Registrar) release(w *wish) {
	for _, name := range w.holds {
		rest := slices.DeleteFunc(r.held[name], func(other *wish) bool { return other == w })
		if r.held[name] = rest; len(rest) == 0 {
			delete(r.held, name)
		}
	}
	w.holds = nil
}

// same tells whether two requests are a renewal of each other as far as anybody can see.
func same(owner, otherOwner string, names, others []ca.Name) bool {
	return ca.SameHolder(ca.Certificate{Owner: owner, Names: names}, ca.Certificate{Owner: otherOwner, Names: others})
}

// free asks the book. Whether the request's signature verifies it asks only where the key
// is taken.
func (r *Registrar) free(ctx context.Context, q ca.Request, draft ca.Draft, p ca.Profile, proven func() bool) error {
	taken, err := r.o.Records.Others(ctx, draft.Key, q.From.ID, r.o.Now())
	if err == nil && taken && proven() {
		err = ca.Refused(ca.E2210, "the key is that of a live certificate of somebody else", "make a new key").
			Because("two holders of one key can act for each other (security rule PF-07)").At("key")
	}
	cn := draft.Subject.Get(ca.OIDCommonName)
	if err != nil || p.Unique == policy.NotUnique || cn == "" {
		return err
	}
	return r.alike(ctx, ca.Filter{Name: strings.ToLower(cn), Profile: p.Name}, func(c ca.Certificate) error {
		if c.Common != cn || same(q.From.ID, c.Owner, draft.Names, c.Names) || p.Unique == policy.UniqueSubject && !r.hasSubject(c, draft.Subject) {
			return nil
		}
		fix := "ask for another name, or have the other one revoked"
		if c.Owner == q.From.ID { // of others nothing is told but that they are there
			fix = "chancery revoke " + c.PublicName() + ", or ask for another name"
		}
		return ca.Refused(ca.E2125, fmt.Sprintf("there is a live certificate for %s under profile %s", ca.Show(cn), p.Name), fix).
			Because("rule unique is " + p.Unique + "; its owner renews it with the same names")
	})
}

// outrun asks the book once more, for a wish that has waited since it was asked first.
func (r *Registrar) outrun(ctx context.Context, v *view, w *wish) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	return r.free(ctx, w.request, w.cleared.Draft(), v.profiles[w.request.Profile], w.proven)
}

// alike looks through the live end-entity certificates of a filter.
func (r *Registrar) alike(ctx context.Context, f ca.Filter, judge func(ca.Certificate) error) error {
	f.Status, f.Now, f.Limit = "valid", r.o.Now(), ca.MaxPage
	for seen := 0; seen < maxAlike; seen += ca.MaxPage {
		page, err := r.o.Shelf.Certificates(ctx, f)
		if err != nil {
			return fmt.Errorf("look for certificates of the same key or subject: %w", err)
		}
		for _, c := range page {
			if c.Kind != ca.EndEntity {
				continue
			}
			if err := judge(c); err != nil {
				return err
			}
		}
		if len(page) < ca.MaxPage {
			return nil
		}
		f.After = page[len(page)-1].ID
	}
	return ca.Refused(ca.E2125, fmt.Sprintf("more than %d live certificates have this name", maxAlike), "revoke those that are not used any more")
}

// hasSubject tells whether a certificate has a subject; one that cannot be read has it.
func (r *Registrar) hasSubject(c ca.Certificate, s ca.Subject) bool {
	x, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return true
	}
	fields, err := r.o.Subject(x.RawSubject)
	return err != nil || slices.EqualFunc(fields, s, func(a, b ca.Attribute) bool { return a.OID == b.OID && a.Value == b.Value })
}
