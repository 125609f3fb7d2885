// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

// maxKeyFile bounds what is read of a key's file: an RSA key of 16384 bits fits.
const maxKeyFile = 32 << 10

func (a *app) issueCommand() *cobra.Command {
	var profile, key, out string
	var days int
	c := &cobra.Command{
		Use: "issue NAME...", Short: "Make a key here and get its certificate",
		Example: "  chancery issue nas.lab.example\n  chancery issue nas.lab.example 10.0.0.7 --key-file nas.key --out nas.pem",
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) == 0 {
				return usage("issue takes the names of the certificate", "chancery issue nas.lab.example")
			}
			base := strings.Replace(names[0], "*", "_", 1)
			if key == "" {
				key = base + ".key"
			}
			if out == "" {
				out = base + ".pem"
			}
			// All that can be known to fail is judged before a key is made.
			for _, refused := range []error{
				someDays(c, days), a.canGive(answer{value: ca.Issued{}}), judged(names), roomFor(key, "--key-file"), roomFor(out, "--out"),
			} {
				if refused != nil {
					return refused
				}
			}
			return a.issue(c.Context(), client.Order{Profile: profile, Days: days}, names, key, out)
		},
	}
	c.Flags().StringVar(&profile, "profile", "server", "profile to issue under")
	c.Flags().IntVar(&days, "days", 0, "lifetime in days (default: the profile's)")
	a.completeFlag(c, "profile", completeProfiles)
	c.Flags().StringVar(&key, "key-file", "", "file of the private key, made if it is not there (default: NAME.key)")
	c.Flags().StringVar(&out, "out", "", "new file for the certificate with its chain (default: NAME.pem)")
	return c
}

// issue makes the key, which never leaves this machine, and asks for its
// certificate. The key's file is written before anything is signed: a certificate
// whose key cannot be written helps nobody. If it stays unknown whether it was
// signed, the key stays too: the same command takes it up again, makes the same
// request of it, and gets the same certificate.
func (a *app) issue(ctx context.Context, o client.Order, names []string, keyPath, outPath string) error {
	if _, err := os.Lstat(outPath); err == nil {
		return taken(outPath, "--out")
	}
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		key, made, err := keyAt(keyPath)
		if err != nil {
			return err
		}
		if !made {
			fmt.Fprintf(a.err, "note: the key in %s was there, and is used\n", keyPath)
		}
		issued, err := certify(ctx, k, o, key, names)
		var p *ca.Problem
		switch known := errors.As(err, &p) && p.Kind != ca.UnavailableKind; {
		case err != nil && made && known:
			return errors.Join(err, os.Remove(keyPath)) // it has no certificate and never will have
		case err != nil && !known:
			fmt.Fprintf(a.err, "note: the key stays in %s; the same command again takes it up, and nothing is signed twice\n", keyPath)
		}
		if err != nil {
			return err
		}
		return a.issued(issued, keyPath, outPath)
	})
}

// certify has the names certified for the key.
func certify(ctx context.Context, k *client.Client, o client.Order, key crypto.Signer, names []string) (issued ca.Issued, err error) {
	if o.CSR, err = requestFor(key, names); err != nil {
		return issued, err
	}
	o.Key = fmt.Sprintf("issue-%x", sha256.Sum256(fmt.Appendf(nil, "%s %d %x", o.Profile, o.Days, o.CSR)))
	return k.Issue(ctx, o)
}

// issued writes the chain of a certificate that was signed. Whatever fails from
// here on, key and certificate are good.
func (a *app) issued(i ca.Issued, keyPath, outPath string) error {
	if was := i.Certificate.Revoked; was != nil {
		return ca.Refused(ca.E2111, "the certificate that this key and these names led to was revoked", "put "+keyPath+" away, or name another file: --key-file FILE").
			Because(i.Certificate.PublicName() + " was revoked for " + was.Reason.String())
	}
	for _, n := range i.Notices {
		fmt.Fprintf(a.err, "note: %s\n", n)
	}
	err := writeNew(outPath, 0o644, []byte(chainText(i)))
	if there, readErr := os.ReadFile(outPath); errors.Is(err, fs.ErrExist) && readErr == nil && string(there) == chainText(i) { //nolint:gosec // the user's file
		err = nil // the same command at the same moment wrote it
	}
	if err != nil {
		return ca.Invalid(ca.E1102, "the certificate was signed, but "+outPath+" cannot be written",
			a.says("show "+string(i.Certificate.Serial)+" -o pem")+" prints it; the key is in "+keyPath).Because(err.Error())
	}
	return a.give(answer{value: i, names: []string{i.Certificate.PublicName()},
		text: fmt.Sprintf("✓ %s and %s   until %s   serial …%s\n", outPath, keyPath, i.Certificate.NotAfter.Local().Format(time.DateOnly), i.Certificate.Serial.Tail())})
}

// keyAt gives the private key in a file, or makes one and the file, for nobody
// but its owner.
func keyAt(path string) (key crypto.Signer, made bool, err error) {
	if _, err := os.Lstat(path); err == nil {
		key, err := readKey(path)
		return key, false, err
	}
	fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, false, fmt.Errorf("make a key: %w", err)
	}
	body, err := x509.MarshalPKCS8PrivateKey(fresh)
	if err != nil {
		return nil, false, fmt.Errorf("encode the key: %w", err)
	}
	err = writeNew(path, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: body}))
	if errors.Is(err, fs.ErrExist) { // the same command at the same moment made it
		key, err := readKey(path)
		return key, false, err
	}
	if err != nil {
		return nil, false, taken(path, "--key-file").Because(err.Error())
	}
	return fresh, true, nil
}

// readKey reads a private key as keyAt writes it (RFC 5958, not encrypted).
func readKey(path string) (crypto.Signer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, taken(path, "--key-file").Because(err.Error())
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, taken(path, "--key-file").Because(err.Error())
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, otherKey(path, text)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, otherKey(path, text).Because(err.Error())
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, otherKey(path, text)
	}
	return signer, nil
}

// requestFor makes a request with all names as subject alternative names. It is
// the same for the same key and names: without randomness ECDSA is RFC 6979's.
func requestFor(key crypto.Signer, names []string) ([]byte, error) {
	t := x509.CertificateRequest{Subject: pkix.Name{}}
	for _, n := range names {
		switch ip := net.ParseIP(n); {
		case ip != nil:
			t.IPAddresses = append(t.IPAddresses, ip)
		case strings.Contains(n, "@"):
			t.EmailAddresses = append(t.EmailAddresses, n)
		default:
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	csr, err := x509.CreateCertificateRequest(nil, &t, key)
	if err != nil {
		return nil, ca.Invalid(ca.E2203, "these names make no request", "use names such as nas.lab.example").Because(err.Error())
	}
	return csr, nil
}

// writeNew writes a file that must not exist. It appears whole: another command at
// the same moment must not read half a key.
func writeNew(path string, mode os.FileMode, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // its content has another name by then, or is not wanted
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	err = os.Link(f.Name(), path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// A disk without hard links, such as a stick: there the name is taken first.
	g, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = g.Write(content)
	return errors.Join(err, g.Sync(), g.Close())
}

func taken(path, flag string) *ca.Problem {
	return ca.Invalid(ca.E1102, path+" cannot be written, or is there already", "name another file: "+flag+" FILE")
}
