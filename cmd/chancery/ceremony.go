// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"chancery/ca"
	checker "chancery/check"
	"chancery/client"
	"chancery/signer"
	"chancery/signer/softkey"
	"chancery/signer/wire"
	"chancery/status"
)

const (
	// enterWait is how long a command waits until the service knows of what was made:
	// it asks the signer every second, and settles then.
	enterWait  = 10 * time.Second
	enterPause = 50 * time.Millisecond
)

// A ceremony is a command that changes authorities: it asks the service what there
// is, and the signer, on the socket that only the founder may use, for what shall be.
type ceremony struct {
	*app
	at     layout
	front  *client.Client
	signer *wire.Client
	all    []ca.Authority
	// pki is the base of the addresses in certificates.
	pki  string
	said []string // notices that were printed
}

// ceremonial carries out a command that changes authorities.
func (a *app) ceremonial(ctx context.Context, do func(context.Context, *ceremony) error) error {
	return a.ceremonialAs(ctx, authorityAnswer(ca.Authority{}, ""), do)
}

// ceremonialAs is ceremonial for a command that answers with something else.
func (a *app) ceremonialAs(ctx context.Context, sample answer, do func(context.Context, *ceremony) error) error {
	if err := a.canGive(sample); err != nil {
		return err
	}
	if a.context != "" {
		return onItsMachine()
	}
	a.here = true
	l, err := a.founded()
	if err != nil {
		return err
	}
	settings, err := l.settings()
	if err != nil {
		return err
	}
	return a.known(ctx, func(ctx context.Context, k *client.Client, all []ca.Authority) error {
		return l.whereWords(l.silent(do(ctx, &ceremony{app: a, at: l, front: k, signer: wire.Dial(dialPath(l.socket("ceremony"))), all: all, pki: settings.PKIURL})))
	})
}

// authorityAnswer is what is said of an authority that was made or changed.
func authorityAnswer(one ca.Authority, text string) answer {
	return answer{value: one, text: text, names: []string{one.Name}, der: [][]byte{one.Certificate}, label: certificateLabel}
}

// named is the authority of a name.
func (c *ceremony) named(name string) (ca.Authority, error) {
	if at := slices.IndexFunc(c.all, func(one ca.Authority) bool { return one.Name == name }); at >= 0 {
		return c.all[at], nil
	}
	return ca.Authority{}, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(name), "chancery ca list")
}

// agreed has a plan confirmed at a terminal. Without one --yes is the answer, as with every
// other question: more are the flags that what follows will miss, named in the same refusal.
func (c *ceremony) agreed(ctx context.Context, yes bool, more ...string) error {
	why := "this takes recovery words"
	if !yes {
		why = "the plan is agreed to first (--dry-run shows it alone)"
	}
	if err := c.unanswered(why, slices.Concat([]string{byYes.unless(yes, "")}, more)...); err != nil || yes {
		return err
	}
	fmt.Fprint(c.err, "Type yes to go on: ")
	typed, err := c.line(ctx, byYes)
	if err == nil && typed != "yes" {
		err = usage("nothing was done", "type yes, or add --yes")
	}
	return err
}

// confirmed has a name typed for what cannot be undone.
func (c *ceremony) confirmed(ctx context.Context, name, typed, what string) error {
	if typed == "" {
		if err := c.unanswered(what, byConfirm.with(name)); err != nil {
			return err
		}
		fmt.Fprint(c.err, "Type the name of the authority to go on: ")
		var err error
		if typed, err = c.line(ctx, byConfirm); err != nil {
			return err
		}
	}
	if typed != name {
		return usage(ca.Show(typed)+" is not the name of this authority, so nothing was done", "the same again with --confirm "+name)
	}
	return nil
}

// newWords makes recovery words and puts them where their holder takes them from.
// undo removes the file again, for when nothing was made that they open.
func (c *ceremony) newWords(ctx context.Context, path string) (text string, undo func(error) error, err error) {
	if err := c.unanswered("its key gets recovery words of its own", byOwnRecoveryFile.unless(path != "", "FILE")); err != nil {
		return "", nil, err
	}
	if path, err = outside(c.at, path); err != nil {
		return "", nil, err
	}
	words, err := softkey.NewWords(rand.Reader)
	if err != nil {
		return "", nil, err
	}
	defer words.Wipe()
	if err := c.handWords(ctx, byOwnRecoveryFile, words, path); err != nil {
		return "", nil, err
	}
	if path != "" {
		fmt.Fprintf(c.err, "%s move %s away from this machine: its words open the key\n", c.mark(warned), path)
		if err := c.at.noteWords(path); err != nil {
			return "", nil, errors.Join(err, os.Remove(path))
		}
	}
	return words.Reveal(), func(err error) error {
		var refused *ca.Problem
		if path == "" || !errors.As(err, &refused) {
			return err // what may have been made is opened by these words alone
		}
		return errors.Join(err, os.Remove(path))
	}, nil
}

