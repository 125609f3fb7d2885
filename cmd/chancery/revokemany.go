// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"chancery/ca"
	"chancery/client"
)

const (
	// abreast is how many calls are under way at once: they share the waits for log and
	// database, and leave room for others.
	abreast = 32
	// shownFirst is how many rows stand for all before somebody confirms their number.
	shownFirst = 10
)

// An outcome is what came of one line of many.
type outcome struct {
	// Line is what was asked: a file, or a serial number.
	Line string `json:"line"`
	Name string `json:"name,omitempty"`
	// Certificate is the public name.
	Certificate string `json:"certificate,omitempty"`
	// Chain is a new certificate with its chain, in PEM, where no file holds it.
	Chain string `json:"chain,omitempty"`
	OK    bool   `json:"ok"`
	// Code and Detail are those of the problem; of a dry run, Detail is what would be done.
	Code   ca.Code `json:"code,omitempty"`
	Detail string  `json:"detail,omitempty"`
}

// went makes the outcome of a line.
func went(line string, c ca.Certificate, err error) outcome {
	o := outcome{Line: line, OK: err == nil}
	if len(c.Serial) > 0 {
		o.Name, o.Certificate = c.Title(), c.PublicName()
	}
	if err != nil {
		p := asProblem(err)
		o.Code, o.Detail = p.Code, p.Detail
	}
	return o
}

// tell is a line for people.
func (o outcome) tell(a *app) string {
	switch {
	case o.OK && o.Certificate == "":
		return fmt.Sprintf("%s %s   %s\n", a.mark(fine), orNone(o.Line), o.Detail)
	case o.OK:
		return fmt.Sprintf("%s %s   %s\n", a.mark(fine), o.Name, o.Certificate)
	}
	return fmt.Sprintf("%s %s   %s %s\n", a.mark(failed), ca.Show(o.Line), o.Code, o.Detail)
}

// outcomes answers with a line each; some that failed are an error whose answer was given.
// Those of a dry run that would go well were listed before.
func (a *app) outcomes(all []outcome, what string) error {
	var b strings.Builder
	var names []string
	bad := 0
	for _, o := range all {
		if !o.OK || o.Detail == "" {
			b.WriteString(o.tell(a))
		}
		if o.OK {
			names = append(names, o.Certificate)
		} else {
			bad++
		}
	}
	fmt.Fprintf(&b, "%d %s, %d refused\n", len(all)-bad, what, bad)
	err := a.give(answer{value: all, text: fitted(b.String(), columnsOf(a.out)), rows: all, columns: []string{"line", "name", "certificate", "ok", "code", "detail"}, names: names})
	if err == nil && bad > 0 {
		err = errFaults
	}
	return err
}

// each runs a function for each place of a list, some at once, and ends early with ctx.
func each(ctx context.Context, n int, do func(i int)) error {
	places := make(chan struct{}, abreast)
	var all sync.WaitGroup
	defer all.Wait()
	for i := range n {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		all.Go(func() {
			defer func() { <-places }()
			do(i)
		})
	}
	return nil
}

// many revokes what a search or a file of serial numbers names, after somebody has said
// how many that are.
// What is under way when somebody stops it comes to its end, and its list is published; the
// rest is left.
func (a *app) many(ctx context.Context, k *client.Client, q withdrawing) error {
	found, bad, err := a.gathered(ctx, k, q)
	if err != nil {
		return err
	}
	goesOn := !q.dry && len(found) > 0
	for _, o := range bad {
		if goesOn { // otherwise the answer follows at once, and says it
			fmt.Fprint(a.err, o.tell(a))
		}
	}
	fmt.Fprintf(a.err, "%s would be revoked, reason %s:\n%s", counted(len(found), "certificate"), q.Reason, listText(found[:min(len(found), shownFirst)], time.Now(), columnsOf(a.err)))
	if len(found) > shownFirst {
		fmt.Fprintf(a.err, "  and %d more\n", len(found)-shownFirst)
	}
	if !goesOn {
		for _, c := range found {
			o := went(c.PublicName(), c, nil)
			o.Detail = "would be revoked"
			bad = append(bad, o)
		}
		return a.outcomes(bad, map[bool]string{true: "would be revoked", false: "revoked"}[q.dry])
	}
	if err := a.counted(ctx, len(found), q); err != nil {
		return err
	}
	all := make([]outcome, len(found))
	p := a.progress(task{what: "revoke", of: "certificates were revoked", total: int64(len(found))})
	deed := context.WithoutCancel(ctx)
	stopped := each(ctx, len(found), func(i int) {
		c, err := k.Revoke(deed, found[i].PublicName(), q.Withdrawal)
		if err != nil {
			c = found[i]
		} else {
			p.add(1)
		}
		all[i] = went(found[i].PublicName(), c, err)
	})
	p.end(ctx)
	var authorities []string
	for i, o := range all {
		if o.OK && !slices.Contains(authorities, found[i].Authority) {
			authorities = append(authorities, found[i].Authority)
		}
	}
	for _, name := range authorities {
		if _, err := a.published(deed, k, name); err != nil {
			return err
		}
	}
	all = slices.DeleteFunc(append(bad, all...), func(o outcome) bool { return o.Line == "" }) // not begun
	if err := a.outcomes(all, "revoked"); err != nil {
		return errors.Join(stopped, err)
	}
	return stopped
}

