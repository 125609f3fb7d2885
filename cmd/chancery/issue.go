// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/encode"
)

// An issuing is what issue was asked.
type issuing struct {
	outputs
	client.Order
	names   []string
	dn      string     // of --subject
	subject ca.Subject // read from it
	again   []ca.Name  // of the certificate that is renewed
	key     string
	encrypt bool
	dry     bool
	// wary says that a key which lies there is taken up only if nobody else can know it.
	wary bool
	// ask has the key certified.
	ask func(context.Context, *client.Client, crypto.Signer) (ca.Issued, error)
}

func (a *app) issueCommand() *cobra.Command {
	var q issuing
	c := &cobra.Command{
		Use: "issue NAME...", Short: "Make a key here and get its certificate",
		Long: "Makes a key here and gets its certificate, with the chain that a server sends: the authorities between it and the root.\n" +
			"--out with a directory, one that is there or a name that ends in a slash, writes key.pem, cert.pem, chain.pem, fullchain.pem\n" +
			"and key-cert.pem into it.",
		Example: "  chancery issue nas.lab.example\n  chancery issue nas.lab.example 10.0.0.7 --key-file nas.key --out nas.pem\n" +
			"  chancery issue nas.lab.example --out nas/\n  chancery issue hana@lab.example --profile email --p12 hana.p12 --password-file secret",
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) == 0 {
				return usage("issue takes the names of the certificate", "chancery issue nas.lab.example")
			}
			q.names = names
			q.placed()
			q.ask = func(ctx context.Context, k *client.Client, key crypto.Signer) (ca.Issued, error) {
				return certify(ctx, k, q, key)
			}
			var err error
			if q.subject, err = named(q.dn, nil); err != nil {
				return err
			}
			// All that can be known to fail is judged before a key is made.
			sample := q.sample()
			if q.dry {
				sample = answer{value: ca.Plan{}}
			}
			for _, refused := range []error{
				someDays(c, q.Days), a.canGive(sample), judged(names), q.roomForKey(), q.judge(q.key), a.keepsKeys(q.outputs, q.key, true),
			} {
				if refused != nil {
					return refused
				}
			}
			err = a.lineMeant(c.Context(), q.Authority, a.issue(c.Context(), q))
			err = subjectMeant(err)
			if c.Flags().Changed("profile") {
				return err
			}
			return a.profileMeant(c.Context(), q, err)
		},
	}
	f := c.Flags()
	f.StringVar(&q.Profile, "profile", "server", "profile to issue under")
	f.StringVar(&q.dn, "subject", "", "fields of the subject beside the common name, such as O=Lab,OU=Printers, where the profile takes them")
	f.StringVar(&q.Authority, "ca", "", "line of authorities that shall sign, or its active generation (default: the profile's)")
	a.completeFlag(c, "ca", completeIssuing)
	f.IntVar(&q.Days, "days", 0, "lifetime in days (default: the profile's)")
	a.completeFlag(c, "profile", completeProfiles)
	f.StringVar(&q.key, "key-file", "", "file of the private key, made if it is not there (default: NAME.key, or key.pem in the directory)")
	f.StringVar(&q.out, "out", "", "new file for the certificate with its chain, a directory/ for each form, or - to print it (default: NAME.pem)")
	f.BoolVar(&q.encrypt, "encrypt-key", false, "encrypt the key's file with the password")
	a.outputFlags(c, &q.outputs)
	dryFlag(c, &q.dry)
	return c
}

// placed finds the places that were not named.
func (q *issuing) placed() {
	base := strings.Replace(q.names[0], "*", "_", 1)
	if q.out == "" {
		q.out = base + ".pem"
	}
	switch {
	case q.key != "":
	case q.directory():
		q.key = filepath.Join(q.out, "key.pem")
	default:
		q.key = base + ".key"
	}
}

// roomForKey refuses a place for the key; a directory of --out is yet to be made.
func (q *issuing) roomForKey() error {
	if q.holds(q.key) {
		return nil
	}
	return roomFor(q.key, "--key-file")
}

// issue makes the key, which never leaves this machine, and asks for its
// certificate. The key's file is written before anything is signed: a certificate
// whose key cannot be written helps nobody. If it stays unknown whether it was
// signed, the key stays too: the same command takes it up again, makes the same
// request of it, and gets the same certificate.
func (a *app) issue(ctx context.Context, q issuing) error {
	_, missing := os.Lstat(q.key)
	if err := q.free(true, missing == nil); err != nil {
		return err
	}
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		if err := a.obey(ctx, k, &q, missing != nil); err != nil {
			return err
		}
		secret, err := a.newSecret(ctx, q.outputs, q.encrypt)
		if err != nil {
			return err
		}
		if q.dry {
			return a.wouldIssue(ctx, k, q, secret, missing != nil)
		}
		fresh, err := q.makeDirectory()
		if err != nil {
			return err
		}
		key, made, err := a.keyAt(ctx, q.key, q.outputs, secret, q.encrypt)
		if err != nil {
			return err
		}
		if !made && q.wary {
			if err := key.ours(); err != nil {
				return err
			}
		}
		if !made {
			a.note("the key in %s was there, and is used", q.key)
			if info, err := os.Stat(q.key); err == nil && info.Mode().Perm()&0o077 != 0 {
				a.note("others than its owner may open it (mode %04o): chmod 600 %s, and mind who had it until now", info.Mode().Perm(), ca.Show(q.key))
			}
		}
		issued, err := q.ask(ctx, k, key.signer)
		var p *ca.Problem
		switch known := errors.As(err, &p) && p.Kind != ca.UnavailableKind; {
		case err != nil && made && known:
			err = errors.Join(err, os.Remove(q.key)) // it has no certificate and never will have
			if fresh {
				err = errors.Join(err, os.Remove(q.out))
			}
			return err
		case err != nil && !known:
			a.note("the key stays in %s; the same command again takes it up, and nothing is signed twice", q.key)
		}
		if err != nil {
			return err
		}
		if made {
			a.madeHere()
		}
		if made && q.prints() {
			a.note("the key is in %s", q.key)
		}
		return a.issued(q, material{issued, q.names[0], key, secret})
	})
}

