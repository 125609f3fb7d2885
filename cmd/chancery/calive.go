// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	checker "chancery/check"
	"chancery/policy"
)

// maxListed is how many certificates a message names.
const maxListed = 10

// live calls do with each certificate that an authority handed out and that is valid.
func (c *ceremony) live(ctx context.Context, authority string, do func(ca.Certificate) error) error {
	f := ca.Filter{Authority: authority, Status: "valid", Limit: ca.MaxPage}
	for {
		page, err := c.front.Certificates(ctx, f)
		if err != nil {
			return err
		}
		for _, one := range page.Items {
			if one.Kind != ca.EndEntity {
				continue
			}
			if err := do(one); err != nil {
				return err
			}
		}
		if f.After = page.Next.ID; f.After == 0 {
			return nil
		}
	}
}

// A signedBelow is what an authority has signed and is still valid.
type signedBelow struct {
	certificates int
	authorities  []string
	last         time.Time
}

// below counts what is valid below an authority.
func (c *ceremony) below(ctx context.Context, one ca.Authority) (s signedBelow, err error) {
	for _, other := range c.all {
		if other.Parent == one.Name && other.Name != one.Name && other.State != ca.Retired {
			s.authorities = append(s.authorities, other.Name)
			s.last = later(s.last, other.NotAfter)
		}
	}
	err = c.live(ctx, one.Name, func(cert ca.Certificate) error {
		s.certificates++
		s.last = later(s.last, cert.NotAfter)
		return nil
	})
	return s, err
}

func (s signedBelow) empty() bool { return s.certificates == 0 && len(s.authorities) == 0 }

func (s signedBelow) String() string {
	if s.certificates == 0 {
		return strings.Join(s.authorities, ", ")
	}
	return strings.Join(append(s.authorities, counted(s.certificates, "certificate")), ", ")
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ofLine are the generations of a line.
func (c *ceremony) ofLine(line string) (names []string) {
	for _, one := range c.all {
		if one.Line == line {
			names = append(names, one.Name)
		}
	}
	return names
}

// under are the generations that an authority stands above, itself included.
func (c *ceremony) under(name string) (names []string) {
	for _, one := range c.all {
		if slices.ContainsFunc(c.chain(one), func(up ca.Authority) bool { return up.Name == name }) {
			names = append(names, one.Name)
		}
	}
	return names
}

// chain is an authority and all above it.
func (c *ceremony) chain(one ca.Authority) []ca.Authority {
	chain := []ca.Authority{one}
	for range c.all { // no chain is longer
		at := slices.IndexFunc(c.all, func(up ca.Authority) bool { return up.Name == one.Parent })
		if at < 0 || one.Parent == one.Name {
			break
		}
		one = c.all[at]
		chain = append(chain, one)
	}
	return chain
}

// holding are the name constraints of an authority and of all above it; none of a name
// that nobody has.
func (c *ceremony) holding(name string) []ca.NameConstraints {
	one, err := c.named(name)
	if err != nil {
		return nil
	}
	return one.Bound(c.chain(one), checker.Constraints).Constraints
}

// A biting is how live certificates fare under name constraints.
type biting struct {
	limits  []ca.NameConstraints
	broken  int
	service bool // the listeners' own is among them
	listed  strings.Builder
}

func (b *biting) add(title, where string, err *ca.Problem) {
	if b.broken++; b.broken <= maxListed {
		fmt.Fprintf(&b.listed, "    %s   %s   %s\n", title, where, err.Detail)
	}
}

// bites refuses name constraints, those above an authority with its own, that live
// certificates of the authorities break: those would not be renewed any more, or, where
// the certificate above them is replaced, would be refused by everybody from one day to
// the next. Line, if it is named, is whose next authority it is about: then the service's
// own certificate is tried too, which renews itself unseen.
func (c *ceremony) bites(ctx context.Context, authorities []string, line string, limits []ca.NameConstraints, accepted bool) error {
	if !slices.ContainsFunc(limits, func(n ca.NameConstraints) bool { return !n.Empty() }) {
		return nil
	}
	b := biting{limits: limits}
	for _, name := range authorities {
		if err := c.live(ctx, name, func(cert ca.Certificate) error { return c.bite(ctx, &b, name, cert) }); err != nil {
			return err
		}
	}
	if !b.service && line != "" {
		c.biteOwn(ctx, &b, line)
	}
	if b.broken == 0 {
		return nil
	}
	fmt.Fprintf(c.err, "%s %s would break these name constraints:\n%s", c.mark(warned), counted(b.broken, "live certificate"), b.listed.String())
	if b.broken > maxListed {
		fmt.Fprintf(c.err, "    and %d more\n", b.broken-maxListed)
	}
	if accepted {
		return nil
	}
	return ca.Refused(ca.E2114, fmt.Sprintf("%s would break the name constraints, and nothing was done", counted(b.broken, "live certificate")),
		"widen the constraints, or go on with --accept-broken").Because("whoever verifies applies the constraints of all authorities above")
}

// bite tries one live certificate.
func (c *ceremony) bite(ctx context.Context, b *biting, authority string, cert ca.Certificate) error {
	subject := ca.Subject{}
	if cert.Common != "" {
		subject = ca.Subject{{OID: ca.OIDCommonName, Value: cert.Common}}
	}
	if slices.ContainsFunc(b.limits, hasDN) { // the book's row has the common name alone
		whole, err := c.front.Certificate(ctx, cert.PublicName())
		if err != nil {
			return err
		}
		if subject, _, err = checker.Names(whole.Certificate.DER); err != nil {
			return fmt.Errorf("read the names of %s: %w", cert.PublicName(), err)
		}
	}
	var p *ca.Problem
	if !errors.As(policy.Breaks(b.limits, subject, cert.Names), &p) {
		return nil
	}
	title := cert.Title()
	if cert.Profile == policy.ServiceProfile {
		b.service = true
		title += " (of this service's own listeners)"
	}
	b.add(title, authority+"   serial …"+cert.Serial.Tail(), p)
	return nil
}

// biteOwn tries the certificate that the service will ask the line for.
func (c *ceremony) biteOwn(ctx context.Context, b *biting, line string) {
	settings, err := c.at.settings()
	if err != nil || !c.at.ownListeners(settings) {
		return
	}
	all, err := c.front.Profiles(ctx)
	if err != nil || !slices.ContainsFunc(all, func(p ca.Profile) bool { return p.Name == policy.ServiceProfile && p.Line == line }) {
		return
	}
	host := ca.Name{Type: ca.DNS, Value: baseHost(settings)}
	if net.ParseIP(host.Value) != nil {
		host.Type = ca.IP
	}
	var p *ca.Problem
	if errors.As(policy.Breaks(b.limits, ca.Subject{{OID: ca.OIDCommonName, Value: host.Value}}, []ca.Name{host}), &p) {
		b.add(host.Value+" (of this service's own listeners, soon)", "line "+line, p)
	}
}

func hasDN(n ca.NameConstraints) bool {
	return slices.ContainsFunc(slices.Concat(n.Permitted, n.Excluded), func(s ca.Subtree) bool { return s.Type == ca.DirectoryName })
}
