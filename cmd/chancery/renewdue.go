// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

// maxDue bounds the files that are looked at: each costs a call, and who has more has them
// in several places.
const maxDue = 10_000

// An overdue is a certificate that is to be renewed, the file that it was found in, and how the
// names of the new ones begin.
type overdue struct {
	path, stem string
	ca.Certificate
}

// renewDue renews whatever is due of the certificates in some places.
func (a *app) renewDue(c *cobra.Command, places []string, q reissuing) error {
	for _, flag := range []string{"key-file", "out", "reuse-key", "if-due", "p12", "format", "text", "legacy"} {
		if c.Flags().Changed(flag) {
			return usage("--due is about many certificates, and --"+flag+" about one", "chancery renew --due DIRECTORY")
		}
	}
	if len(places) == 0 {
		return usage("renew --due takes files and directories with certificates", "chancery renew --due /etc/ssl/lab")
	}
	sample := answer{value: []outcome{}, rows: []outcome{}}
	for _, refused := range []error{q.judged(), someDays(c, q.Days), a.canGive(sample)} {
		if refused != nil {
			return refused
		}
	}
	paths, err := certificateFiles(places)
	if err != nil {
		return err
	}
	ctx := c.Context()
	var found []overdue
	var all []outcome
	err = a.with(ctx, func(ctx context.Context, k *client.Client) (err error) {
		found, all, err = a.dueIn(ctx, k, paths, places)
		return err
	})
	if err != nil {
		return err
	}
	if len(found)+len(all) == 0 {
		if !slices.ContainsFunc(paths, func(path string) bool {
			x, err := x509.ParseCertificate(certificateIn(path))
			return err == nil && !x.IsCA
		}) { // a timer with a wrong path would be silent for ever
			a.note("no certificate lies in %s", strings.Join(places, ", "))
		}
		err := a.give(answer{value: []outcome{}, rows: []outcome{}, text: "nothing is due\n"})
		if err == nil && q.detailed {
			err = errNotDue
		}
		return err
	}
	fmt.Fprintf(a.err, "%s due:\n", map[bool]string{true: "1 certificate is", false: fmt.Sprintf("%d certificates are", len(found))}[len(found) == 1])
	for _, one := range found {
		fmt.Fprint(a.err, fitted(fmt.Sprintf("  ~ %s   %s, until %s   %s\n", one.Title(), one.Profile, onDay(one.NotAfter), orNone(one.path)), columnsOf(a.err)))
	}
	deed := context.WithoutCancel(ctx)
	for _, one := range found {
		if ctx.Err() != nil {
			break // what is done is said; the same again goes on
		}
		all = append(all, a.renewOne(deed, one, q))
	}
	if err := a.outcomes(all, nil, map[bool]string{true: "would be renewed", false: "renewed"}[q.dry], ""); err != nil {
		return err
	}
	return ctx.Err()
}

// renewOne renews one, with its files beside the old ones.
func (a *app) renewOne(ctx context.Context, one overdue, q reissuing) outcome {
	if besideOthers(one.path) { // as it was
		q.out = one.stem + "/"
	} else {
		q.out = one.stem + ".pem"
		if !q.resign {
			q.key = one.stem + ".key"
		}
	}
	q.wary = true
	kept := q.overlap != nil && !a.holdsOld(ctx, one, q.password)
	if kept {
		q.overlap = nil
	}
	// What one says for people would be in the way of the lines, and there is nobody to ask
	// between them.
	var said, notes bytes.Buffer
	alone := *a
	alone.out, alone.err, alone.quiet = &said, &notes, !q.dry
	alone.format, alone.json, alone.fields, alone.jq = "", false, nil, ""
	if err := alone.renew(ctx, one.PublicName(), q); err != nil {
		return went(one.path, ca.Certificate{}, err)
	}
	o := went(one.path, one.Certificate, nil)
	if q.dry {
		o.Detail, o.told = "would be renewed", true // it was listed before
		if kept {
			o.Detail += "; " + oldStays
			o.remark, o.told = "   "+oldStays, false
		}
		return o
	}
	o.Certificate = strings.TrimSpace(said.String())
	o.Name += "   " + orNone(q.out)
	if kept {
		o.Detail, o.remark = oldStays, "   "+oldStays
	}
	return o
}

