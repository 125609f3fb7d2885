// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"chancery/ca"
)

// The extensions of lists that change what a list is about (RFC 5280 §5.2.3 to §5.2.5).
var (
	oidIssuingPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidDelta        = asn1.ObjectIdentifier{2, 5, 29, 27}
)

// revocation judges every certificate of a path but the root by its issuer's list.
func (q Question) revocation(path []*x509.Certificate) (found []Finding) {
	for i, c := range path[:len(path)-1] {
		found = append(found, q.revoked(c, path[i+1]))
	}
	return found
}

func (q Question) revoked(c, issuer *x509.Certificate) Finding {
	list, why := q.list(c, issuer)
	if list == nil {
		hint := "name a list: --crl FILE"
		if len(c.CRLDistributionPoints) > 0 {
			hint += ", or have it fetched from where the certificate says: --fetch"
		}
		if why != nil {
			return failure(checkRevocation, hint, "whether %s is revoked cannot be told: %v", Title(c), why)
		}
		level := Warning
		if q.NeedLists {
			level = Failure
		}
		return Finding{ID: checkRevocation, Level: level, Hint: hint, Message: fmt.Sprintf("whether %s is revoked was not looked at: there is no list of %s here", Title(c), Title(issuer))}
	}
	e, listed := entry(list, c)
	by := number(list)
	if delta := q.delta(list, c, issuer); delta != nil {
		if changed, is := entry(delta, c); is {
			e, listed = changed, ca.Reason(changed.ReasonCode) != ca.RemoveFromCRL
		}
		by += " with delta " + delta.Number.String()
		list = delta // whose dates are those of both together (RFC 5280 §5.2.4)
	}
	if !listed {
		return finding(checkRevocation, fmt.Sprintf("%s is not revoked: %s of %s, %s, good until %s", Title(c), by, Title(issuer), list.ThisUpdate.Local().Format(time.DateTime), list.NextUpdate.Local().Format(time.DateTime)))
	}
	return failure(checkRevocation, "have a new one issued, for a new key", "%s is revoked since %s, for %s", Title(c), e.RevocationTime.Local().Format(time.DateTime), ca.Reason(e.ReasonCode))
}

// entry finds what a list says of a certificate.
func entry(l *x509.RevocationList, c *x509.Certificate) (e x509.RevocationListEntry, listed bool) {
	at := slices.IndexFunc(l.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(c.SerialNumber) == 0 })
	if at < 0 {
		return e, false
	}
	return l.RevokedCertificateEntries[at], true
}

// delta gives the newest delta that can be put upon a list, or nil: it is of the same issuer
// and scope, the list is its base or a later one, and it follows the list (RFC 5280 §5.2.4).
func (q Question) delta(upon *x509.RevocationList, c, issuer *x509.Certificate) (newest *x509.RevocationList) {
	if upon.Number == nil || slices.ContainsFunc(upon.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidIssuingPoint) }) {
		return nil // none of a part is understood here
	}
	for _, l := range q.Lists {
		base := baseOf(l)
		if base == nil || l.Number == nil || !bytes.Equal(l.RawIssuer, issuer.RawSubject) || q.fault(l, c, issuer) != nil {
			continue
		}
		if upon.Number.Cmp(base) >= 0 && l.Number.Cmp(upon.Number) > 0 && (newest == nil || l.Number.Cmp(newest.Number) > 0) {
			newest = l
		}
	}
	return newest
}

// baseOf is the number of a delta's base, nil of any other list.
func baseOf(l *x509.RevocationList) *big.Int {
	for _, e := range l.Extensions {
		n := new(big.Int)
		if !e.Id.Equal(oidDelta) {
			continue
		}
		if _, err := asn1.Unmarshal(e.Value, &n); err != nil {
			return nil
		}
		return n
	}
	return nil
}

// isDelta tells whether a list holds changes alone.
func isDelta(l *x509.RevocationList) bool {
	return slices.ContainsFunc(l.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidDelta) })
}

