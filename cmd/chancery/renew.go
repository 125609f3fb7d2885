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
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

// errNotDue ends renew --detailed-exitcode, which has said so, with code 11.
var errNotDue = errors.New("nothing was due")

// displaceEvery is how often the service looks whether a certificate that was renewed is to
// be revoked; its time is given in days.
const displaceEvery = time.Minute

// A reissuing is what renew was asked.
type reissuing struct {
	issuing
	reuse, resign, due, detailed bool
	all                          bool // --due: whatever is due in some places
	revokeOld                    when
	overlap                      *int
	old                          ca.Issued
}

func (a *app) renewCommand() *cobra.Command {
	var q reissuing
	c := &cobra.Command{
		Use: "renew NAME|SERIAL|FILE, or renew --due FILE|DIRECTORY...", Short: "Get a certificate once more, with a new key",
		Long: "Gets a certificate once more: the same names, subject, profile and owner. A new key is made here; --reuse-key keeps the key of --key-file,\n" +
			"and --resign has the stored request signed again, for the same key. What is revoked, held or ended is not renewed.\n" +
			"The old certificate stays good until its end. With --revoke-old now it is revoked in one act with the new one, with --revoke-old 7d after seven days.\n" +
			"With --due it renews what is due of the certificates in files and directories: two thirds of the life are over, the end is within 30 days, and\n" +
			"its owner has no newer one of that name and profile, as list --status expiring has it. A directory is looked through with those in it. New files lie\n" +
			"beside the old ones, with the day in their names, and a number where two have one title; each certificate has a line in the answer, and some that failed give exit code 9.\n" +
			"There --revoke-old revokes what has its own key beside it, in a file of this account alone, and says of each other one that it stays: NAME.key, or\n" +
			"key.pem in the directory; one that is encrypted is opened with --password-file.",
		Example: "  chancery renew nas.lab.example\n  chancery renew nas.pem --key-file nas.key --reuse-key --out nas-2027.pem\n" +
			"  chancery renew nas.pem --if-due --detailed-exitcode\n  chancery renew nas.lab.example --resign --revoke-old now --out nas-2027.pem\n" +
			"  chancery renew --due /etc/ssl/lab --dry-run\n  chancery renew --due /etc/ssl/lab --detailed-exitcode",
		ValidArgsFunction: a.first(completeCertificates, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			if q.all {
				return a.renewDue(c, args, q)
			}
			if len(args) > 1 {
				return usage("renew takes one certificate", "what is due of several files and directories: chancery renew --due FILE DIRECTORY")
			}
			if len(args) == 0 {
				return usage("renew takes a certificate", "chancery list --status expiring")
			}
			if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
				return usage(ca.Show(args[0])+" is a directory, and renew takes one certificate", "name the file in it, or have it looked through: chancery renew --due "+ca.Show(args[0]))
			}
			if err := q.judged(); err != nil {
				return err
			}
			sample := q.sample()
			if q.dry {
				sample = answer{value: ca.Certificate{}}
			}
			for _, refused := range []error{someDays(c, q.Days), a.canGive(sample)} {
				if refused != nil {
					return refused
				}
			}
			return a.renew(c.Context(), args[0], q)
		},
	}
	f := c.Flags()
	f.IntVar(&q.Days, "days", 0, "lifetime in days (default: the profile's)")
	f.StringVar(&q.key, "key-file", "", "file of the private key, made if it is not there (default: NAME-DAY.key, or key.pem in the directory)")
	f.StringVar(&q.out, "out", "", "new file for the certificate with its chain, a directory/ for each form, or - to print it (default: NAME-DAY.pem)")
	f.BoolVar(&q.encrypt, "encrypt-key", false, "encrypt the key's file with the password")
	f.BoolVar(&q.reuse, "reuse-key", false, "keep the key, which --key-file holds")
	f.BoolVar(&q.resign, "resign", false, "have the stored request signed again, for the same key")
	f.Var(&q.revokeOld, "revoke-old", "revoke the old certificate as superseded: now, or in whole days, such as 7d or 2027-06-30")
	f.BoolVar(&q.due, "if-due", false, "only when two thirds of its life are over")
	f.BoolVar(&q.all, "due", false, "renew what is due in these files and directories")
	f.BoolVar(&q.detailed, "detailed-exitcode", false, "exit with 11 if nothing was due")
	f.BoolVar(&q.dry, "dry-run", false, "say what would be renewed, and do nothing")
	a.outputFlags(c, &q.outputs)
	c.MarkFlagsMutuallyExclusive("reuse-key", "resign")
	return c
}

