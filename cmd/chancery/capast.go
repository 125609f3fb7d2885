// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/signer"
)

// earlier says what a key revoked before it came here.
type earlier struct {
	crl   string
	none  bool
	ended bool // --ended-crl
}

func (e earlier) told() bool { return e.crl != "" || e.none }

func earlierFlags(c *cobra.Command, e *earlier) {
	c.Flags().StringVar(&e.crl, "crl", "", "file with the complete revocation list that the key signed elsewhere")
	c.Flags().BoolVar(&e.none, "none-revoked", false, "the key revoked nothing elsewhere")
	c.Flags().BoolVar(&e.ended, "ended-crl", false, "take the list of --crl though the next one was due already: nothing was revoked since")
	c.MarkFlagsMutuallyExclusive("crl", "none-revoked")
}

// untold refuses a key from elsewhere of which nobody says what it revoked. Without a
// terminal it names the flags too that will be missing then.
func (c *ceremony) untold(q bringing, more ...string) error {
	hint := "the same again with --crl OLD.crl (openssl ca -gencrl -out OLD.crl), or with --none-revoked"
	more = slices.DeleteFunc(append(more, byYes.unless(q.yes, "")), func(f string) bool { return f == "" })
	if !c.interactive() && !q.dry && len(more) > 0 {
		hint += "; and with " + strings.Join(more, " ")
	}
	return ca.Refused(ca.E2602, "nobody says what the key of "+q.name+" revoked elsewhere", hint).
		Because("a list made here without these revocations would make every one of those certificates good again")
}

// earlierList reads a list in DER or PEM. It may be longer than other files.
func (c *ceremony) earlierList(e earlier) ([]byte, error) {
	if e.crl == "" {
		return nil, nil
	}
	f, err := os.Open(e.crl)
	if err != nil {
		return nil, unreadable(e.crl, err)
	}
	defer f.Close()
	const most = signer.MaxPast / 2 * 3 // PEM needs four octets for three
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, unreadable(e.crl, err)
	}
	if block, _ := pem.Decode(data); block != nil && block.Type == "X509 CRL" {
		data = block.Bytes
	}
	if len(data) == 0 || len(data) > signer.MaxPast {
		return nil, ca.Refused(ca.E2602, fmt.Sprintf("%s has %d octets, and no list that is taken has none, or more than %d", e.crl, len(data), signer.MaxPast), "have it made again without what has ended")
	}
	return data, nil
}

// fitting refuses a list that the signer would not take, before anything is taken in, and
// says what it has.
func (c *ceremony) fitting(by *x509.Certificate, q bringing, list []byte) error {
	if list == nil && q.ended {
		return usage("--ended-crl is for a list", "name it too: --crl FILE")
	}
	if list == nil {
		return nil
	}
	got, err := signer.Inheritance{Authority: q.name, List: list, Ended: q.ended}.Judge(by.Raw, time.Now())
	if err != nil {
		return err
	}
	number, next := "without a number", "the next at no time that it says"
	if got.Number > 0 {
		number = fmt.Sprintf("number %d", got.Number)
	}
	if !got.Next.IsZero() {
		next = "the next due " + onDay(got.Next)
	}
	fmt.Fprintf(c.err, "    its list from elsewhere: %s of %s, %s, %s\n", counted(got.Entries, "revocation"), atTime(got.Made), number, next)
	return nil
}

// takeable asks the signer whether it would take the list of an authority that is here, for
// a new certificate of it: else that came in, and the list did not.
func (c *ceremony) takeable(ctx context.Context, one ca.Authority, q bringing, list []byte) error {
	if !q.told() {
		return nil
	}
	got, err := c.signer.Inherit(ctx, signer.Inheritance{Authority: one.Name, None: q.none, List: list, Ended: q.ended, DryRun: true})
	c.told(got.Notices)
	return err
}

// inherit tells for an authority that is here what it revoked elsewhere.
func (c *ceremony) inherit(ctx context.Context, one ca.Authority, q bringing, list []byte) error {
	if q.dry {
		got, err := c.signer.Inherit(ctx, signer.Inheritance{Authority: one.Name, None: q.none, List: list, Ended: q.ended, DryRun: true})
		if err != nil {
			return err
		}
		c.told(got.Notices)
		return c.give(authorityAnswer(one, fmt.Sprintf("%s, %d of them new; nothing was taken in\n", counted(got.Entries, "revocation"), got.Taken)))
	}
	one, err := c.inherited(ctx, one, q.earlier, list)
	if err != nil {
		return err
	}
	c.entered(ctx, one)
	c.firstList(ctx, one, "", q)
	return c.give(authorityAnswer(one, c.described(one)+c.next("ca show "+one.Name, "look at all of it")))
}

// inherited has the signer take it. An outcome that is not known is cured by the same
// command again.
func (c *ceremony) inherited(ctx context.Context, one ca.Authority, e earlier, list []byte) (ca.Authority, error) {
	got, err := c.signer.Inherit(ctx, signer.Inheritance{Authority: one.Name, None: e.none, List: list, Ended: e.ended})
	if err != nil {
		fmt.Fprintf(c.err, "%s %s makes no list before it is known what it revoked elsewhere: the same command again goes on with that\n", c.mark(warned), one.Name)
		return one, err
	}
	c.told(got.Notices)
	if !e.none {
		fmt.Fprintf(c.err, "  + %s from elsewhere, %d of them new\n", counted(int(got.Entries), "revocation"), got.Taken)
	}
	for _, fell := range got.Fallen {
		c.entered(ctx, fell)
	}
	return got.Authority, nil
}
