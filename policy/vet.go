// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"slices"
	"time"

	"chancery/ca"
)

// Rules are what a request is judged by: one version of a profile and the
// authority that would sign. Whoever vets captures both once; a reload meanwhile
// touches no request under way (security rule IS-10).
type Rules struct {
	// Profile is sound (see Sound), with its digest set.
	Profile ca.Profile
	// Authority is the newest active generation of the profile's line, with the name
	// constraints of its chain.
	Authority ca.Authority
	// Grants are those of the bundle, whoever they are to.
	Grants []Grant
	// RefusedKeys are those of the bundle, in order.
	RefusedKeys []ca.Digest
	// Weak names the list of known keys that has a SubjectPublicKeyInfo, or gives ""; nil
	// where there are no lists.
	Weak func(spki []byte) string
}

// Cleared is a draft that has passed every rule. Only Vet makes one, so content
// nobody vetted does not compile its way to a key. The zero Cleared holds nothing
// and signers refuse it. It is immutable and safe for use by many.
type Cleared struct{ c *cleared }

type cleared struct {
	request ca.Request
	draft   ca.Draft
	notices []string
}

// Request is the request as it was vetted; its slices must not be changed. The
// zero Cleared gives a zero Request.
func (c Cleared) Request() ca.Request {
	if c.c == nil {
		return ca.Request{}
	}
	return c.c.request
}

// Draft is a copy of the certificate to be. The zero Cleared gives a zero Draft.
func (c Cleared) Draft() ca.Draft {
	if c.c == nil {
		return ca.Draft{}
	}
	d := c.c.draft
	d.Subject, d.Names, d.SPKI, d.Use = slices.Clone(d.Subject), slices.Clone(d.Names), slices.Clone(d.SPKI), slices.Clone(d.Use)
	d.KeyUsage, d.Policies, d.Extensions = slices.Clone(d.KeyUsage), slices.Clone(d.Policies), slices.Clone(d.Extensions)
	for i, e := range d.Extensions {
		d.Extensions[i].Value = slices.Clone(e.Value)
	}
	return d
}

// Notices say in plain words what was shortened, dropped or set otherwise than
// asked. They are part of no certificate.
func (c Cleared) Notices() []string {
	if c.c == nil {
		return nil
	}
	return slices.Clone(c.c.notices)
}

// vetting is one run of the rules. The draft grows from rule to rule.
type vetting struct {
	profile   *ca.Profile
	authority *ca.Authority
	request   *ca.Request
	csr       *ca.CSR
	grants    []Grant
	refused   []ca.Digest
	weak      func(spki []byte) string
	now       time.Time
	draft     ca.Draft
	notices   []string
}

// rules in their order: cheap and general first, so that the message names the
// first thing to mend. Each may only refuse, or fill in its part of the draft.
var rules = [...]func(*vetting) error{door, use, key, names, granted, subject, constraints, lifetime, usage, extensions, expressions}

// Vet runs every rule over a request. c must be r.CSR as internal/csr parsed it;
// whether its signature verifies is not asked here. The error is a ca.Problem:
// E2106 to E2110, E2112 to E2115, E2118 to E2120, E2122 to E2124, E2126, E2203, E2204,
// E3004.
func Vet(by Rules, r ca.Request, c ca.CSR, now time.Time) (Cleared, error) {
	v := vetting{profile: &by.Profile, authority: &by.Authority, request: &r, csr: &c, grants: by.Grants, refused: by.RefusedKeys, weak: by.Weak, now: now.UTC().Truncate(time.Second)}
	if len(c.SPKI) == 0 || !bytes.Equal(c.Raw, r.CSR) {
		return Cleared{}, ca.Invalid(ca.E2203, "the request and what was read of it differ", "send the request again")
	}
	for _, rule := range rules {
		if err := rule(&v); err != nil {
			return Cleared{}, err
		}
	}
	for _, what := range c.Dropped {
		v.notice(what + ": asked for, not taken from requests")
	}
	if len(c.Whole) > 0 {
		v.notice("challenge password: whoever gives it revokes the certificate; a hash of it is kept, and it is not")
	}
	return Cleared{&cleared{request: r, draft: v.draft, notices: v.notices}}, nil
}

// notice adds a sentence for the requester.
func (v *vetting) notice(s string) { v.notices = append(v.notices, s) }