func number(l *x509.RevocationList) string {
	if l.Number == nil {
		return "a list"
	}
	return "list " + l.Number.String()
}

// list gives the newest good list that covers a certificate, or nil, with what is
// wrong with the one there is.
func (q Question) list(c, issuer *x509.Certificate) (newest *x509.RevocationList, why error) {
	for _, l := range q.Lists {
		if !bytes.Equal(l.RawIssuer, issuer.RawSubject) {
			continue
		}
		err := q.fault(l, c, issuer)
		if err == nil && isDelta(l) {
			err = errors.New("the list holds changes alone (a delta), and the complete one is not here")
		}
		if err != nil {
			why = err
			continue
		}
		if newest == nil || l.ThisUpdate.After(newest.ThisUpdate) {
			newest = l
		}
	}
	return newest, why
}

// fault says what is wrong with a list for judging a certificate.
func (q Question) fault(l *x509.RevocationList, c, issuer *x509.Certificate) error {
	switch err := l.CheckSignatureFrom(issuer); {
	case issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0:
		return fmt.Errorf("%s may not sign lists (key usage cRLSign)", Title(issuer))
	case err != nil:
		return fmt.Errorf("the signature of the list does not verify with the key of %s", Title(issuer))
	case q.At.Before(l.ThisUpdate):
		return fmt.Errorf("the list of %s is not valid before %s", Title(issuer), l.ThisUpdate.Local().Format(time.DateTime))
	case !l.NextUpdate.IsZero() && q.At.After(l.NextUpdate):
		return fmt.Errorf("the list of %s ended on %s", Title(issuer), l.NextUpdate.Local().Format(time.DateTime))
	}
	for _, e := range l.Extensions {
		switch {
		case e.Id.Equal(oidDelta): // see delta
		case e.Id.Equal(oidIssuingPoint):
			if err := scope(e.Value, c); err != nil {
				return err
			}
		case e.Critical:
			return fmt.Errorf("the list has a critical extension that is not understood: %v", e.Id)
		}
	}
	for _, e := range l.RevokedCertificateEntries {
		for _, x := range e.Extensions {
			if x.Critical { // the certificate issuer of an indirect list, for one
				return fmt.Errorf("the list has an entry with a critical extension that is not understood: %v", x.Id)
			}
		}
	}
	return nil
}

// An issuingPoint is the extension that narrows a list (RFC 5280 §5.2.5).
type issuingPoint struct {
	Point       asn1.RawValue  `asn1:"optional,tag:0"`
	OnlyUser    bool           `asn1:"optional,tag:1"`
	OnlyCA      bool           `asn1:"optional,tag:2"`
	SomeReasons asn1.BitString `asn1:"optional,tag:3"`
	Indirect    bool           `asn1:"optional,tag:4"`
	OnlyAttr    bool           `asn1:"optional,tag:5"`
}

// scope refuses a list that says it is not about a certificate. Its own address must
// be one that the certificate names: both are found as bytes, since the encoding of a
// URI has one form.
func scope(extension []byte, c *x509.Certificate) error {
	var p issuingPoint
	if rest, err := asn1.Unmarshal(extension, &p); err != nil || len(rest) > 0 {
		return errors.New("what the list is about cannot be read (issuing distribution point)")
	}
	switch {
	case p.Indirect || p.OnlyAttr || p.SomeReasons.BitLength > 0:
		return errors.New("the list is of a kind that is not understood here: indirect, for attributes, or for some reasons alone")
	case p.OnlyUser && c.IsCA:
		return errors.New("the list is not about authorities")
	case p.OnlyCA && !c.IsCA:
		return errors.New("the list is about authorities alone")
	case len(p.Point.FullBytes) == 0:
		return nil
	}
	for _, address := range c.CRLDistributionPoints {
		if bytes.Contains(p.Point.Bytes, []byte(address)) {
			return nil
		}
	}
	return errors.New("the list is a part that is not about this certificate (distribution point)")
}
