// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/format"
)

// A fetching is what crl fetch was asked.
type fetching struct {
	handing
	certificate string // file; empty asks the service
	authority   string
	chain       bool
	watch       bool
	command     string
}

func (a *app) crlFetch() *cobra.Command {
	q := fetching{handing: handing{form: asPEM}}
	c := &cobra.Command{
		Use: "fetch [CERTIFICATE]", Short: "Write complete lists into one file, as nginx, Apache and HAProxy read them",
		Long: "Writes the complete lists of all authorities that are to be trusted, or of one, into one file of PEM. Programs that check a\n" +
			"chain with a file of lists refuse everybody while the list of one authority above is missing, so --chain adds those.\n\n" +
			"With the file of a CERTIFICATE the service is not asked: the lists are fetched from the addresses in it and in those above\n" +
			"it, which are in the file too or are fetched as well, and their signatures are checked. Where it names a shard, the complete list\n" +
			"beside it is taken: a file of lists has no use for a part of one.\n\n" +
			"With --watch the service is asked every two seconds, and the addresses in a CERTIFICATE once a minute: the file has a\n" +
			"change up to a minute later, and half a minute more behind a cache. While they do not answer, at the start too, the file stays\n" +
			"and they are asked again.",
		Example: "  chancery crl fetch --chain --out /etc/nginx/crls.pem\n  chancery crl fetch --ca issuing-g1 --chain > crls.pem\n" +
			"  chancery crl fetch fullchain.pem --chain --out crls.pem --watch --exec 'systemctl reload nginx'",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				q.certificate = args[0]
			}
			if q.certificate != "" && q.authority != "" {
				return usage("the lists of a certificate or those of an authority are fetched", "leave one of them out")
			}
			if err := watching(q.watch, q.handing, q.command, "chancery crl fetch --chain --watch --out crls.pem"); err != nil {
				return err
			}
			if err := a.canHand(q.handing, listsAnswer(nil)); err != nil {
				return err
			}
			if q.watch {
				w := &watcher{app: a, file: q.handing, command: q.command, every: watchEvery}
				if q.certificate != "" {
					w.every = fetchEvery
				}
				return w.watch(c.Context(), func(ctx context.Context) error { return a.fetchAgain(ctx, w, q) })
			}
			lists, err := a.fetched(c.Context(), q)
			if err != nil {
				return err
			}
			return a.hand(q.handing, []byte(pemText(crlLabel, lists)), listsAnswer(lists))
		},
	}
	f := c.Flags()
	f.StringVar(&q.authority, "ca", "", "only of this authority")
	f.BoolVar(&q.chain, "chain", false, "with the lists of the authorities above, the root's included")
	f.StringVar(&q.out, "out", "", "file to write, or to replace with the lists of now; - is standard output")
	f.BoolVar(&q.watch, "watch", false, "stay, and write --out anew after each change")
	f.StringVar(&q.command, "exec", "", "with --watch: what a shell runs after each change, and at the start")
	a.completeFlag(c, "ca", completeAuthorities)
	return c
}

// listsAnswer is what was fetched, for programs.
func listsAnswer(lists [][]byte) answer {
	rows := []ca.ListHead{}
	x := answer{der: lists, label: crlLabel, text: pemText(crlLabel, lists)}
	for _, der := range lists {
		if l, err := x509.ParseRevocationList(der); err == nil {
			rows = append(rows, ca.ListHead{Authority: ca.EncodedName(l.RawIssuer), Number: l.Number.Int64(), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate})
			x.names = append(x.names, ca.EncodedName(l.RawIssuer))
		}
	}
	x.value, x.rows = rows, rows
	return x
}

// fetched gets the lists once.
func (a *app) fetched(ctx context.Context, q fetching) (lists [][]byte, err error) {
	if q.certificate != "" {
		return a.listsAbove(ctx, q)
	}
	err = a.authorities(ctx, func(ctx context.Context, k *client.Client, all []ca.Authority) error {
		wanted, err := q.wanted(all)
		if err == nil {
			lists, err = a.listsOf(ctx, k, wanted)
		}
		return err
	})
	return lists, err
}

// fetchAgain gets the lists if there are others than in the file.
func (a *app) fetchAgain(ctx context.Context, w *watcher, q fetching) error {
	told := func(lists [][]byte) ([]byte, string, error) {
		return []byte(pemText(crlLabel, lists)), counted(len(lists), "list"), nil
	}
	if q.certificate != "" {
		lists, err := a.listsAbove(ctx, q)
		if err != nil {
			return err
		}
		mark := sha256.Sum256(bytes.Join(lists, nil))
		return w.sees(ctx, string(mark[:]), func() ([]byte, string, error) { return told(lists) })
	}
	return a.running(ctx, func(ctx context.Context, k *client.Client) error {
		_, settled := k.Profiles(ctx) // which waits for the end of a start
		all, err := k.Authorities(ctx)
		if err := errors.Join(err, settled); err != nil {
			return err
		}
		wanted, err := q.wanted(all)
		if err != nil {
			return err
		}
		mark, err := headMark(ctx, k)
		if err != nil {
			return err
		}
		return w.sees(ctx, fmt.Sprint(len(wanted), " ", mark), func() ([]byte, string, error) {
			lists, err := a.listsOf(ctx, k, wanted)
			if err != nil {
				return nil, "", err
			}
			return told(lists)
		})
	})
}

