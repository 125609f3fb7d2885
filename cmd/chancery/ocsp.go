// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/format"
)

func (a *app) ocspCommand() *cobra.Command {
	c := &cobra.Command{Use: "ocsp", Short: "How certificates stand, said at once", Example: "  chancery ocsp check nas.lab.example\n  chancery ocsp serve"}
	c.AddCommand(a.ocspCheck(), a.ocspServe(), a.ocspStaple())
	return c
}

// An ocspInquiry is what ocsp check was asked.
type ocspInquiry struct {
	target   string
	url      string
	issuer   string // file
	nonce    bool
	password string // file with that of what is read
}

// A stated is how a certificate stands, as a responder says.
type stated struct {
	Target  string    `json:"target"`
	Serial  ca.Serial `json:"serial"`
	Issuer  string    `json:"issuer"`
	Address string    `json:"address"`
	// Status is good, revoked or unknown; no-answer where Problem says why there is none.
	Status  string      `json:"status"`
	Problem *ca.Problem `json:"problem,omitempty"`
	// RevokedAt and Reason stand with revoked only.
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	Reason     string    `json:"reason,omitempty"`
	ProducedAt time.Time `json:"produced_at,omitzero"`
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	// Signer is who signed it: the issuer, or its responder, whose certificate ends then.
	Signer    string    `json:"signer"`
	SignerEnd time.Time `json:"signer_end,omitzero"`
	Delegated bool      `json:"delegated"`
}

func (a *app) ocspCheck() *cobra.Command {
	var q ocspInquiry
	c := &cobra.Command{
		Use: "check NAME|SERIAL|FILE ...", Short: "Ask our responder how a certificate stands, over HTTP as a client would",
		Long: "Asks the responder that the certificate names how it stands, verifies the answer as a client would, and shows who signed\n" +
			"it. Of several each gets a line; one about which there is no answer keeps no other from it. Exit code 9 means that one is\n" +
			"revoked, or not known there.",
		Example:           "  chancery ocsp check nas.lab.example\n  chancery ocsp check nas.pem --issuer issuing.pem --url http://127.0.0.1:8080/ocsp\n  chancery ocsp check 1e77a0c3 --nonce\n  chancery ocsp check nas/cert.pem www/cert.pem -o csv",
		ValidArgsFunction: a.first(completeCertificates, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > maxStaples {
				return usage(fmt.Sprintf("ocsp check takes 1 to %d names, serials or files", maxStaples), "chancery ocsp check nas.lab.example")
			}
			if err := a.canGive(answer{value: stated{}, rows: []stated{}}); err != nil {
				return err
			}
			if len(args) > 1 {
				return a.checkMany(c.Context(), q, args)
			}
			q.target = args[0]
			s, err := a.standingOf(c.Context(), q)
			if err != nil {
				return err
			}
			return a.checked([]stated{s}, s, a.standingText(s))
		},
	}
	f := c.Flags()
	f.StringVar(&q.url, "url", "", "address of the responder (default: the one in the certificate)")
	f.StringVar(&q.issuer, "issuer", "", "file with the certificate of who issued it (default: beside it, or in the installation)")
	f.StringVar(&q.password, "password-file", "", "file with the password of FILE, if it needs one (CHANCERY_PASSWORD_FILE)")
	f.BoolVar(&q.nonce, "nonce", false, "ask for an answer that is made now, by POST with a nonce")
	return c
}

