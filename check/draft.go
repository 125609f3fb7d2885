// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"

	"chancery/ca"
)

// Draft reads what the certificate of an authority says that another one of the same
// key must say too: name, path length, uses, constraints and policies. A certificate
// that is not yet an authority's has path length -1. What could not be written again as
// it stands is an error, and so is an extension that we do not write: it may bind
// whatever is below, as inhibitAnyPolicy does (RFC 5280 §4.2.1.14), and a certificate
// without it would free that.
func Draft(cert []byte) (d ca.AuthorityDraft, err error) {
	c, err := openAny(cert)
	if err != nil {
		return d, err
	}
	for _, e := range c.extensions {
		if !replaced(e.oid) {
			text, _ := dotted(nil, e.oid)
			return d, fmt.Errorf("it has an extension that is not written here: %s", text)
		}
	}
	d.PathLen = -1
	if d.Subject, err = readName(c.subject); err != nil {
		return d, fmt.Errorf("subject: %w", err)
	}
	if e := c.find(oidBasicConstraints); e != nil {
		if _, d.PathLen, err = constraints(e.value); err != nil {
			return d, fmt.Errorf("basic constraints: %w", err)
		}
	}
	named, others, err := usesOf(c)
	if err != nil {
		return d, err
	}
	if d.Use = named; others {
		return d, errors.New("it has an extended key usage that has no name here")
	}
	if e := c.find(oidNameConstraints); e != nil {
		if d.Constraints, err = constraintsOf(e.value); err != nil {
			return d, fmt.Errorf("name constraints: %w", err)
		}
	}
	if e := c.find(oidPolicies); e != nil {
		if d.Policies, err = policies(e.value); err != nil {
			return d, fmt.Errorf("certificate policies: %w", err)
		}
	}
	return d, nil
}

// replaced tells whether a certificate that is made again has the extension too, or an
// own one in its place. A comment of Netscape's, which old guides add, binds nobody.
func replaced(oid []byte) bool {
	switch string(oid) {
	case oidKeyUsage, oidExtKeyUsage, oidBasicConstraints, oidSubjectKeyID, oidAuthorityKeyID, oidAuthorityInfo,
		oidCRLPoints, oidPolicies, oidNameConstraints, oidComment:
		return true
	}
	return false
}

// Uses gives the extended key usages of a certificate in DER by their names, in its
// order; others says that it has some which have no name here. One that allows any is
// an error.
func Uses(cert []byte) (named []string, others bool, err error) {
	c, err := openAny(cert)
	if err != nil {
		return nil, false, err
	}
	return usesOf(c)
}

func usesOf(c *certificate) (named []string, others bool, err error) {
	e := c.find(oidExtKeyUsage)
	if e == nil {
		return nil, false, nil
	}
	err = uses(e.value, func(oid []byte) error {
		text, _ := dotted(nil, oid)
		if name, ok := ca.UseName(string(text)); ok {
			named = append(named, name)
		} else {
			others = true
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("extended key usage: %w", err)
	}
	return named, others, nil
}

// openAny is open, also for a certificate of version 1, which has no extensions: some
// authorities that were made with old guides have one.
func openAny(cert []byte) (*certificate, error) {
	c, err := open(cert)
	if err == nil {
		return c, nil
	}
	body, peeled := peel(cert, tagSequence)
	if peeled != nil || len(cert) > maxCertificate {
		return nil, err
	}
	outer := reader{body}
	tbs, peeled := outer.content(tagSequence)
	if peeled != nil {
		return nil, err
	}
	r := reader{tbs}
	first := new(certificate)
	for _, part := range []func() error{
		func() (err error) { first.serial, err = r.natural(); return err },
		func() (err error) { first.algorithm, err = r.whole(tagSequence); return err },
		func() (err error) { first.issuer, err = r.whole(tagSequence); return err },
		func() (err error) { first.notBefore, first.notAfter, err = validity(&r); return err },
		func() (err error) { first.subject, err = r.whole(tagSequence); return err },
		func() (err error) { first.spki, err = r.whole(tagSequence); return err },
		r.end,
	} {
		if part() != nil {
			return nil, err // it is of version 3, or of none
		}
	}
	return first, nil
}

// policies reads certificate policies with the address of a practice statement at
// most (RFC 5280 §4.2.1.4).
func policies(value []byte) ([]ca.CertPolicy, error) {
	list, err := peel(value, tagSequence)
	if err != nil {
		return nil, err
	}
	var out []ca.CertPolicy
	for r := (reader{list}); len(r.rest) > 0; {
		body, err := r.content(tagSequence)
		if err != nil {
			return nil, err
		}
		in := reader{body}
		oid, err := in.content(tagOID)
		if err != nil {
			return nil, err
		}
		text, ok := dotted(nil, oid)
		if !ok {
			return nil, fmt.Errorf("the policy %x has no dotted form", oid)
		}
		p := ca.CertPolicy{OID: string(text)}
		if len(in.rest) > 0 {
			if p.CPS, err = practice(&in); err != nil {
				return nil, fmt.Errorf("policy %s: %w", p.OID, err)
			}
		}
		if err := in.end(); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// practice reads the one qualifier we write, the address of a practice statement.
func practice(in *reader) (string, error) {
	list, err := in.content(tagSequence)
	if err != nil {
		return "", err
	}
	body, err := peel(list, tagSequence)
	if err != nil {
		return "", err
	}
	r := reader{body}
	oid, err := r.content(tagOID)
	if err != nil {
		return "", err
	}
	if string(oid) != oidCPS {
		return "", errors.New("a qualifier other than the address of a practice statement")
	}
	address, err := r.content(tagIA5String)
	if err != nil {
		return "", err
	}
	return string(address), r.end()
}
