// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
	"net/netip"

	"chancery/ca"
)

// Names reads subject and alternative names of a certificate in DER, for
// policy.Breaks: would they keep to constraints that are not in force yet? A name
// that it cannot compare is an error, which a cautious caller takes for a yes.
func Names(certificate []byte) (ca.Subject, []ca.Name, error) {
	s, names, err := names(certificate)
	if err != nil {
		return nil, nil, fmt.Errorf("read a certificate's names: %w", err)
	}
	return s, names, nil
}

// Subject reads the fields of a distinguished name in DER.
func Subject(name []byte) (ca.Subject, error) {
	s, err := readName(name)
	if err != nil {
		return nil, fmt.Errorf("read a name: %w", err)
	}
	return untyped(s), nil
}

func names(certificate []byte) (ca.Subject, []ca.Name, error) {
	c, err := open(certificate)
	if err != nil {
		return nil, nil, err
	}
	subject, err := readName(c.subject)
	if err != nil {
		return nil, nil, fmt.Errorf("subject: %w", err)
	}
	subject = untyped(subject)
	e := c.find(oidSubjectAltName)
	if e == nil {
		return subject, nil, nil
	}
	list, err := peel(e.value, tagSequence)
	if err != nil {
		return nil, nil, err
	}
	var out []ca.Name
	for r := (reader{list}); len(r.rest) > 0; {
		b := base{tag: r.rest[0]}
		if b.content, err = r.content(b.tag); err != nil {
			return nil, nil, err
		}
		t, known := b.nameType()
		n := ca.Name{Type: t, Value: string(b.content)}
		switch {
		case !known || t == ca.DirectoryName:
			return nil, nil, fmt.Errorf("an alternative name of tag 0x%02x cannot be compared", b.tag)
		case t == ca.IP:
			a, ok := netip.AddrFromSlice(b.content)
			if !ok {
				return nil, nil, errors.New("an address has neither 4 nor 16 octets")
			}
			n.Value = a.String()
		}
		out = append(out, n)
	}
	return subject, out, nil
}

// identifierIs demands the authority key identifier of what is signed by a key
// with this identifier, and, in the longer form, by the certificate of this
// issuer and serial number (RFC 5280 §4.2.1.1).
func identifierIs(key []byte, form ca.AKIForm, issuer, serial []byte) (func([]byte) error, error) {
	switch form {
	case "", ca.AKIKeyID:
		return authorityKeyIDIs(key), nil
	case ca.AKIIssuer:
	default:
		return nil, fmt.Errorf("there is no authority key identifier of form %q", form)
	}
	return func(value []byte) error {
		body, err := peel(value, tagSequence)
		if err != nil {
			return err
		}
		r := reader{body}
		id, err := r.content(tagContext0)
		if err != nil {
			return err
		}
		names, err := r.content(tagWrapped0 + 1)
		if err != nil {
			return err
		}
		name, err := peel(names, tagDirectory)
		if err != nil {
			return err
		}
		number, err := r.content(tagContext0 + 2)
		if err != nil {
			return err
		}
		if len(number) > 1 && number[0] == 0 && number[1] >= 0x80 {
			number = number[1:]
		} else if len(number) > 0 && number[0] >= 0x80 {
			return errors.New("the serial number is negative")
		}
		if len(key) == 0 || string(id) != string(key) || string(name) != string(issuer) || string(number) != string(serial) {
			return errors.New("it names another certificate")
		}
		return r.end()
	}, nil
}

// identifierOf is identifierIs for what an authority signs.
func identifierOf(a *ca.Authority, form ca.AKIForm) (func([]byte) error, error) {
	if form == "" || form == ca.AKIKeyID {
		return authorityKeyIDIs(a.SKI), nil
	}
	c, err := open(a.Certificate)
	if err != nil {
		return nil, fmt.Errorf("the certificate of authority %q: %w", a.Name, err)
	}
	return identifierIs(a.SKI, form, c.issuer, c.serial)
}