// judged refuses flags that do not go together, and reads --revoke-old.
func (q *reissuing) judged() error {
	switch {
	case q.reuse && q.key == "":
		return usage("--reuse-key keeps the key of a file", "name it: --key-file FILE")
	case q.detailed && !q.due && !q.all:
		return usage("--detailed-exitcode says whether it was due", "chancery renew NAME --if-due --detailed-exitcode")
	case !q.revokeOld.given:
		return nil
	}
	const whole = 24 * time.Hour
	if q.revokeOld.at.IsZero() && q.revokeOld.span%whole != 0 {
		return usage("--revoke-old "+q.revokeOld.text+" are no whole days", "--revoke-old now, or --revoke-old 7d")
	}
	now := time.Now()
	left := q.revokeOld.ahead(now).Sub(now.Truncate(time.Second))
	days := int((left + whole - 1) / whole) // no sooner than was said
	if left < 0 || days > int(ca.MaxOverlap/whole) {
		return usage("--revoke-old "+q.revokeOld.text+" is not within "+fmt.Sprint(int(ca.MaxOverlap/whole))+" days from now", "--revoke-old now, or --revoke-old 7d")
	}
	q.overlap = &days
	return nil
}

// renew finds the certificate, and has it issued once more.
func (a *app) renew(ctx context.Context, ref string, q reissuing) error {
	waits := false
	err := a.with(ctx, func(ctx context.Context, k *client.Client) error {
		c, err := referred(ctx, k, ref, "chancery ca renew")
		if err != nil {
			return err
		}
		if q.old, err = k.Certificate(ctx, c.PublicName()); err != nil {
			return err
		}
		if s := q.old.Certificate.Standing(a.now()); q.due && s != "valid" {
			return ca.Refused(ca.E2127, "this certificate is "+s+", and renews nothing", "ask for a new one: chancery issue "+typeable(c.Title()))
		}
		from := q.old.Certificate.RenewFrom()
		if waits = q.due && a.now().Before(from); waits {
			return a.give(answer{value: q.old.Certificate, names: []string{c.PublicName()}, text: fmt.Sprintf("%s is due on %s\n", c.Title(), onDay(from))})
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case waits && q.detailed:
		return errNotDue
	case waits:
		return nil
	}
	q.named()
	for _, refused := range []error{q.roomForRenewed(), q.judge(q.key), a.keepsKeys(q.outputs, q.key, !q.reuse && !q.resign)} {
		if refused != nil {
			return refused
		}
	}
	if q.dry {
		return a.wouldRenew(ctx, q)
	}
	if q.resign {
		return a.displaced(q, a.resigned(ctx, q))
	}
	q.ask = func(ctx context.Context, k *client.Client, key crypto.Signer) (ca.Issued, error) {
		request, err := likeBefore(key, q.old, q.reuse)
		if err != nil {
			return ca.Issued{}, err
		}
		return k.Renew(ctx, client.Renewal{Certificate: q.old.Certificate.PublicName(), CSR: request, Days: q.Days, Overlap: q.overlap})
	}
	return a.displaced(q, a.issue(ctx, q.issuing))
}

// displaced says, when the new certificate is there, what becomes of the old one.
func (a *app) displaced(q reissuing, err error) error {
	if err != nil || q.overlap == nil || a.quiet {
		return err
	}
	when := "is revoked"
	if *q.overlap > 0 {
		when = "will be revoked on " + onDay(time.Now().AddDate(0, 0, *q.overlap))
	}
	a.note("the old certificate, serial …%s, %s as superseded", q.old.Certificate.Serial.Tail(), when)
	return nil
}

// wouldRenew asks the service what it would make of the renewal: with a key that is thrown
// away, or with the one that is there. What the renewal refuses itself it refuses, too.
func (a *app) wouldRenew(ctx context.Context, q reissuing) error {
	w := client.Renewal{Certificate: q.old.Certificate.PublicName(), Days: q.Days, Overlap: q.overlap}
	_, missing := os.Lstat(q.key)
	if err := q.free(q.key != "", !q.resign && missing == nil); err != nil {
		return err
	}
	if !q.resign {
		key, err := a.wouldUse(ctx, q, missing != nil)
		if err != nil {
			return err
		}
		if w.CSR, err = likeBefore(key, q.old, q.reuse); err != nil {
			return err
		}
	}
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		if _, err := k.PlanRenew(ctx, w); err != nil {
			return err
		}
		return a.give(answer{value: q.old.Certificate, text: q.plan()})
	})
}