// counted has the number of certificates said by who revokes them.
func (a *app) counted(ctx context.Context, n int, q withdrawing) error {
	typed := q.confirm
	if typed == "" {
		if err := a.unanswered(q.grave(), byConfirm.with(strconv.Itoa(n))); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "Type the number to revoke them: ")
		var err error
		if typed, err = a.line(ctx, byConfirm); err != nil {
			return err
		}
	}
	if strings.TrimSpace(typed) != strconv.Itoa(n) {
		return usage(ca.Show(typed)+" is not their number, so nothing was revoked", fmt.Sprintf("there are %d: look at them with --dry-run", n))
	}
	return nil
}

// gathered gives what is to be revoked, and the lines of a file that name nothing.
func (a *app) gathered(ctx context.Context, k *client.Client, q withdrawing) (found []ca.Certificate, bad []outcome, err error) {
	if q.file == "" {
		q.search.Status = "valid"
		page, err := a.pages(ctx, k, q.search, true)
		return slices.DeleteFunc(page.Items, func(c ca.Certificate) bool { return c.Kind != ca.EndEntity }), nil, err
	}
	refs, err := a.refs(q.file)
	if err != nil {
		return nil, nil, err
	}
	all, errs := make([]ca.Certificate, len(refs)), make([]error, len(refs))
	p := a.progress(task{what: "look up", of: "certificates were looked up, and none was revoked", total: int64(len(refs))})
	err = each(ctx, len(refs), func(i int) {
		defer p.add(1)
		issued, err := k.Certificate(ctx, refs[i])
		if all[i], errs[i] = issued.Certificate, err; err == nil && all[i].Kind != ca.EndEntity {
			errs[i] = ca.Refused(ca.E2111, "only the certificates that authorities hand out are revoked here", "chancery ca revoke NAME")
		}
	})
	p.end(ctx)
	seen := map[ca.ID]bool{}
	for i, c := range all {
		switch {
		case errs[i] != nil:
			bad = append(bad, went(refs[i], ca.Certificate{}, errs[i]))
		case !seen[c.ID]:
			seen[c.ID] = true
			c.DER = nil
			found = append(found, c)
		}
	}
	return found, bad, err
}

// refs reads a file with a serial number or a public name on each line. What stands behind # is
// for people.
func (a *app) refs(path string) ([]string, error) {
	in, err := a.opened(path)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // it was only read
	var out []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
		if len(out) > maxRows {
			return nil, usage(fmt.Sprintf("%s has more than %d lines", path, maxRows), "split it")
		}
	}
	if err := lines.Err(); err != nil {
		return nil, unreadable(path, err)
	}
	if len(out) == 0 {
		return nil, usage(path+" names no certificate", "write a serial number on each line")
	}
	return out, nil
}

// published has the list of an authority published, and says what came of it. That it
// waits is no failure of who revokes.
func (a *app) published(ctx context.Context, k *client.Client, authority string) (string, error) {
	var l ca.List
	err := a.during(ctx, "publish", func() (err error) {
		l, err = k.PublishDue(ctx, authority)
		return err
	})
	var p *ca.Problem
	switch {
	case err == nil && l.Scope == ca.DeltaList:
		return fmt.Sprintf("; delta %d of %s is published, and the complete list follows within a quarter of an hour", l.Number, l.Authority), nil
	case err == nil:
		return fmt.Sprintf("; list %d of %s is published", l.Number, l.Authority), nil
	case errors.As(err, &p) && (p.Kind == ca.ForbiddenKind || p.Kind == ca.UnauthenticatedKind): // who has no account, or none that may, needs none
		return "; the service publishes the list within seconds", nil
	case errors.As(err, &p):
		fmt.Fprintf(a.err, "%s the list of %s is not published yet: %s   → %s\n", a.mark(warned), authority, p.Detail, p.Fix)
		return "", nil
	}
	return "", err
}