// wanted are the authorities whose lists are meant: one, with those above it, or all that
// are to be trusted and the retired, whose certificates can still be revoked.
func (q fetching) wanted(all []ca.Authority) (out []ca.Authority, err error) {
	if q.authority == "" {
		return bundling{}.listed(all, ca.BundleOf(all, "").Members), nil
	}
	for name := q.authority; len(out) <= ca.MaxChain; {
		at := slices.IndexFunc(all, func(one ca.Authority) bool { return one.Name == name })
		if at < 0 {
			return nil, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(name), "chancery ca list")
		}
		one := all[at]
		out = append(out, one)
		if !q.chain || one.Parent == one.Name {
			break
		}
		name = one.Parent
	}
	return out, nil
}

// listsAbove fetches the lists that a certificate and those above it name.
func (a *app) listsAbove(ctx context.Context, q fetching) (lists [][]byte, err error) {
	data, err := a.wholeFile(q.certificate)
	if err != nil {
		return nil, err
	}
	found, err := format.Read(data, nil)
	if err != nil {
		return nil, err
	}
	known, err := parsed(format.DERs(found.Certificates))
	if err != nil {
		return nil, err
	}
	if len(known) == 0 {
		return nil, usage(q.certificate+" holds no certificate", "chancery show "+q.certificate)
	}
	c := known[0]
	for range ca.MaxChain {
		if selfIssued(c) {
			break // whoever trusts a root has it from elsewhere; nobody revokes it by a list
		}
		issuer, err := issuerOf(ctx, c, known)
		if err != nil {
			return nil, err
		}
		der, err := completeListOf(ctx, c, issuer)
		if err != nil {
			return nil, err
		}
		if lists = append(lists, der); !q.chain {
			break
		}
		c = issuer
	}
	if len(lists) == 0 {
		return nil, ca.Refused(ca.E2501, "the certificate in "+q.certificate+" signs itself, and names no list", "name the file of a certificate below it")
	}
	return lists, nil
}

// issuerOf finds who signed a certificate: among those at hand, or at the address that it
// names (RFC 5280 §4.2.2.1).
func issuerOf(ctx context.Context, c *x509.Certificate, known []*x509.Certificate) (*x509.Certificate, error) {
	for _, one := range known {
		if c.CheckSignatureFrom(one) == nil {
			return one, nil
		}
	}
	who := "who signed " + ca.Show(ca.EncodedName(c.RawSubject)) + " is not in the file"
	missing := ca.NotFound(ca.E2101, who, "name a file with the whole chain: cat leaf.pem chain.pem")
	for _, address := range c.IssuingCertificateURL[:min(len(c.IssuingCertificateURL), maxFetches)] {
		body, err := fetchAddress(ctx, address)
		if err != nil {
			missing = ca.Unavailable(ca.E1201, who+", and cannot be fetched", missing.Fix).Because(address + ": " + manner(err))
			continue
		}
		if one, err := x509.ParseCertificate(unarmoured(body)); err == nil && c.CheckSignatureFrom(one) == nil {
			return one, nil
		}
		missing = missing.Because("what is at " + address + " did not sign it")
	}
	return nil, missing
}

// besideShard is the address of the complete list where that of a shard is given.
func besideShard(address string) string {
	at := strings.LastIndex(address, "/") + 1
	name, is := strings.CutSuffix(address[at:], ".crl")
	authority, scope, ok := ca.SplitListName(name)
	if _, shard := scope.Shard(); is && ok && shard {
		return address[:at] + authority + ".crl"
	}
	return address
}

// completeListOf fetches the list of an issuer, and sees that it is its newest word.
func completeListOf(ctx context.Context, c, issuer *x509.Certificate) ([]byte, error) {
	why := errors.New("the certificate names no address")
	for _, address := range c.CRLDistributionPoints[:min(len(c.CRLDistributionPoints), maxFetches)] {
		var l *x509.RevocationList
		if l, why = fetchedList(ctx, besideShard(address)); why == nil {
			why = complete(l, issuer)
		}
		if why == nil {
			return l.Raw, nil
		}
	}
	return nil, ca.Unavailable(ca.E1201, "the list of "+ca.Show(ca.EncodedName(issuer.RawSubject))+" cannot be had", "see that it is served at "+strings.Join(c.CRLDistributionPoints, ", ")).Because(manner(why))
}

// complete refuses what is not the complete list of an issuer, or has ended.
func complete(l *x509.RevocationList, issuer *x509.Certificate) error {
	switch {
	case l.CheckSignatureFrom(issuer) != nil:
		return errors.New("it was not signed by " + ca.EncodedName(issuer.RawSubject))
	case !l.NextUpdate.IsZero() && !wallClock()().Before(l.NextUpdate):
		return errors.New("it ended on " + atTime(l.NextUpdate))
	}
	for _, e := range l.Extensions {
		if e.Critical {
			return errors.New("it is not complete: servers that read it from a file would refuse everybody")
		}
	}
	return nil
}
