// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"time"

	"chancery/ca"
)

const (
	// MaxPast bounds a list from elsewhere in octets: a million entries with serial numbers
	// of 20 octets and reasons. While it is read it takes some ten times its size.
	MaxPast = 64 << 20
	// maxPastEntries bounds its entries, whatever their size.
	maxPastEntries = 1_000_000
	// maxPastNumber leaves room above the number of a list from elsewhere.
	maxPastNumber = 1 << 62
	// pastAhead is how far the clock of whoever made it may be ahead of this one.
	pastAhead = 5 * time.Minute
)

// A pastList is what a complete list from elsewhere says.
type pastList struct {
	digest  ca.Digest
	number  int64
	made    time.Time
	next    time.Time // zero if it does not say
	entries []step    // by serial number, once each
}

// The extensions that make a list less than complete (RFC 5280 §5.2.4, §5.2.5), and its
// entries somebody else's (§5.3.3).
const (
	oidDelta  = "2.5.29.27"
	oidScope  = "2.5.29.28"
	oidIssuer = "2.5.29.29"
)

// Judge judges the list by the certificate of its key alone, of which nothing need be known
// here yet: so nothing is taken in whose list is refused after that. Inherit looks closer.
// What is not to be taken is E2602.
func (q Inheritance) Judge(certificate []byte, now time.Time) (Inherited, error) {
	_, out, err := q.judged(ca.Authority{Name: q.Authority, Certificate: certificate}, now)
	return out, err
}

// judged reads the list, if there is one, and says what it has.
func (q Inheritance) judged(a ca.Authority, now time.Time) (l pastList, out Inherited, err error) {
	if q.None {
		return l, out, nil
	}
	if l, err = readPast(q.List, a, now); err != nil {
		return l, out, err
	}
	out.Entries, out.Number, out.Made, out.Next = len(l.entries), l.number, l.made, l.next
	stale := ""
	switch day := l.made.Format(time.DateOnly); {
	case l.next.IsZero():
		stale = "the list is of " + day + ", and does not say when the next was due: what was revoked since may not be on it"
	case now.After(l.next):
		stale = "the list is of " + day + ", and the next was due on " + l.next.Format(time.DateOnly) + ": what was revoked since is not on it"
	default:
		return l, out, nil
	}
	if !q.Ended {
		return l, out, untakeable(stale, "have a new one made where the key was: openssl ca -gencrl; if nothing was revoked since: --ended-crl")
	}
	out.Notices = []string{stale}
	return l, out, nil
}

// readPast reads the complete list that an authority's key signed elsewhere. Whatever
// else it is, is E2602.
func readPast(der []byte, a ca.Authority, now time.Time) (out pastList, err error) {
	l, err := parsedPast(der)
	if err != nil {
		return out, err
	}
	x, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return out, fmt.Errorf("read the certificate of %s: %w", a.Name, err)
	}
	switch again := "have the key's own list made: openssl ca -gencrl"; {
	case !bytes.Equal(l.RawIssuer, x.RawSubject):
		return out, untakeable("the list is of another issuer than "+a.Name+": "+ca.Show(ca.EncodedName(l.RawIssuer)), again)
	case x.CheckSignature(l.SignatureAlgorithm, l.RawTBSRevocationList, l.Signature) != nil:
		return out, untakeable("the key of "+a.Name+" did not sign the list", again)
	case l.ThisUpdate.After(now.Add(pastAhead)):
		return out, untakeable("the list is from the future: "+l.ThisUpdate.Format(time.RFC3339), "set the clock of this computer, or have the list made again")
	}
	out = pastList{digest: digest(der), made: l.ThisUpdate, next: l.NextUpdate}
	if n := l.Number; n != nil {
		if n.Sign() < 0 || !n.IsInt64() || n.Int64() > maxPastNumber {
			return out, untakeable("no list made here could have a higher number than this one", "have it made again with a number of at most 18 digits")
		}
		out.number = n.Int64()
	}
	out.entries, err = pastEntries(l)
	return out, err
}

// parsedPast reads a list, and refuses what is none, or no complete one.
func parsedPast(der []byte) (*x509.RevocationList, error) {
	if len(der) > MaxPast {
		return nil, untakeable(fmt.Sprintf("the list has %d octets, at most %d", len(der), MaxPast), "have it made again without what has ended")
	}
	l, err := x509.ParseRevocationList(der)
	if err == nil && len(l.Raw) != len(der) {
		err = fmt.Errorf("%d octets follow it", len(der)-len(l.Raw))
	}
	if err != nil {
		return nil, untakeable("this is no revocation list of version 2", "openssl ca -gencrl -crlexts crl_ext makes one, where openssl.cnf has a section crl_ext").Because(err.Error())
	}
	if len(l.RevokedCertificateEntries) > maxPastEntries {
		return nil, untakeable(fmt.Sprintf("the list has %d entries, at most %d", len(l.RevokedCertificateEntries), maxPastEntries), "have it made again without what has ended")
	}
	for _, e := range l.Extensions {
		switch {
		case e.Id.String() == oidDelta:
			return nil, untakeable("this is a delta list: it lacks what the list before it has", "bring the complete list")
		case e.Id.String() == oidScope:
			return nil, untakeable("this list is of a part of the certificates, or of several issuers (issuing distribution point)", "have a list of all of them made, without that extension")
		case e.Critical:
			return nil, untakeable("the list has a critical extension that is not known here, "+e.Id.String(), "have it made again without it")
		}
	}
	return l, nil
}

// pastEntries are the entries of a list in the order of their serial numbers. One that
// could not stand on a list made here is refused: without it, its certificate is good.
func pastEntries(l *x509.RevocationList) ([]step, error) {
	out := make([]step, 0, len(l.RevokedCertificateEntries))
	for _, e := range l.RevokedCertificateEntries {
		one, why := pastEntry(e, l.ThisUpdate)
		if why != "" {
			return nil, untakeable(fmt.Sprintf("the entry of serial number %x cannot be taken: %s", e.SerialNumber, why), "have the list made again without it, if that certificate has ended")
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b step) int { return a.compare(b.serial) })
	for i := range out[:max(0, len(out)-1)] {
		if out[i].serial == out[i+1].serial {
			return nil, untakeable(fmt.Sprintf("the list has serial number %x twice", bytes.TrimLeft(out[i].serial[:], "\x00")), "have it made again")
		}
	}
	return out, nil
}

// pastEntry reads one entry, or says why it cannot be taken.
func pastEntry(e x509.RevocationListEntry, made time.Time) (one step, why string) {
	at := e.RevocationTime
	switch reason := ca.Reason(e.ReasonCode); {
	case e.SerialNumber.Sign() <= 0 || e.SerialNumber.BitLen() > 159: // 20 octets with its sign
		return one, "it is not a number of 1 to 20 octets above zero (RFC 5280 §4.1.2.2)"
	case at.After(made) || at.Year() < 1950:
		return one, "its date is " + at.UTC().Format(time.RFC3339)
	case !reason.Listed():
		return one, fmt.Sprintf("reason %d has no place on a complete list", e.ReasonCode)
	}
	if i := slices.IndexFunc(e.Extensions, func(x pkix.Extension) bool { return x.Critical || x.Id.String() == oidIssuer }); i >= 0 {
		return one, "it is another issuer's, or has an extension that is not known here: " + e.Extensions[i].Id.String()
	}
	e.SerialNumber.FillBytes(one.serial[:])
	one.at, one.ends, one.number, one.reason = at.Unix(), ca.Never().Unix(), 1, uint8(e.ReasonCode) //nolint:gosec // Listed
	return one, ""
}
