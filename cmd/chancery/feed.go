// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/feed"
	"chancery/feed/verify"
)

func (a *app) feedCommand() *cobra.Command {
	c := &cobra.Command{Use: "feed", Short: "Compact revocation feeds, for devices without lists or OCSP", Example: "  chancery feed publish\n  chancery feed show http://ca.lab.example:8080/pki/issuing-g1.feed"}
	c.AddCommand(a.feedShow(), a.feedCheck(), a.feedPublish())
	return c
}

// A shownFeed is what a file of a feed says of itself.
type shownFeed struct {
	// Kind is complete or delta.
	Kind string `json:"kind"`
	ca.Feed
	// Issuer is the SHA-256 of the issuer's SubjectPublicKeyInfo.
	Issuer ca.Digest `json:"issuer"`
	Size   int       `json:"size"`
}

func (a *app) feedShow() *cobra.Command {
	return &cobra.Command{
		Use: "show FILE|URL", Short: "Show what a feed says of itself",
		Long:    "Shows numbers and dates of a compact feed, or of a delta, if it is whole. Its signature is not verified: that is chancery feed check.",
		Example: "  chancery feed show issuing-g1.feed\n  chancery feed show http://ca.lab.example:8080/pki/issuing-g1.delta.feed --json",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("feed show takes one file or address", "chancery feed show issuing-g1.feed")
			}
			file, err := a.feedFile(c.Context(), args[0])
			if err != nil {
				return err
			}
			about, issuer, err := feed.Describe(file)
			if err == nil {
				err = feed.Whole(file) // half of one says the same of itself
			}
			if err != nil {
				return notAFeed(args[0], err)
			}
			s := shownFeed{"complete", about, issuer, len(file)}
			base := ""
			if about.Base != 0 {
				s.Kind, base = "delta", fmt.Sprint(about.Base)
			}
			return a.give(answer{value: s, names: []string{fmt.Sprint(s.Number)}, text: a.table([][2]string{
				{"kind", s.Kind}, {"number", fmt.Sprint(s.Number)}, {"base", base}, {"made", atTime(s.ThisUpdate)}, {"good until", atTime(s.NextUpdate)},
				{"live", fmt.Sprint(s.Live)}, {"revoked", fmt.Sprint(s.Revoked)}, {"octets", fmt.Sprint(s.Size)}, {"issuer key", issuer.String()}, {"signature", "not verified: chancery feed check"},
			})})
		},
	}
}

// feedFile reads a feed from a file, standard input or an address.
func (a *app) feedFile(ctx context.Context, from string) ([]byte, error) {
	if strings.Contains(from, "://") {
		file, err := fetchAddress(ctx, from)
		if err != nil {
			return nil, ca.Unavailable(ca.E1201, "nothing was fetched from "+ca.Show(from), "name an address that begins with http://, or a file").Because(manner(err))
		}
		return file, nil
	}
	in := a.in
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return nil, unreadable(from, err)
		}
		defer f.Close()
		in = f
	}
	file, err := io.ReadAll(io.LimitReader(in, feed.MaxSize+1)) // the readers refuse what is longer
	if err != nil {
		return nil, unreadable(from, err)
	}
	return file, nil
}

func notAFeed(from string, err error) *ca.Problem {
	if errors.Is(err, feed.ErrShort) {
		return ca.Invalid(ca.E2501, ca.Show(from)+" is not a whole feed", "fetch it once more: it was cut off on its way, or for want of space").Because(err.Error())
	}
	return ca.Invalid(ca.E2501, ca.Show(from)+" is not taken as a compact feed", "see docs/feed.md").Because(err.Error())
}

// A feedInquiry is what feed check was asked.
type feedInquiry struct {
	delta, issuer, password string
}

// A feedVerdict is what a feed says of one certificate.
type feedVerdict struct {
	Target string    `json:"target"`
	Serial ca.Serial `json:"serial"`
	// Status is good, revoked, or not-covered.
	Status string `json:"status"`
}