// wouldUse is the key of a renewal: the one that is there, or one that is thrown away.
func (a *app) wouldUse(ctx context.Context, q reissuing, fresh bool) (crypto.Signer, error) {
	if fresh && !q.reuse {
		return thrownAway()
	}
	secret, err := a.newSecret(ctx, q.outputs, q.encrypt)
	if err != nil {
		return nil, err
	}
	key, err := a.readKey(ctx, q.key, q.password, secret)
	if err != nil {
		return nil, err
	}
	return key.signer, nil
}

// referred is the certificate that a reference means: a name means the newest that is good.
// aside is the command that is for authorities.
func referred(ctx context.Context, k *client.Client, ref, aside string) (ca.Certificate, error) {
	if certificateIn(ref) != nil {
		return theOne(ctx, k, ref, aside)
	}
	found, err := k.Certificate(ctx, ref)
	return found.Certificate, meant(ctx, k, ref, aside, err)
}

// named finds the places that were not named: nothing is overwritten, so they have the day.
func (q *reissuing) named() {
	c := q.old.Certificate
	base := filepath.Base(strings.Replace(c.Title(), "*", "_", 1)) + "-" + onDay(time.Now())
	q.names, q.again, q.Profile = []string{c.Title()}, c.Names, c.Profile
	if q.out == "" {
		q.out = base + ".pem"
	}
	switch {
	case q.key != "" || q.resign:
	case q.directory():
		q.key = filepath.Join(q.out, "key.pem")
	default:
		q.key = base + ".key"
	}
}

func (q *reissuing) roomForRenewed() error {
	if q.resign {
		return nil
	}
	return q.roomForKey()
}

// plan says what would be done.
func (q *reissuing) plan() string {
	c, key := q.old.Certificate, "a new key, in "+q.key
	if _, err := os.Lstat(q.key); err == nil {
		key = "the key in " + q.key + ", which is there"
	}
	if q.resign || q.reuse {
		key = "the same key"
	}
	text := fmt.Sprintf("would renew %s, profile %s, serial …%s, until %s: %s\n", c.Title(), c.Profile, c.Serial.Tail(), onDay(c.NotAfter), key)
	switch {
	case q.overlap == nil:
	case *q.overlap == 0:
		text += "and revoke the old one at once\n"
	default:
		text += fmt.Sprintf("and revoke the old one after %s\n", counted(*q.overlap, "day"))
	}
	return text
}

// resigned has the stored request signed again, and writes what came of it.
func (a *app) resigned(ctx context.Context, q reissuing) error {
	m := material{name: q.old.Certificate.Title()}
	var err error
	if err := q.free(q.key != "", false); err != nil {
		return err
	}
	if m.secret, err = a.newSecret(ctx, q.outputs, false); err != nil {
		return err
	}
	if q.key != "" {
		if m.key, err = a.readKey(ctx, q.key, q.password, m.secret); err != nil {
			return err
		}
		if err := (signing{Order: client.Order{CSR: q.old.CSR}}).matches(m.key); err != nil {
			return err
		}
	}
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		if m.Issued, err = k.Renew(ctx, client.Renewal{Certificate: q.old.Certificate.PublicName(), Days: q.Days, Overlap: q.overlap}); err != nil {
			return err
		}
		return a.signed(signing{Order: client.Order{CSR: q.old.CSR}, outputs: q.outputs}, m)
	})
}

// likeBefore makes a request with all that the first one asked for, for another key, or for
// the same one if that is kept.
func likeBefore(key crypto.Signer, old ca.Issued, same bool) ([]byte, error) {
	first, err := x509.ParseCertificateRequest(old.CSR)
	if err != nil {
		return nil, ca.Refused(ca.E2127, "the request that this certificate came of cannot be made again", "ask for a new certificate: chancery issue "+old.Certificate.Title()).Because(err.Error())
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	switch is := sha256.Sum256(spki) == old.Certificate.Key; {
	case is && !same:
		return nil, ca.Refused(ca.E2127, "this is the key of the old certificate", "name another file, or say that it stays: --reuse-key")
	case !is && same:
		return nil, ca.Invalid(ca.E2505, "the key in the file is not that of the old certificate", "name that one: --key-file FILE")
	}
	t := x509.CertificateRequest{RawSubject: first.RawSubject, ExtraExtensions: append([]pkix.Extension{}, first.Extensions...)}
	request, err := x509.CreateCertificateRequest(nil, &t, key)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	return request, nil
}
