// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

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
			return a.issue(c.Context(), client.Order{Profile: profile, Days: days, Key: idempotency()}, names, key, out)
		},
	}
	c.Flags().StringVar(&profile, "profile", "server", "profile to issue under")
	c.Flags().IntVar(&days, "days", 0, "lifetime in days (default: the profile's)")
	c.Flags().StringVar(&key, "key-file", "", "new file for the private key (default: NAME.key)")
	c.Flags().StringVar(&out, "out", "", "new file for the certificate with its chain (default: NAME.pem)")
	return c
}

// issue makes the key, which never leaves this machine, and asks for its
// certificate. Both files are taken before anything is signed: a certificate
// whose key cannot be written helps nobody.
func (a *app) issue(ctx context.Context, o client.Order, names []string, keyPath, outPath string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	sealed, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the key: %w", err)
	}
	if o.CSR, err = requestFor(key, names); err != nil {
		return err
	}
	if _, err := os.Lstat(outPath); err == nil {
		return taken(outPath, "--out")
	}
	if err := writeNew(keyPath, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: sealed})); err != nil {
		return taken(keyPath, "--key-file").Because(err.Error())
	}
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		issued, err := k.Issue(ctx, o)
		var refused *ca.Problem
		if errors.As(err, &refused) && refused.Kind == ca.RefusedKind {
			// The key has no certificate and never will have.
			return errors.Join(err, os.Remove(keyPath))
		}
		if err != nil {
			return err
		}
		for _, n := range issued.Notices {
			fmt.Fprintf(a.err, "note: %s\n", n)
		}
		if err := writeNew(outPath, 0o644, []byte(chainText(issued))); err != nil {
			return taken(outPath, "--out").Because(err.Error())
		}
		return a.print(issued, fmt.Sprintf("✓ %s and %s   until %s   serial …%s\n", outPath, keyPath,
			issued.Certificate.NotAfter.Local().Format("2006-01-02"), issued.Certificate.Serial.Tail()))
	})
}

// requestFor makes a request with all names as subject alternative names.
func requestFor(key *ecdsa.PrivateKey, names []string) ([]byte, error) {
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
	csr, err := x509.CreateCertificateRequest(rand.Reader, &t, key)
	if err != nil {
		return nil, ca.Invalid(ca.E2203, "these names make no request", "use names such as nas.lab.example").Because(err.Error())
	}
	return csr, nil
}

// writeNew writes a file that must not exist.
func writeNew(path string, mode os.FileMode, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

func taken(path, flag string) *ca.Problem {
	return ca.Invalid(ca.E1102, path+" cannot be written, or is there already", "name another file: "+flag+" FILE")
}
