// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	"chancery/format"
)

const (
	// maxAsked bounds what is typed or pasted, in octets: a chain of RSA certificates.
	maxAsked = 32 << 10
	// maxAuthorities is of how many authorities a serial number is looked for that stands
	// alone.
	maxAuthorities = 64
)

// A Book finds certificates and authorities.
type Book interface {
	// Serial gives the row of a serial number, false if there is none.
	Serial(ctx context.Context, issuerKey ca.Digest, serial ca.Serial) (ca.Certificate, bool, error)
	// Fingerprint gives the row of the certificate with a SHA-256, false if there is none.
	Fingerprint(ctx context.Context, sum ca.Digest) (ca.Certificate, bool, error)
}

// A Shelf has the authorities.
type Shelf interface {
	Authorities(ctx context.Context) ([]ca.Authority, error)
}

// A Teller says how a certificate stands. An error says that it is not known.
type Teller interface {
	Standing(ctx context.Context, issuer ca.Authority, serial ca.Serial) (ca.OCSPSingle, error)
}

// A Found is what everybody may know of a certificate.
type Found struct {
	// Name is <generation>-<serial>.
	Name   string    `json:"name"`
	Serial ca.Serial `json:"serial"`
	// Issuer is the generation; IssuerSubject its name as certificates have it.
	Issuer        string `json:"issuer"`
	IssuerSubject string `json:"issuer_subject"`
	// Status is valid, revoked, held, expired, not yet valid, or issuer revoked; unavailable
	// where it cannot be said at this moment, and unknown where OCSP says so.
	Status string `json:"status"`
	// IssuerRevoked is the revoked authority that issued it, or is above that one: whoever
	// checks the whole chain does not take it, whatever OCSP says of itself.
	IssuerRevoked string `json:"issuer_revoked,omitempty"`
	// RevokedAt and Reason stand with revoked and held.
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	Reason    string    `json:"reason,omitempty"`
	// InvalidSince is the invalidity date that the list has beside it (RFC 5280 §5.3.2).
	InvalidSince time.Time `json:"invalid_since,omitzero"`
	NotBefore    time.Time `json:"not_before"`
	NotAfter     time.Time `json:"not_after"`
	// Names are those it is for, where names are public.
	Names []string `json:"names,omitempty"`
	// SHA256 is the fingerprint; PEM and Text the certificate itself, where that is public.
	SHA256 string `json:"sha256"`
	PEM    string `json:"pem,omitempty"`
	Text   string `json:"text,omitempty"`
}

// errForged says that a certificate with this serial number is another one.
var errForged = ca.NotFound(ca.E2101, "a certificate with this issuer and serial number is known here, and it is another one", "do not trust the one that you have: it was not issued here, or it was altered")

func nothing() *ca.Problem {
	return ca.NotFound(ca.E2101, "no such certificate was issued here", "compare it digit for digit, or paste the certificate itself")
}

// find resolves what somebody typed or pasted: a certificate in PEM, a fingerprint,
// <generation>-<serial>, or a serial number.
func (p *pages) find(ctx context.Context, asked string) (Found, error) {
	asked = strings.TrimSpace(asked)
	all, err := p.o.Shelf.Authorities(ctx)
	if err != nil {
		return Found{}, err
	}
	if strings.Contains(asked, "-----BEGIN") {
		return p.pasted(ctx, all, asked)
	}
	if sum, is := ca.ParseFingerprint(asked); is {
		return p.printed(ctx, all, sum)
	}
	if at := strings.LastIndexByte(asked, '-'); at > 0 {
		i := slices.IndexFunc(all, func(a ca.Authority) bool { return a.Name == asked[:at] })
		if i < 0 {
			return Found{}, nothing()
		}
		return p.alone(ctx, all[i:i+1], all, ca.TypedSerials(asked[at+1:]))
	}
	serials := ca.TypedSerials(asked)
	if len(serials) == 0 {
		return Found{}, ca.Invalid(ca.E1401, "this is no serial number, no fingerprint and no certificate", "type the serial number in hexadecimal or decimal digits, or the SHA-256 fingerprint, or paste the certificate in PEM")
	}
	return p.alone(ctx, all, all, serials)
}

// printed finds the certificate with a fingerprint.
func (p *pages) printed(ctx context.Context, all []ca.Authority, sum ca.Digest) (Found, error) {
	row, there, err := p.o.Book.Fingerprint(ctx, sum)
	if err != nil {
		return Found{}, err
	}
	i := slices.IndexFunc(all, func(a ca.Authority) bool { return a.Key == row.IssuerKey })
	if !there || i < 0 {
		return Found{}, nothing()
	}
	return p.of(ctx, all, all[i], row.Serial)
}

