// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer"
)

// wish is what the flags say, as the signer takes it.
func (c *ceremony) wish(q creation) (w signer.Creation, notices []string, err error) {
	if w.Kind, err = q.kind(); err != nil {
		return w, nil, err
	}
	w.Name, w.Line, w.PKI, w.Standby = q.name, q.line, c.pki, q.standby
	line, number := generation(q.name)
	if w.Line == "" {
		w.Line = line
	}
	var above *ca.Authority
	if w.Kind != ca.Root && !q.itself {
		one, err := c.above(q.parent, w.Line)
		if err != nil {
			return w, nil, err
		}
		w.Parent, above = one.Name, &one
	}
	if err := q.carried(&w.Generation); err != nil {
		return w, nil, err
	}
	if w.Subject, err = c.subject(q, above, w.Line, number); err != nil {
		return w, nil, err
	}
	w.KeyType, w.Use = keyFor(q.key, w.Kind), usesFor(q.use, w.Kind)
	w.Days, notices = policy.Stagger(c.span(q, w, above, time.Now()))
	return w, notices, nil
}

// generation takes the name of a generation apart: users-g2 is the second of line
// users.
func generation(name string) (line string, number int) {
	at := strings.LastIndex(name, "-g")
	if at > 0 {
		if n, err := strconv.Atoi(name[at+2:]); err == nil && n > 0 {
			return name[:at], n
		}
	}
	return name, 1
}

// above is the authority that will sign: the one named, or the one that policy chooses.
func (c *ceremony) above(name, line string) (ca.Authority, error) {
	if name != "" {
		return c.named(name)
	}
	return policy.ParentOf(c.all, line)
}

// carried reads what stands in its certificate.
func (q creation) carried(g *signer.Generation) (err error) {
	if err := shardsOf(q.shards); err != nil {
		return err
	}
	if g.Constraints, err = ca.ParseConstraints(q.names); err != nil {
		return err
	}
	for _, text := range q.policies {
		p, err := ca.ParseCertPolicy(text)
		if err != nil {
			return err
		}
		g.Policies = append(g.Policies, p)
	}
	if err := g.Hash.UnmarshalText([]byte(q.hash)); err != nil {
		return err
	}
	g.Shards = q.shards
	if q.pathLen >= 0 {
		g.PathLen = &q.pathLen
	}
	return g.AKI.UnmarshalText([]byte(q.aki))
}

// subject is what an authority is called: as it was asked, or like the one above it, or
// the first that was made here. The organisation of one from elsewhere is none of ours.
func (c *ceremony) subject(q creation, above *ca.Authority, line string, number int) (ca.Subject, error) {
	if q.subject != "" {
		return ca.ParseDN(q.subject)
	}
	org := q.org
	ours := slices.DeleteFunc(slices.Clone(c.all), func(one ca.Authority) bool { return one.External || one.Past != nil })
	for _, one := range append(deref(above), ours...) {
		if org != "" {
			break
		}
		cert, err := subjectOf(one)
		if err != nil {
			return nil, err
		}
		if len(cert.Subject.Organization) > 0 {
			org = cert.Subject.Organization[0]
		}
	}
	if org == "" {
		return nil, usage("the authority needs a name", "the same again with --org NAME, or --subject O=Lab,CN=…")
	}
	words := strings.Split(line, "-")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return ca.Subject{{OID: ca.OIDOrganization, Value: org},
		{OID: ca.OIDCommonName, Value: fmt.Sprintf("%s %s CA G%d", org, strings.Join(words, " "), number)}}, nil
}

func deref(one *ca.Authority) []ca.Authority {
	if one == nil {
		return nil
	}
	return []ca.Authority{*one}
}

// keyFor is the type of its key.
func keyFor(asked string, kind ca.AuthorityKind) string {
	switch {
	case asked != "":
		return asked
	case kind == ca.Root:
		return "ecdsa-p384"
	}
	return "ecdsa-p256"
}

// usesFor are its extended key usages. What says what was revoked needs ocsp, so it
// comes with all others.
func usesFor(asked []string, kind ca.AuthorityKind) []string {
	if len(asked) == 0 && kind == ca.Issuing {
		return []string{"server", "client", "email", "ocsp"}
	}
	if len(asked) > 0 && !slices.Contains(asked, "ocsp") {
		return append(slices.Clone(asked), "ocsp")
	}
	return asked
}

// span is the life it is to have, among its siblings.
func (c *ceremony) span(q creation, w signer.Creation, above *ca.Authority, now time.Time) policy.Span {
	s := policy.Span{Now: now, Days: q.days, Given: q.given, Apart: q.apart, Use: w.Use}
	if q.level {
		s.Apart = 0
	}
	if !q.given {
		s.Days = issuingDays
		if w.Kind == ca.Root {
			s.Days = rootDays
		}
	}
	if above != nil {
		s.Last = above.NotAfter
		for _, one := range c.all {
			if one.Parent == above.Name && one.Name != above.Name {
				s.Siblings = append(s.Siblings, one)
			}
		}
	}
	return s
}