func (a *app) feedCheck() *cobra.Command {
	var q feedInquiry
	c := &cobra.Command{
		Use: "check FILE|URL SERIAL|CERT ...", Short: "Ask a feed how certificates stand, as a device would",
		Long: "Verifies a compact feed, or a delta with the complete feed it stands on, and asks it about serial numbers, or about\n" +
			"certificates of its issuer. It needs neither service nor network if FILE, --delta and --issuer are files. Exit code 9 means\n" +
			"that one is revoked, or was issued later than the feed covers. For a number that was never issued the answer means nothing.",
		Example: "  chancery feed check issuing-g1.feed --issuer issuing.pem nas.pem\n  chancery feed check issuing-g1.feed --delta issuing-g1.delta.feed --issuer issuing.pem 41000168f0c2a17b",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("feed check takes a feed, and serial numbers or certificates", "chancery feed check issuing-g1.feed --issuer issuing.pem nas.pem")
			}
			if err := a.canGive(answer{value: []feedVerdict{}, rows: []feedVerdict{}}); err != nil {
				return err
			}
			issuer, f, err := a.feedOf(c.Context(), q, args[0])
			if err != nil {
				return err
			}
			return a.feedSays(c.Context(), q, issuer, f, args[1:])
		},
	}
	f := c.Flags()
	f.StringVar(&q.delta, "delta", "", "file or address of a delta that stands on FILE")
	f.StringVar(&q.issuer, "issuer", "", "file with the certificate of the issuer (default: the one in the installation)")
	f.StringVar(&q.password, "password-file", "", "file with the password of CERT, if it needs one (CHANCERY_PASSWORD_FILE)")
	return c
}