// alone finds a serial number of whichever of some issuers. One that several have is not said.
func (p *pages) alone(ctx context.Context, some, all []ca.Authority, serials []ca.Serial) (Found, error) {
	for _, serial := range serials {
		var by []ca.Authority
		for _, a := range some[:min(len(some), maxAuthorities)] {
			_, there, err := p.o.Book.Serial(ctx, a.Key, serial)
			if err != nil {
				return Found{}, err
			}
			if there {
				by = append(by, a)
			}
		}
		if len(by) == 1 {
			return p.of(ctx, all, by[0], serial)
		}
		if len(by) > 1 {
			return Found{}, ca.Conflict(ca.E2101, "several authorities have issued a certificate with this serial number", "say which: "+by[0].Name+"-"+string(serial))
		}
	}
	return Found{}, nothing()
}

// pasted finds the certificate that somebody has, and sees that it is the same.
func (p *pages) pasted(ctx context.Context, all []ca.Authority, text string) (Found, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return Found{}, ca.Invalid(ca.E1401, "this is no certificate in PEM", "paste it from -----BEGIN CERTIFICATE----- to its end, never a private key")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return Found{}, ca.Invalid(ca.E1401, "the certificate is damaged", "copy it once more")
	}
	serial, err := ca.SerialFromBytes(c.SerialNumber.Bytes())
	if err != nil {
		return Found{}, nothing()
	}
	for _, a := range all {
		if !bytes.Equal(a.Subject, c.RawIssuer) {
			continue
		}
		row, there, err := p.o.Book.Serial(ctx, a.Key, serial)
		switch {
		case err != nil:
			return Found{}, err
		case there && !bytes.Equal(row.DER, block.Bytes):
			return Found{}, errForged
		case there:
			return p.of(ctx, all, a, serial)
		}
	}
	return Found{}, nothing()
}

// of is what everybody may know of the certificate with a serial number.
func (p *pages) of(ctx context.Context, all []ca.Authority, issuer ca.Authority, serial ca.Serial) (Found, error) {
	row, there, err := p.o.Book.Serial(ctx, issuer.Key, serial)
	if err != nil {
		return Found{}, err
	}
	if !there || len(row.DER) == 0 { // a number that was given up has no certificate to show
		return Found{}, nothing()
	}
	f := Found{Name: issuer.Name + "-" + string(serial), Serial: serial, Issuer: issuer.Name, IssuerSubject: subjectOf(issuer.Certificate),
		NotBefore: row.NotBefore.UTC(), NotAfter: row.NotAfter.UTC(), IssuerRevoked: ca.FallenNames(all)[issuer.Name]}
	sum := sha256.Sum256(row.DER)
	f.SHA256 = hex.EncodeToString(sum[:])
	if p.o.Names {
		for _, n := range row.Names {
			f.Names = append(f.Names, n.Value)
		}
		if len(f.Names) == 0 && row.Common != "" {
			f.Names = []string{row.Common}
		}
	}
	if p.o.Text {
		f.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: row.DER}))
		if f.Text, err = format.CertificateText(row.DER); err != nil {
			return Found{}, err
		}
	}
	err = p.stands(ctx, &f, issuer)
	if v := row.Revoked; v != nil && f.Reason != "" { // OCSP has no place for it
		f.InvalidSince = v.InvalidSince.UTC()
	}
	return f, err
}

// stands fills in how it stands. What has ended is not asked for: who signed it may have
// ended too.
func (p *pages) stands(ctx context.Context, f *Found, issuer ca.Authority) error {
	now := p.o.Now()
	said, err := p.o.Teller.Standing(ctx, issuer, f.Serial)
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	switch {
	case err == nil && said.Status == ca.OCSPRevoked:
		f.Status, f.RevokedAt, f.Reason = "revoked", said.RevokedAt.UTC(), said.Reason.String()
		if said.Reason == ca.CertificateHold {
			f.Status = "held"
		}
	case now.After(f.NotAfter):
		f.Status = "expired"
	case f.IssuerRevoked != "": // nobody who looks further takes it, good or not
		f.Status = "issuer revoked"
	case err != nil:
		f.Status = "unavailable"
	case said.Status != ca.OCSPGood:
		f.Status = "unknown"
	case now.Before(f.NotBefore):
		f.Status = "not yet valid"
	default:
		f.Status = "valid"
	}
	return nil
}

// subjectOf is the name in a CA certificate, for people.
func subjectOf(der []byte) string {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return ""
	}
	return ca.EncodedName(c.RawSubject)
}
