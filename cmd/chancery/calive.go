// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
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
		if f.After = page.Next; page.Next == 0 {
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

// bites refuses name constraints that live certificates of the authorities break: those
// would not be renewed any more, or, where the certificate above them is replaced,
// would be refused by everybody from one day to the next.
func (c *ceremony) bites(ctx context.Context, authorities []string, n ca.NameConstraints, accepted bool) error {
	if n.Empty() {
		return nil
	}
	broken := 0
	var listed strings.Builder
	for _, name := range authorities {
		err := c.live(ctx, name, func(cert ca.Certificate) error {
			subject := ca.Subject{}
			if cert.Common != "" {
				subject = ca.Subject{{OID: ca.OIDCommonName, Value: cert.Common}}
			}
			if hasDN(n) { // the book's row has the common name alone
				whole, err := c.front.Certificate(ctx, cert.PublicName())
				if err != nil {
					return err
				}
				if subject, _, err = checker.Names(whole.Certificate.DER); err != nil {
					return fmt.Errorf("read the names of %s: %w", cert.PublicName(), err)
				}
			}
			var p *ca.Problem
			if errors.As(policy.Breaks([]ca.NameConstraints{n}, subject, cert.Names), &p) {
				if broken++; broken <= maxListed {
					fmt.Fprintf(&listed, "    %s   %s   serial …%s   %s\n", cert.Title(), name, cert.Serial.Tail(), p.Detail)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if broken == 0 {
		return nil
	}
	fmt.Fprintf(c.err, "%s %s would break these name constraints:\n%s", c.mark(warned), counted(broken, "live certificate"), listed.String())
	if broken > maxListed {
		fmt.Fprintf(c.err, "    and %d more\n", broken-maxListed)
	}
	if accepted {
		return nil
	}
	return ca.Refused(ca.E2114, fmt.Sprintf("%s would break the name constraints, and nothing was done", counted(broken, "live certificate")),
		"widen the constraints, or go on with --accept-broken").Because("whoever verifies applies the constraints of all authorities above")
}

func hasDN(n ca.NameConstraints) bool {
	return slices.ContainsFunc(slices.Concat(n.Permitted, n.Excluded), func(s ca.Subtree) bool { return s.Type == ca.DirectoryName })
}