// feedOf opens a feed by the key of its issuer.
func (a *app) feedOf(ctx context.Context, q feedInquiry, from string) (*x509.Certificate, *verify.Feed, error) {
	base, err := a.feedFile(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	_, of, err := feed.Describe(base)
	if err != nil {
		return nil, nil, notAFeed(from, err)
	}
	issuer, err := a.feedIssuer(ctx, q, of)
	if err != nil {
		return nil, nil, err
	}
	if err := feed.Whole(base); errors.Is(err, feed.ErrShort) { // the verifier says less of it
		return nil, nil, notAFeed(from, err)
	}
	var f *verify.Feed
	if q.delta == "" {
		f, err = verify.Open(base, issuer.RawSubjectPublicKeyInfo, time.Now())
	} else {
		var delta []byte
		if delta, err = a.feedFile(ctx, q.delta); err != nil {
			return nil, nil, err
		}
		if err := feed.Whole(delta); errors.Is(err, feed.ErrShort) {
			return nil, nil, notAFeed(q.delta, err)
		}
		f, err = verify.OpenDelta(delta, base, issuer.RawSubjectPublicKeyInfo, time.Now())
	}
	if err != nil {
		return nil, nil, notAFeed(from, err)
	}
	return issuer, f, nil
}

// feedIssuer is the certificate of whose certificates a feed is about.
func (a *app) feedIssuer(ctx context.Context, q feedInquiry, of ca.Digest) (issuer *x509.Certificate, err error) {
	if q.issuer != "" {
		all, err := a.certificatesIn(ctx, q.issuer, q.password)
		if err != nil {
			return nil, err
		}
		return all[0], nil
	}
	err = a.authorities(ctx, func(_ context.Context, _ *client.Client, all []ca.Authority) error {
		for _, one := range all {
			if one.Key == of {
				issuer, err = x509.ParseCertificate(one.Certificate)
				return err
			}
		}
		return ca.NotFound(ca.E2101, "the feed is of no authority that is here", "name a file with its issuer's certificate: --issuer FILE")
	})
	return issuer, err
}

// feedSays answers for each target.
func (a *app) feedSays(ctx context.Context, q feedInquiry, issuer *x509.Certificate, f *verify.Feed, targets []string) error {
	var all []feedVerdict
	var b strings.Builder
	var names []string
	doubt := false
	for _, target := range targets {
		serial, err := a.feedSerial(ctx, q, issuer, target)
		if err != nil {
			return err
		}
		v, sign := feedVerdict{target, serial, "not-covered"}, warned
		switch f.Status(serial.Bytes()) {
		case verify.Good:
			v.Status, sign = "good", fine
		case verify.Revoked:
			v.Status, sign = "revoked", failed
		case verify.NotCovered:
		}
		doubt = doubt || sign != fine
		all, names = append(all, v), append(names, v.Status)
		fmt.Fprintf(&b, "%s %s: %s\n", a.mark(sign), target, v.Status)
	}
	fmt.Fprintf(&b, "by feed %d of %s, good until %s\n", f.Number, atTime(f.ThisUpdate), atTime(f.NextUpdate))
	if slices.Contains(names, "good") {
		b.WriteString("good means not revoked: of a number that was never issued a feed says that too\n")
	}
	if err := a.give(answer{value: all, rows: all, text: fitted(b.String(), columnsOf(a.out)), names: names}); err != nil {
		return err
	}
	if doubt {
		return errFaults
	}
	return nil
}

// feedSerial is the number of a target. A certificate must be the issuer's, and must not
// have ended: of others a feed says anything.
func (a *app) feedSerial(ctx context.Context, q feedInquiry, issuer *x509.Certificate, target string) (ca.Serial, error) {
	if !isFile(target) {
		return ca.ParseSerial(target)
	}
	all, err := a.certificatesIn(ctx, target, q.password)
	if err != nil {
		return "", err
	}
	one := all[0]
	if err := one.CheckSignatureFrom(issuer); err != nil {
		return "", usage(ca.Show(target)+" was not issued by "+ca.Show(ca.EncodedName(issuer.RawSubject)), "ask the feed of its issuer: "+ca.Show(ca.EncodedName(one.RawIssuer))).Because(manner(err))
	}
	if time.Now().After(one.NotAfter) {
		return "", usage(fmt.Sprintf("%s ended on %s, and feeds are about what has not ended", ca.Show(target), onDay(one.NotAfter)), "chancery verify "+target)
	}
	return serialIn(one)
}

func (a *app) feedPublish() *cobra.Command {
	var name string
	var dry bool
	c := &cobra.Command{
		Use: "publish", Short: "Make and publish new feeds now",
		Long: "Makes and publishes the compact feeds of every issuing authority, or of one that --ca names: a delta, and before it a complete\n" +
			"feed for it to stand on, if that is due. With publish.feed = \"yes\" the service does so by itself, after each revocation and every hour.",
		Example: "  chancery feed publish\n  chancery feed publish --ca issuing-g1",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.canGive(answer{value: []ca.Feed{}, rows: []ca.Feed{}}); err != nil {
				return err
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error { return a.publishFeeds(ctx, k, name, dry) })
		},
	}
	c.Flags().StringVar(&name, "ca", "", "only of this authority")
	dryFlag(c, &dry)
	a.completeFlag(c, "ca", completeAuthorities)
	return c
}

// publishFeeds publishes the feeds of one authority, or of all that issue; or says what they
// would be.
func (a *app) publishFeeds(ctx context.Context, k *client.Client, name string, dry bool) error {
	names, err := publishing(ctx, k, name)
	if err != nil {
		return err
	}
	feeds := []ca.Feed{}
	var b strings.Builder
	for _, name := range names {
		var f ca.Feed
		if dry {
			f, err = k.PlanFeed(ctx, name)
		} else {
			f, err = k.PublishFeed(ctx, name)
		}
		if err != nil {
			return err
		}
		feeds = append(feeds, f)
		kind := "a complete feed"
		if f.Base != 0 {
			kind = fmt.Sprintf("a delta on feed %d", f.Base)
		}
		if dry {
			fmt.Fprintf(&b, "  ~ feed of %s   %s: %d live, %d revoked\n", name, kind, f.Live, f.Revoked)
			continue
		}
		fmt.Fprintf(&b, "%s feed %d of %s is published: %d live, %d revoked, good until %s\n", a.mark(fine), f.Number, name, f.Live, f.Revoked, atTime(f.NextUpdate))
	}
	if dry {
		b.WriteString("nothing was published\n")
	}
	return a.give(answer{value: feeds, text: fitted(b.String(), columnsOf(a.out)), rows: feeds, names: names})
}
