// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"chancery/ca"
	"chancery/client"
	"chancery/format"
	"chancery/verify"
)

// contents takes a file of any form apart; passwordFile is asked where one is needed.
func (a *app) contents(ctx context.Context, path, passwordFile string) (format.Contents, error) {
	data, err := a.wholeFile(path)
	if err != nil {
		return format.Contents{}, err
	}
	return a.contentsOf(ctx, data, passwordFile)
}

func (a *app) contentsOf(ctx context.Context, data []byte, passwordFile string) (format.Contents, error) {
	return format.Read(data, func() ([]byte, error) {
		text, err := a.secret(ctx, byPasswordFile, passwordFile, false)
		return []byte(text), err
	})
}

// wholeFile reads a file, or standard input for -, of at most format.MaxFile octets.
func (a *app) wholeFile(path string) ([]byte, error) {
	in := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, unreadable(path, err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, format.MaxFile+1)) // Read refuses what is longer
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}

// certificateOf reads the certificates in question, and the key that lies with them.
func (a *app) certificateOf(ctx context.Context, q *verify.Question, i inquiry) error {
	data, err := a.wholeFile(i.target)
	if err != nil {
		return err
	}
	found, err := a.contentsOf(ctx, data, i.password)
	if err != nil {
		return err
	}
	if len(found.Certificates) == 0 {
		return usage(i.target+" holds no certificate", "chancery show "+i.target)
	}
	ders := format.DERs(found.Certificates)
	// Only in PEM the order means something: the other forms are sets.
	if !bytes.Contains(data, []byte("CERTIFICATE-----")) {
		if chain, err := format.Chain(ders); err == nil {
			ders = chain
		}
	}
	if q.Sent, err = parsed(ders); err != nil {
		return err
	}
	if len(found.Keys) > 0 {
		q.Key, err = publicPart(found.Keys[0].DER)
	}
	return err
}

func parsed(ders [][]byte) (all []*x509.Certificate, err error) {
	for _, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, ca.Invalid(ca.E2501, "a certificate cannot be read", "have it issued again").Because(err.Error())
		}
		all = append(all, c)
	}
	return all, nil
}

// keyOf reads the key of --key, if there is one; else the one that came with the
// certificates counts.
func (a *app) keyOf(ctx context.Context, with crypto.PublicKey, i inquiry) (crypto.PublicKey, error) {
	if i.key == "" {
		return with, nil
	}
	found, err := a.contents(ctx, i.key, i.password)
	if err != nil {
		return nil, err
	}
	if len(found.Keys) == 0 {
		return nil, usage(i.key+" holds no private key", "name the file with the key: --key FILE")
	}
	return publicPart(found.Keys[0].DER)
}

func publicPart(pkcs8 []byte) (crypto.PublicKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	signer, is := key.(crypto.Signer)
	if !is {
		return nil, ca.Invalid(ca.E2501, "the key cannot sign, and so belongs to no certificate", "name another file: --key FILE")
	}
	return signer.Public(), nil
}

// rootsOfFile takes the roots of --ca, and what else is there as authorities below.
func (a *app) rootsOfFile(ctx context.Context, q *verify.Question, i inquiry) error {
	found, err := a.contents(ctx, i.roots, i.password)
	if err != nil {
		return err
	}
	all, err := parsed(format.DERs(found.Certificates))
	if err != nil {
		return err
	}
	for _, c := range all {
		if selfIssued(c) {
			q.Roots = append(q.Roots, c)
		} else {
			q.Known = append(q.Known, c)
		}
	}
	if len(q.Roots) == 0 {
		return usage(i.roots+" holds no root certificate", "name a file with one: --ca FILE")
	}
	return nil
}

// rootFiles are where the roots of a computer lie: Debian, Fedora, Alpine, SUSE.
// crypto/x509 knows them as well, and does not tell what is in them.
func rootFiles() []string {
	return []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"}
}

