// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"fmt"
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
	Status  string    `json:"status"`
	// RevokedAt and Reason stand with revoked only.
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	Reason     string    `json:"reason,omitempty"`
	ProducedAt time.Time `json:"produced_at"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	// Signer is who signed it: the issuer, or its responder, whose certificate ends then.
	Signer    string    `json:"signer"`
	SignerEnd time.Time `json:"signer_end"`
	Delegated bool      `json:"delegated"`
}

func (a *app) ocspCheck() *cobra.Command {
	var q ocspInquiry
	c := &cobra.Command{
		Use: "check NAME|SERIAL|FILE", Short: "Ask our responder how a certificate stands, over HTTP as a client would",
		Long: "Asks the responder that the certificate names how it stands, verifies the answer as a client would, and shows who signed\n" +
			"it. Exit code 9 means that the certificate is revoked, or not known there.",
		Example:           "  chancery ocsp check nas.lab.example\n  chancery ocsp check nas.pem --issuer issuing.pem --url http://127.0.0.1:8080/ocsp\n  chancery ocsp check 1e77a0c3 --nonce",
		ValidArgsFunction: a.first(completeCertificates, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ocsp check takes one name, serial or file", "chancery ocsp check nas.lab.example")
			}
			q.target = args[0]
			if err := a.canGive(answer{value: stated{}}); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), verifyWait)
			defer cancel()
			chain, err := a.chainOf(ctx, q)
			if err != nil {
				return err
			}
			return a.standingOf(ctx, q, chain[0], chain[1])
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

// standingOf asks, and answers.
func (a *app) standingOf(ctx context.Context, q ocspInquiry, c, issuer *x509.Certificate) error {
	address := q.url
	if address == "" && len(c.OCSPServer) > 0 {
		address = c.OCSPServer[0]
	}
	if address == "" {
		return usage("the certificate names no responder", "chancery ocsp check "+q.target+" --url http://HOST:8080/ocsp")
	}
	serial, err := serialIn(c)
	if err != nil {
		return err
	}
	said, err := askOCSP(ctx, address, issuer, serial, q.nonce)
	if err != nil {
		return ca.Unavailable(ca.E1201, "the responder at "+ca.Show(address)+" gave no answer that a client would take", "chancery doctor").Because(manner(err))
	}
	s := stated{Target: q.target, Serial: serial, Issuer: ca.EncodedName(issuer.RawSubject), Address: address, Status: said.Status.String(), RevokedAt: said.RevokedAt,
		ProducedAt: said.ProducedAt, ThisUpdate: said.ThisUpdate, NextUpdate: said.NextUpdate, Signer: ca.EncodedName(said.Signer.RawSubject), SignerEnd: said.Signer.NotAfter, Delegated: !said.Signer.Equal(issuer)}
	verdict, since := a.mark(fine)+" good", ""
	if said.Status != ca.OCSPGood {
		verdict = a.mark(failed) + " " + s.Status
	}
	if said.Status == ca.OCSPRevoked {
		s.Reason = said.Reason.String()
		since = fmt.Sprintf("since %s, for %s", atTime(s.RevokedAt), s.Reason)
	}
	signer := s.Signer + ", its issuer"
	if s.Delegated {
		signer = s.Signer + ", until " + atTime(s.SignerEnd)
	}
	text := verdict + "\n" + table([][2]string{{"serial", string(serial)}, {"revoked", since}, {"issuer", s.Issuer}, {"asked", address}, {"said", atTime(s.ThisUpdate)}, {"good until", atTime(s.NextUpdate)}, {"signed by", signer}})
	if err := a.give(answer{value: s, text: text, names: []string{s.Status}}); err != nil {
		return err
	}
	if said.Status != ca.OCSPGood {
		return errFaults
	}
	return nil
}