// chainOf gives a certificate and who issued it.
func (a *app) chainOf(ctx context.Context, q ocspInquiry) (chain []*x509.Certificate, err error) {
	var pool []*x509.Certificate
	if q.issuer != "" {
		if pool, err = a.certificatesIn(ctx, q.issuer, q.password); err != nil {
			return nil, err
		}
	}
	if isFile(q.target) {
		all, err := a.certificatesIn(ctx, q.target, q.password)
		if err != nil {
			return nil, err
		}
		if found := issuerAmong(all[0], append(pool, all[1:]...)); found != nil {
			return []*x509.Certificate{all[0], found}, nil
		}
		chain = all[:1]
	}
	err = a.authorities(ctx, func(ctx context.Context, k *client.Client, all []ca.Authority) error {
		for _, one := range all {
			c, err := x509.ParseCertificate(one.Certificate)
			if err != nil {
				return fmt.Errorf("read the certificate of %s: %w", one.Name, err)
			}
			pool = append(pool, c)
		}
		if chain != nil {
			return nil
		}
		der, err := askedAbout(ctx, k, q.target, all)
		if err == nil {
			chain, err = parsed([][]byte{der})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if found := issuerAmong(chain[0], pool); found != nil {
		return []*x509.Certificate{chain[0], found}, nil
	}
	return nil, ca.NotFound(ca.E2101, "the certificate of "+ca.Show(ca.EncodedName(chain[0].RawIssuer))+", which issued it, is not here", "name a file with it: --issuer FILE")
}

// askedAbout is the certificate that a reference means: one that was handed out, or an
// authority's by its name.
func askedAbout(ctx context.Context, k *client.Client, ref string, all []ca.Authority) ([]byte, error) {
	i, err := k.Certificate(ctx, ref)
	if err == nil {
		return i.Certificate.DER, nil
	}
	for _, one := range all {
		switch {
		case one.Name != ref:
		case one.Parent == one.Name:
			return nil, usage("nobody is asked about a root: it is trusted by itself, or not at all", "chancery ca show "+one.Name+"; one that is not to be trusted any more is taken out of the trust stores")
		default:
			return one.Certificate, nil
		}
	}
	return nil, meant(ctx, k, ref, "chancery ca show", err)
}

// certificatesIn are those of a file, one at least.
func (a *app) certificatesIn(ctx context.Context, path, passwordFile string) ([]*x509.Certificate, error) {
	found, err := a.contents(ctx, path, passwordFile)
	if err != nil {
		return nil, err
	}
	if len(found.Certificates) == 0 {
		return nil, usage(path+" holds no certificate", "chancery show "+path)
	}
	return parsed(format.DERs(found.Certificates))
}

// issuerAmong finds whose key signed a certificate; nil if it is not there.
func issuerAmong(c *x509.Certificate, pool []*x509.Certificate) *x509.Certificate {
	for _, one := range pool {
		if c.CheckSignatureFrom(one) == nil {
			return one
		}
	}
	return nil
}

// standingOf asks about one certificate.
func (a *app) standingOf(ctx context.Context, q ocspInquiry) (s stated, err error) {
	ctx, cancel := context.WithTimeout(ctx, verifyWait)
	defer cancel()
	chain, err := a.chainOf(ctx, q)
	if err != nil {
		return s, err
	}
	c, issuer := chain[0], chain[1]
	address := q.url
	if address == "" && len(c.OCSPServer) > 0 {
		address = c.OCSPServer[0]
	}
	if address == "" {
		return s, usage("the certificate names no responder", "chancery ocsp check "+q.target+" --url http://HOST:8080/ocsp")
	}
	serial, err := serialIn(c)
	if err != nil {
		return s, err
	}
	said, err := askOCSP(ctx, address, issuer, serial, q.nonce)
	if err != nil {
		return s, ca.Unavailable(ca.E1201, "the responder at "+ca.Show(address)+" gave no answer that a client would take", "chancery doctor").Because(manner(err))
	}
	s = stated{Target: q.target, Serial: serial, Issuer: ca.EncodedName(issuer.RawSubject), Address: address, Status: said.Status.String(), RevokedAt: said.RevokedAt,
		ProducedAt: said.ProducedAt, ThisUpdate: said.ThisUpdate, NextUpdate: said.NextUpdate, Signer: ca.EncodedName(said.Signer.RawSubject), SignerEnd: said.Signer.NotAfter, Delegated: !said.Signer.Equal(issuer)}
	if said.Status == ca.OCSPRevoked {
		s.Reason = said.Reason.String()
	}
	return s, nil
}

// since says when and why a certificate was revoked, if it was.
func (s stated) since() string {
	if s.Reason == "" {
		return ""
	}
	return fmt.Sprintf("since %s, for %s", atTime(s.RevokedAt), s.Reason)
}

// verdict is how it stands, with a sign.
func (a *app) verdict(s stated) string {
	switch {
	case s.Problem != nil:
		return a.mark(warned) + " " + s.Status
	case s.Status != ca.OCSPGood.String():
		return a.mark(failed) + " " + s.Status
	}
	return a.mark(fine) + " " + s.Status
}

// standingText is what is said of one certificate.
func (a *app) standingText(s stated) string {
	signer := s.Signer + ", its issuer"
	if s.Delegated {
		signer = s.Signer + ", until " + atTime(s.SignerEnd)
	}
	return a.verdict(s) + "\n" + a.table([][2]string{{"serial", string(s.Serial)}, {"revoked", s.since()}, {"issuer", s.Issuer}, {"asked", s.Address}, {"said", atTime(s.ThisUpdate)}, {"this answer holds until", atTime(s.NextUpdate)}, {"signed by", signer}})
}

// checkMany asks about several certificates, one after the other.
func (a *app) checkMany(ctx context.Context, q ocspInquiry, targets []string) error {
	var all []stated
	var b strings.Builder
	for _, q.target = range targets {
		s, err := a.standingOf(ctx, q)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		about := s.since()
		if err != nil {
			s = stated{Target: q.target, Status: "no-answer", Problem: asProblem(err)}
			about = strings.TrimSuffix(s.Problem.Detail+": "+s.Problem.Why, ": ")
		} else if about == "" {
			about = "this answer holds until " + atTime(s.NextUpdate)
		}
		all = append(all, s)
		named := q.target
		if !ca.PlainText(named) {
			named = ca.Show(named)
		}
		fmt.Fprintf(&b, "%s  %s  %s\n", a.verdict(s), named, about)
	}
	return a.checked(all, all, b.String())
}

// checked gives the answer of ocsp check; value is that in JSON.
func (a *app) checked(all []stated, value any, text string) (err error) {
	x := answer{value: value, text: fitted(text, columnsOf(a.out)), columns: []string{"target", "status", "revoked_at", "reason", "next_update", "serial", "problem"}}
	if form := a.form(); len(all) > 1 || form == asCSV || form == asLines {
		x.rows = all
	}
	for _, s := range all {
		x.names = append(x.names, s.Status)
		if s.Status != ca.OCSPGood.String() {
			err = errFaults
		}
	}
	return errors.Join(a.give(x), err)
}