// placed publishes the lists that were made while their keys were open.
func (c *ceremony) placed(lists map[string][]byte) error { return c.at.place(lists) }

// place puts lists into their places, the complete one of an authority before the others.
func (l layout) place(lists map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		if err := status.Place(l.lists(), name, bytes.NewReader(lists[name])); err != nil {
			return err
		}
	}
	return nil
}

// entered waits until the service knows an authority as the signer has it now, so
// that the next command does not come too early. What a command starts for itself
// learns it at the next start.
func (c *ceremony) entered(ctx context.Context, one ca.Authority) {
	if _, err := os.Stat(c.at.socket("admin")); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, enterWait)
	defer cancel()
	for {
		if known, err := c.front.Authority(ctx, one.Name); err == nil && known.Version >= one.Version {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(enterPause):
		}
	}
}

// told prints what the signer or a rule has to say, once: the plan is judged by the
// rules that the signer goes by.
func (c *ceremony) told(notices []string) {
	for _, n := range notices {
		if !slices.Contains(c.said, n) {
			c.note("%s", n)
			c.said = append(c.said, n)
		}
	}
}

// listed has the first list of an issuing authority made, as soon as the service
// knows of it: from its first certificate on, verifiers ask for the list.
func (c *ceremony) listed(ctx context.Context, one ca.Authority) {
	ctx, cancel := context.WithTimeout(ctx, enterWait)
	defer cancel()
	for {
		_, err := c.front.PublishList(ctx, one.Name, 0)
		var p *ca.Problem
		if err == nil || errors.As(err, &p) && p.Code == ca.E3001 { // locked: the service makes it later
			return
		}
		select {
		case <-ctx.Done():
			fmt.Fprintf(c.err, "%s no list of %s is published yet: %v   → %s\n", c.mark(warned), one.Name, err, c.says("crl publish --ca "+one.Name))
			return
		case <-time.After(enterPause):
		}
	}
}

// firstList has the list of an authority made that was taken in: where lists are read from
// a file, whatever is below it is refused until there is one. That of a sealed key takes
// its words, which are asked for unless they are known. The authority stays without a
// list if there is nobody to ask: it is taken in, and the list can be made at any time.
func (c *ceremony) firstList(ctx context.Context, one ca.Authority, words string, q bringing) {
	if one.Kind == ca.Issuing {
		c.listed(ctx, one)
		return
	}
	var err error
	if one.Past != nil && one.Past.Awaited {
		fmt.Fprintf(c.err, "%s %s makes no list before it is known what it revoked elsewhere: the same again with --crl OLD.crl or --none-revoked\n", c.mark(warned), one.Name)
		return
	}
	if words == "" {
		fmt.Fprintf(c.err, "The words that seal the key of %s are needed for its list.\n", one.Name)
		words, err = c.secret(ctx, byRecoveryFile, cmp.Or(q.own, q.recovery), true)
	}
	if err == nil {
		_, err = c.at.listByWords(ctx, signer.RootListing{Authority: one.Name, Words: words})
	}
	if err != nil {
		fmt.Fprintf(c.err, "%s no list of %s is published yet: %v   → %s\n", c.mark(warned), one.Name, err, c.says("crl publish --ca "+one.Name))
	}
}

// described is what people read of an authority that was made.
func (c *ceremony) described(one ca.Authority) string {
	return fmt.Sprintf("%s %-12s %-16s %-11s until %s   %s\n  Fingerprint (SHA-256):\n    %s\n", c.mark(fine), one.Kind, one.Name, one.KeyType,
		onDay(one.NotAfter), one.State, fingerprint(one.Certificate))
}

// subjectOf reads the name in an authority's certificate.
func subjectOf(one ca.Authority) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(one.Certificate)
	if err != nil {
		return nil, fmt.Errorf("read the certificate of %s: %w", one.Name, err)
	}
	return cert, nil
}

// next is the line that says what to type next.
func (c *ceremony) next(command, what string) string {
	return fmt.Sprintf("Next:  %-45s %s\n", c.says(command), what)
}

// dnOf writes the name in a certificate as --subject takes it.
func dnOf(cert *x509.Certificate) (string, error) {
	subject, _, err := checker.Names(cert.Raw)
	if err != nil {
		return "", fmt.Errorf("read the name of the certificate: %w", err)
	}
	return subject.String(), nil
}
