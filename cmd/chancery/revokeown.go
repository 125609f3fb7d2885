// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"chancery/ca"
	"chancery/client"
)

// statementLife is how long a statement that is sent at once may be used: clocks differ.
const statementLife = time.Hour

// byKey revokes the certificate in a file with its own private key, which stays here.
func (a *app) byKey(ctx context.Context, file string, q withdrawing) error {
	der := certificateIn(file)
	if der == nil {
		return usage("--key wants the file of the certificate, and "+ca.Show(file)+" holds none", "chancery revoke --key nas.key nas.pem")
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		return ca.Invalid(ca.E2501, "the certificate in "+file+" cannot be read", "use a copy that is whole").Because(err.Error())
	}
	c, err := ownOf(x)
	if err != nil {
		return err
	}
	key, err := a.readKey(ctx, q.key, q.password, nil)
	if err != nil {
		return err
	}
	if k, ok := x.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(key.signer.Public()) {
		return ca.Forbidden(ca.E1309, "the key in "+q.key+" is not that of the certificate in "+file, "name the key file that belongs to it")
	}
	s := ca.Statement{Certificate: c.PublicName(), Reason: q.Reason, InvalidSince: q.InvalidSince, Until: time.Now().Add(statementLife).Truncate(time.Second)}
	p, err := signedStatement(s, key.signer)
	if err != nil {
		return err
	}
	return a.revokeOwn(ctx, c, q, ownWay{
		plan: func(k *client.Client) (ca.Withdrawn, error) { return k.PlanRevokeByKey(ctx, p) },
		do:   func(k *client.Client) (ca.Withdrawn, error) { return k.RevokeByKey(ctx, p) },
	})
}

// byChallenge revokes a certificate by the challenge password of its request.
func (a *app) byChallenge(ctx context.Context, ref string, q withdrawing) error {
	var c ca.Certificate
	if der := certificateIn(ref); der != nil {
		x, err := x509.ParseCertificate(der)
		if err != nil {
			return ca.Invalid(ca.E2501, "the certificate in "+ref+" cannot be read", "use a copy that is whole").Because(err.Error())
		}
		if c, err = ownOf(x); err != nil {
			return err
		}
	} else {
		authority, serial, err := ca.ParsePublicName(ref)
		if err != nil {
			return usage("without an account nobody looks names up", "name the certificate's file, or authority and serial number: issuing-g1-41…")
		}
		c = ca.Certificate{Authority: authority, Serial: serial, Common: ref}
	}
	password, err := readSecret(q.challenge, "challenge-file")
	if err != nil {
		return err
	}
	g := ca.Guess{Certificate: c.PublicName(), Withdrawal: q.Withdrawal, Password: ca.Private(password)}
	return a.revokeOwn(ctx, c, q, ownWay{
		plan: func(k *client.Client) (ca.Withdrawn, error) { return k.PlanRevokeByChallenge(ctx, g) },
		do:   func(k *client.Client) (ca.Withdrawn, error) { return k.RevokeByChallenge(ctx, g) },
	})
}

// An ownWay is a way to revoke without an account.
type ownWay struct {
	plan, do func(*client.Client) (ca.Withdrawn, error)
}

// revokeOwn says what will happen, has it confirmed, and revokes. It is judged first: an effect
// that is announced is one that will be.
func (a *app) revokeOwn(ctx context.Context, c ca.Certificate, q withdrawing, way ownWay) error {
	return a.asOwner(ctx, func(ctx context.Context, k *client.Client) error {
		planned, err := way.plan(k)
		if err != nil {
			return err
		}
		also := fall{unnamed: planned.AlsoUnnamed}
		fmt.Fprint(a.err, fitted(fmt.Sprintf("  %s   serial …%s\n%s", c.Title(), c.Serial.Tail(), consequence([]ca.Certificate{c}, q, also)), columnsOf(a.err)))
		if q.dry {
			return a.give(answer{value: planned, text: "nothing was revoked\n", names: []string{planned.Certificate}})
		}
		if err := a.confirmed(ctx, c, q); err != nil {
			return err
		}
		w, err := way.do(k)
		if err != nil {
			return err
		}
		list, err := a.published(ctx, k, c.Authority)
		if err != nil {
			return err
		}
		return a.give(answer{value: w, text: fmt.Sprintf("%s revoked since %s, for %s%s\n%s", a.mark(fine), atTime(w.Revoked.At), w.Revoked.Reason, list, also), names: []string{w.Certificate}})
	})
}

// asOwner is with for who has a certificate, and mostly no authority: where there is none he
// is told how to reach the one that he means.
func (a *app) asOwner(ctx context.Context, do func(context.Context, *client.Client) error) error {
	err := a.with(ctx, do)
	if p, is := errors.AsType[*ca.Problem](err); is && p.Code == ca.E1001 && a.context == "" {
		other := *p
		other.Fix = "chancery login https://HOST:8443 --ca root.pem says where the service is (no account is needed), then the same again; or name the installation here: --dir DIR"
		return &other
	}
	return err
}

// ownOf is what a certificate says of itself. Which authority's it is its own address for
// the authority's certificate says (RFC 5280 §4.2.2.1), whose last part is the name. The file may
// be anybody's: what it says goes to a terminal, and into what the key signs.
func ownOf(x *x509.Certificate) (ca.Certificate, error) {
	serial, err := ca.SerialFromBytes(x.SerialNumber.Bytes())
	c := ca.Certificate{Serial: serial, Common: x.Subject.CommonName, NotAfter: x.NotAfter}
	for _, address := range x.IssuingCertificateURL {
		u, bad := url.Parse(address)
		if bad != nil {
			continue
		}
		if name, ok := strings.CutSuffix(path.Base(u.Path), ".crt"); ok {
			c.Authority = name
		}
	}
	if err == nil {
		_, _, err = ca.ParsePublicName(c.PublicName())
	}
	if err != nil {
		return c, ca.NotFound(ca.E2101, "the certificate does not say which authority's it is", "chancery show FILE says who signed it")
	}
	switch {
	case c.Common != "":
	case len(x.DNSNames) > 0:
		c.Common = x.DNSNames[0]
	case len(x.IPAddresses) > 0:
		c.Common = x.IPAddresses[0].String()
	case len(x.EmailAddresses) > 0:
		c.Common = x.EmailAddresses[0]
	}
	if !ca.PlainText(c.Common) {
		c.Common = "" // it goes by its number
	}
	return c, nil
}

// signedStatement signs a statement as docs/revocation.md has openssl do it.
func signedStatement(s ca.Statement, key crypto.Signer) (ca.KeyProof, error) {
	p := ca.KeyProof{Statement: s.String()}
	hash := crypto.SHA256
	switch k := key.Public().(type) {
	case ed25519.PublicKey:
		p.Algorithm, hash = "ed25519", 0
	case *rsa.PublicKey:
		p.Algorithm = "rsa-sha256"
	case *ecdsa.PublicKey:
		p.Algorithm = "ecdsa-sha256"
		switch k.Curve.Params().BitSize {
		case 384:
			p.Algorithm, hash = "ecdsa-sha384", crypto.SHA384
		case 521:
			p.Algorithm, hash = "ecdsa-sha512", crypto.SHA512
		}
	default:
		return p, errors.New("a key of this type signs no statement")
	}
	message := []byte(p.Statement)
	if hash != 0 {
		h := hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	var err error
	if p.Signature, err = key.Sign(rand.Reader, message, hash); err != nil {
		return p, fmt.Errorf("sign the statement: %w", err)
	}
	return p, nil
}
