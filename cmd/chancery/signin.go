// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/policy"
)

// A signInChange is what policy sign-in was asked.
type signInChange struct {
	file, account string
	byKey, remove bool
	consent
}

func (a *app) policySignIn() *cobra.Command {
	var q signInChange
	c := &cobra.Command{
		Use: "sign-in CERT", Short: "Let a client certificate act for an account, or no longer",
		Long: "Puts a policy in force in which whoever proves the key of the certificate on the port for client certificates has the\n" +
			"roles of an operating-system account of the service's machine. It is known by its issuer's key and serial number, or\n" +
			"with --by-key by its own key, so that it may be renewed with that; nothing that is written in it counts. Every other\n" +
			"certificate of ours renews itself there and does nothing else.",
		Example: "  chancery policy sign-in hana.pem --account hana\n  chancery policy sign-in hana.pem --remove",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || (q.account == "") != q.remove {
				return usage("policy sign-in takes a certificate, and --account or --remove", "chancery policy sign-in hana.pem --account hana")
			}
			q.file = args[0]
			return a.ceremonialAs(c.Context(), answer{value: policy.SignIn{}}, func(ctx context.Context, t *ceremony) error { return t.signIn(ctx, q) })
		},
	}
	f := c.Flags()
	f.StringVar(&q.account, "account", "", "name or number of the account, which the policy gives roles")
	f.BoolVar(&q.byKey, "by-key", false, "know the certificate by its key, so that one renewed with it signs in too")
	f.BoolVar(&q.remove, "remove", false, "take the sign-in away")
	planFlags(c, &q.dry, &q.yes)
	return c
}

// signIn has the bundle in force replaced by one with the change.
func (c *ceremony) signIn(ctx context.Context, q signInChange) error {
	certificate, err := clientCertificate(q.file)
	if err != nil {
		return err
	}
	b, err := c.bundle(ctx)
	if err != nil {
		return err
	}
	one, err := c.signInOf(certificate, q.byKey)
	if err != nil {
		return err
	}
	var before []policy.SignIn
	b.SignIns = slices.DeleteFunc(b.SignIns, func(s policy.SignIn) bool {
		is := s.Key == sha256.Sum256(certificate.RawSubjectPublicKeyInfo) || s.Issuer == one.Issuer && s.Serial == one.Serial
		if is {
			before = append(before, s)
		}
		return is
	})
	text, plan := "the certificate signs nobody in", ""
	for _, s := range before {
		plan += fmt.Sprintf("  - sign-in by %s   account %d, as %s\n", signsInBy(s), s.UID, rolesText(b.Accounts[s.UID]))
	}
	switch {
	case q.remove && len(before) == 0:
		return ca.NotFound(ca.E2101, "this certificate signs nobody in", "chancery policy show --json")
	case !q.remove:
		if one.UID, err = numberOf(q.account); err != nil {
			return err
		}
		if len(b.Accounts[one.UID]) == 0 {
			return ca.Refused(ca.E1305, "the policy gives the account "+q.account+" no role", "name an account of chancery policy show")
		}
		b.SignIns = append(b.SignIns, one)
		text = fmt.Sprintf("the certificate acts for account %d, as %s", one.UID, rolesText(b.Accounts[one.UID]))
		plan += fmt.Sprintf("  + sign-in by %s   account %d, as %s\n", signsInBy(one), one.UID, rolesText(b.Accounts[one.UID]))
	}
	fmt.Fprint(c.err, fitted(plan, columnsOf(c.err)))
	return c.putInForce(ctx, b, q.consent, answer{value: one, text: text, names: []string{strconv.Itoa(one.UID)}})
}

// signsInBy says by what somebody signs in.
func signsInBy(s policy.SignIn) string {
	if s.Key.IsZero() {
		return "certificate …" + s.Serial.Tail()
	}
	return "key " + s.Key.String()[:8] + "…"
}

// signInOf names a certificate of ours, by the authority whose key signed it.
func (c *ceremony) signInOf(shown *x509.Certificate, byKey bool) (policy.SignIn, error) {
	for _, a := range c.all {
		issuer, err := x509.ParseCertificate(a.Certificate)
		if err != nil || issuer.CheckSignature(shown.SignatureAlgorithm, shown.RawTBSCertificate, shown.Signature) != nil {
			continue
		}
		if !slices.Contains(shown.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
			return policy.SignIn{}, ca.Refused(ca.E2108, "this certificate is not for clients", "ask for one under a profile that is: chancery issue --profile client")
		}
		if byKey {
			return policy.SignIn{Key: sha256.Sum256(shown.RawSubjectPublicKeyInfo)}, nil
		}
		serial, err := ca.SerialFromBytes(shown.SerialNumber.Bytes())
		return policy.SignIn{Issuer: a.Key, Serial: serial}, err
	}
	return policy.SignIn{}, ca.NotFound(ca.E2101, "none of the authorities here signed this certificate", "chancery list")
}

// clientCertificate reads the first certificate of a file.
func clientCertificate(path string) (*x509.Certificate, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ca.Invalid(ca.E1102, "the certificate cannot be read", "name its file").Because(err.Error())
	}
	defer f.Close()
	document, err := io.ReadAll(io.LimitReader(f, 1<<20)) // far above a chain
	if err != nil {
		return nil, ca.Invalid(ca.E1102, "the certificate cannot be read", "name its file").Because(err.Error())
	}
	block, _ := pem.Decode(document)
	if block == nil {
		return nil, ca.Invalid(ca.E1102, path+" holds no certificate in PEM", "name the file of a client certificate")
	}
	x, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, ca.Invalid(ca.E1102, path+" holds no certificate", "name the file of a client certificate").Because(err.Error())
	}
	return x, nil
}

// numberOf is the number of an account, which may be given as one.
func numberOf(account string) (int, error) {
	if uid, err := strconv.Atoi(account); err == nil && uid >= 0 {
		return uid, nil
	}
	id, err := actorOf(account)
	if err != nil {
		return 0, err
	}
	uid, err := strconv.Atoi(strings.TrimPrefix(id, "uid:"))
	if err != nil || uid < 0 {
		return 0, usage(ca.Show(account)+" is no account", "name one by number, such as uid:1001")
	}
	return uid, nil
}