func (a *app) systemRoots() ([]*x509.Certificate, error) {
	files := rootFiles()
	if named := a.env("SSL_CERT_FILE"); named != "" {
		files = []string{named}
	}
	for _, path := range files {
		data, err := a.wholeFile(path)
		if errors.Is(err, fs.ErrNotExist) || err != nil && len(files) > 1 {
			continue
		}
		if err != nil {
			return nil, err
		}
		found, err := format.Read(data, nil)
		if err != nil {
			return nil, err
		}
		var roots []*x509.Certificate
		for _, one := range found.Certificates {
			// Some public roots are beyond what crypto/x509 parses; nobody needs those.
			if c, err := x509.ParseCertificate(one.DER); err == nil {
				roots = append(roots, c)
			}
		}
		return roots, nil
	}
	return nil, ca.NotFound(ca.E1102, "there is no file with the roots of this computer", "install the package ca-certificates, or name a file: --ca FILE")
}

// ownRoots asks the installation for its authorities, and for the lists of those that
// the chain goes through.
func (a *app) ownRoots(ctx context.Context, q *verify.Question) (met []finding, err error) {
	_, away, _ := a.remote() // what is wrong with it, the call says
	if l, err := a.founded(); err != nil && !away {
		var p *ca.Problem
		if errors.As(err, &p) && p.Code == ca.E1001 {
			return nil, ca.NotFound(ca.E1001, "there is no authority in "+l.dir+" whose roots could be trusted", "chancery verify … --ca FILE, or --system, or --dir DIR")
		}
		return nil, err
	}
	err = a.authorities(ctx, func(ctx context.Context, k *client.Client, all []ca.Authority) error {
		of := map[string]ca.Authority{} // by its key
		trusted := ca.BundleOf(all, "").Members
		for _, one := range all {
			// A root from elsewhere is ours only while it stands above something of ours.
			ours := !one.External || slices.ContainsFunc(trusted, func(a ca.Authority) bool { return a.Name == one.Name })
			if err := known(q, one, ours); err != nil {
				return err
			}
			of[string(one.SPKI)] = one
		}
		path := verify.Check(*q).Path
		for _, c := range path[min(1, len(path)):] {
			one, is := of[string(c.RawSubjectPublicKeyInfo)]
			if !is {
				continue
			}
			if one.State == ca.Retired && !one.RevokedByParent() { // the list says that
				met = append(met, retiredOn(one))
			}
			for _, scope := range []ca.ListScope{ca.CompleteList, ca.DeltaList} {
				l, err := ownList(ctx, k, ca.ListName(one.Name, scope))
				if err != nil {
					return err
				}
				if l != nil {
					q.Lists = append(q.Lists, l)
				}
			}
		}
		return nil
	})
	return met, err
}

// retiredOn is the note about a generation on the way that signs nothing new.
func retiredOn(one ca.Authority) finding {
	f := finding{ID: "retired", Level: warned, Message: one.Name + " is retired: what it signed stays good for whoever trusts the root above it", Hint: "chancery ca revoke " + one.Name + " locks it out"}
	if one.Parent == one.Name {
		f.Message, f.Hint = one.Name+" is retired: what it signed stays good for whoever has it in a trust store", "take it out of every trust store: chancery trust remove"
	}
	return f
}

// known adds the certificates of a generation, earlier ones and those by others
// included: a chain may have been handed out when they were the newest.
func known(q *verify.Question, one ca.Authority, ours bool) error {
	own, err := parsed(append([][]byte{one.Certificate}, one.Earlier...))
	if err != nil {
		return fmt.Errorf("read the certificates of %s: %w", one.Name, err)
	}
	if one.Parent == one.Name && ours {
		q.Roots = append(q.Roots, own...)
	} else {
		q.Known = append(q.Known, own...)
	}
	for _, cross := range one.Cross {
		c, err := parsed([][]byte{cross.Certificate})
		if err != nil {
			return fmt.Errorf("read the certificate of %s by %s: %w", one.Name, cross.By, err)
		}
		q.Known = append(q.Known, c...)
	}
	return nil
}

// ownList gives the published list of a name (ca.ListName), or nil.
func ownList(ctx context.Context, k *client.Client, name string) (*x509.RevocationList, error) {
	der, err := k.CRL(ctx, name)
	var p *ca.Problem
	if errors.As(err, &p) && p.Kind == ca.NotFoundKind {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("read the list of %s: %w", name, err)
	}
	return l, nil
}