// dueIn finds what is due, each once, and the files that cannot be judged. What is of
// another authority, or an authority's, is passed over, unless its file was named.
func (a *app) dueIn(ctx context.Context, k *client.Client, paths, named []string) (found []overdue, bad []outcome, err error) {
	seen, used := map[string]bool{}, map[string]bool{}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		der := certificateIn(path)
		x, err := x509.ParseCertificate(der)
		if byName := slices.Contains(named, path); err != nil || x.IsCA {
			if byName {
				bad = append(bad, went(path, ca.Certificate{}, usage(path+" holds no certificate of a server, person or device", "chancery show "+path)))
			}
			continue
		}
		if a.now().Before(ca.Certificate{NotBefore: x.NotBefore, NotAfter: x.NotAfter}.RenewFrom()) || seen[string(der)] {
			continue // which needs no call
		}
		seen[string(der)] = true
		c, err := theOne(ctx, k, path, "chancery ca renew")
		var p *ca.Problem
		switch {
		case errors.As(err, &p) && p.Kind == ca.NotFoundKind && !slices.Contains(named, path):
			continue
		case errors.As(err, &p) && p.Kind != ca.UnavailableKind:
			bad = append(bad, went(path, ca.Certificate{}, err))
			continue
		case err != nil:
			return nil, nil, err
		}
		stem, begun := a.stemOf(path, c, used)
		due, err := a.isDue(ctx, k, c, begun)
		if err != nil {
			return nil, nil, err
		}
		if due {
			if !begun {
				stem = freeStem(ctx, k, stem, overdue{path, stem, c}, used)
			}
			used[stem] = true
			found = append(found, overdue{path, stem, c})
		}
	}
	return found, bad, nil
}

// isDue judges as list --status expiring does, and goes on with what was begun.
func (a *app) isDue(ctx context.Context, k *client.Client, c ca.Certificate, begun bool) (bool, error) {
	now := a.now()
	if s := c.Standing(now); s != "valid" {
		a.note("%s is %s, and renews nothing", c.PublicName(), s)
		return false, nil
	}
	if !c.Due(now) {
		return false, nil
	}
	if c.Common == "" || begun {
		return true, nil
	}
	for f := (ca.Filter{Name: c.Common, Profile: c.Profile, Owner: c.Owner, Status: "valid", Limit: ca.MaxPage}); ; {
		page, err := k.Certificates(ctx, f)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(page.Items, func(n ca.Certificate) bool { return n.Common == c.Common && n.NotAfter.After(c.NotAfter) }) {
			return false, nil
		}
		if f.After = page.Next.ID; f.After == 0 {
			return true, nil
		}
	}
}

// certificateFiles are the files of some places: those that were named, and of a directory,
// and those in it, what is named like a certificate.
func certificateFiles(places []string) (paths []string, err error) {
	for _, place := range places {
		info, err := os.Stat(place)
		if err != nil {
			return nil, unreadable(place, err)
		}
		if !info.IsDir() {
			paths = append(paths, place)
			continue
		}
		err = filepath.WalkDir(place, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return unreadable(path, err)
			}
			below, err := filepath.Rel(place, path)
			if err != nil || e.IsDir() && strings.Contains(below, string(filepath.Separator)) {
				return fs.SkipDir
			}
			if !e.IsDir() && slices.Contains([]string{".pem", ".crt", ".cer"}, filepath.Ext(path)) {
				paths = append(paths, path)
			}
			if len(paths) > maxDue {
				return usage(fmt.Sprintf("%s has more than %d certificates", place, maxDue), "name the directories in it, some at a time")
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return paths, nil
}