// wouldIssue asks the policy about the request that issue would make. A key that is
// yet to be made is made for this alone, and thrown away.
func (a *app) wouldIssue(ctx context.Context, k *client.Client, q issuing, secret []byte, fresh bool) error {
	var key crypto.Signer
	files := q.paths(true)
	if fresh {
		thrown, err := thrownAway()
		if err != nil {
			return err
		}
		key, files = thrown, append(files, q.key)
	} else {
		there, _, err := a.keyAt(ctx, q.key, q.outputs, secret, q.encrypt)
		if err != nil {
			return err
		}
		key = there.signer
	}
	common, err := commonFor(ctx, k, q.Profile, q.names)
	if err != nil {
		return err
	}
	if q.CSR, err = requestFor(key, common, q.names, q.subject...); err != nil {
		return err
	}
	p, err := k.Plan(ctx, q.Order)
	if err != nil {
		return err
	}
	text := planText(p)
	for _, path := range files {
		text += "  + file " + path + "\n"
	}
	return a.print(p, text)
}

// makeDirectory makes that of --out, if it is one and not there.
func (o outputs) makeDirectory() (fresh bool, err error) {
	if !o.directory() {
		return false, nil
	}
	err = os.Mkdir(o.out, 0o755) //nolint:gosec // certificates are for everybody, and the key has a mode of its own
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, taken(o.out, "--out", err)
	}
	return true, nil
}

// certify has the names certified for the key.
func certify(ctx context.Context, k *client.Client, q issuing, key crypto.Signer) (issued ca.Issued, err error) {
	o := q.Order
	common, err := commonFor(ctx, k, o.Profile, q.names)
	if err != nil {
		return issued, err
	}
	if o.CSR, err = requestFor(key, common, q.names, q.subject...); err != nil {
		return issued, err
	}
	o.Key = fmt.Sprintf("issue-%x", sha256.Sum256(fmt.Appendf(nil, "%s %s %d %x", o.Profile, o.Authority, o.Days, o.CSR)))
	return k.Issue(ctx, o)
}

// maxCommon is the longest common name (RFC 5280 appendix A.1).
const maxCommon = 64

// commonFor is the common name to ask for: the first name, where the profile takes
// one, since programs show it, and servers know their clients by it. An address is
// none, nor is a name too long.
func commonFor(ctx context.Context, k *client.Client, profile string, names []string) (string, error) {
	all, err := k.Profiles(ctx)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(all, func(p ca.Profile) bool {
		return p.Name == profile && (p.Subject.CommonName == "optional" || p.Subject.CommonName == "supplied")
	})
	if at < 0 || net.ParseIP(names[0]) != nil {
		return "", nil
	}
	common := all[at].Subject.CommonNamePrefix + names[0]
	if len(common) > maxCommon {
		return "", nil
	}
	return common, nil
}

// issued writes the files of a certificate that was signed. Whatever fails from here
// on, key and certificate are good.
func (a *app) issued(q issuing, m material) error {
	for _, n := range m.Notices {
		a.note("%s", n)
	}
	paths, err := a.writeOutputs(q.outputs, m)
	if err != nil {
		return err
	}
	asked := q.again
	if asked == nil {
		asked, err = askedFor(q.names)
	}
	if err == nil {
		err = a.compared(asked, m.Issued)
	}
	if err != nil {
		return err
	}
	return a.answered(q.outputs, m.Issued, append(paths, q.key))
}

// handedOut tells which files hold a certificate.
func (a *app) handedOut(i ca.Issued, paths []string) answer {
	text := fmt.Sprintf("✓ %s   until %s   serial …%s\n", made(paths), onDay(i.Certificate.NotAfter), i.Certificate.Serial.Tail())
	return answer{value: i, names: []string{i.Certificate.PublicName()}, text: fitted(text, columnsOf(a.out))}
}

// requestFor makes a request with all names as subject alternative names, and a subject of the
// fields and the common name, unless that is among them. It is the same for the same key, subject
// and names: without randomness ECDSA is RFC 6979's.
func requestFor(key crypto.Signer, common string, names []string, fields ...ca.Attribute) ([]byte, error) {
	t := x509.CertificateRequest{Subject: pkix.Name{CommonName: common}}
	if len(fields) > 0 {
		if common != "" && !slices.ContainsFunc(fields, func(f ca.Attribute) bool { return f.OID == ca.OIDCommonName }) {
			fields = append(slices.Clip(fields), ca.Attribute{OID: ca.OIDCommonName, Value: common})
		}
		var err error
		if t.RawSubject, err = encode.SubjectDER(fields); err != nil {
			return nil, err
		}
	}
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

// taken is about a new file that is there already, or that cannot be made because of err.
func taken(path, flag string, err error) *ca.Problem {
	if errors.Is(err, fs.ErrExist) {
		return ca.Invalid(ca.E1102, path+" is there already, and nothing is overwritten", "name another file: "+flag+" FILE")
	}
	if p, full := noRoom(err); full {
		return p
	}
	return ca.Invalid(ca.E1102, path+" cannot be written", "name another file: "+flag+" FILE").Because(reason(err).Error())
}
