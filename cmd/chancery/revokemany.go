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

// A multitude is what many are revoked with: those that were found, those that fall with them,
// and the lines that name nothing.
type multitude struct {
	withdrawing
	found, also []ca.Certificate
	bad         []outcome
}

// many revokes what a search or a file of serial numbers names, or takes holds back, after
// somebody has said how many that are.
func (a *app) many(ctx context.Context, k *client.Client, q withdrawing) error {
	q.locked = keysLocked(ctx, k)
	found, bad, err := a.gathered(ctx, k, q)
	if err != nil {
		return err
	}
	m := multitude{withdrawing: q, found: a.spareService(q, found), bad: bad}
	if m.also, err = a.companionsOf(ctx, k, q, m.found); err != nil {
		return err
	}
	switch {
	case len(m.found) == 0:
		a.announce(nil, q)
		return a.outcomes(m.bad, nil, map[bool]string{true: q.would(), false: q.did()}[q.dry], "")
	case q.dry:
		return a.wouldAll(ctx, k, m)
	}
	a.announce(m.found, q)
	if q.confirm == "" { // who is asked sees first what is not among them
		for i := range m.bad {
			fmt.Fprint(a.err, m.bad[i].tell(a))
			m.bad[i].told = true
		}
	}
	fmt.Fprint(a.err, fitted(consequence(m.found, q, m.also), columnsOf(a.err)))
	if err := a.counted(ctx, len(m.found), q); err != nil {
		return err
	}
	return a.withdrawAll(ctx, k, m)
}

// announce says how many a step is about, and which are the first.
func (a *app) announce(all []ca.Certificate, q withdrawing) {
	reason := ", reason " + q.Reason.String()
	if q.lifts() {
		reason = ""
	}
	end := "\n"
	if len(all) > 0 {
		end = ":\n" + listText(all[:min(len(all), shownFirst)], time.Now(), columnsOf(a.err))
	}
	fmt.Fprintf(a.err, "%s %s%s%s", counted(len(all), "certificate"), q.would(), reason, end)
	if len(all) > shownFirst {
		fmt.Fprintf(a.err, "  and %d more\n", len(all)-shownFirst)
	}
}

// wouldAll says what would become of each. They are judged first: an effect that is announced
// is one that would be.
func (a *app) wouldAll(ctx context.Context, k *client.Client, m multitude) error {
	all, err := a.judgedAll(ctx, k, m)
	if err != nil {
		return err
	}
	var likely []ca.Certificate
	for i, o := range all {
		if o.OK {
			likely = append(likely, m.found[i])
		}
	}
	m.also = m.fell(all)
	if a.announce(likely, m.withdrawing); len(likely) > 0 {
		fmt.Fprint(a.err, fitted(consequence(likely, m.withdrawing, m.also), columnsOf(a.err)))
	}
	var rest []outcome
	for _, c := range m.also {
		o := went(c.PublicName(), c, nil)
		o.Detail, o.told, o.RevokedAt, o.Reason = m.would()+" with its key", true, time.Time{}, ""
		rest = append(rest, o)
	}
	return a.outcomes(append(m.bad, all...), rest, m.would(), "")
}

// judgedAll gives what would become of each that was found, as the service judges it.
func (a *app) judgedAll(ctx context.Context, k *client.Client, m multitude) ([]outcome, error) {
	all := make([]outcome, len(m.found))
	p := a.progress(task{what: "judge", of: "certificates were judged, and nothing was changed", total: int64(len(m.found))})
	err := each(ctx, len(m.found), func(i int) {
		defer p.add(1)
		planned, err := k.PlanRevoke(ctx, m.found[i].PublicName(), m.Withdrawal)
		if err != nil {
			planned = m.found[i]
		}
		all[i] = went(m.found[i].PublicName(), planned, err)
		if all[i].RevokedAt, all[i].Reason = (time.Time{}), ""; err == nil {
			all[i].Detail, all[i].told = m.would(), true // they are listed by themselves
			if m.found[i].Revoked != nil && m.found[i].Revoked.Reason == m.Reason {
				all[i].Detail = "is revoked for this reason already"
			}
		}
	})
	p.end(ctx)
	return all, err
}

// withdrawAll takes a step of each. What is under way when somebody stops it comes to its end,
// and its list is published; the rest is left.
func (a *app) withdrawAll(ctx context.Context, k *client.Client, m multitude) error {
	all := make([]outcome, len(m.found))
	p := a.progress(task{what: "revoke", of: "certificates were " + m.did(), total: int64(len(m.found))})
	deed := context.WithoutCancel(ctx)
	pause := p.pause("the service takes no more than 10 000 revocations a minute: it goes on by itself within a minute, Ctrl-C stops it")
	stopped := each(ctx, len(m.found), func(i int) {
		var c ca.Certificate
		err := patiently(ctx, pause, func() (err error) {
			c, err = k.Revoke(deed, m.found[i].PublicName(), m.Withdrawal)
			return err
		})
		if err != nil {
			c = m.found[i]
		} else {
			p.add(1)
		}
		all[i] = went(m.found[i].PublicName(), c, err)
	})
	p.end(ctx)
	var rest []outcome
	for _, c := range m.fell(all) {
		o := went(c.PublicName(), c, nil)
		o.Reason, o.Detail = m.Reason.String(), "revoked with its key"
		if again, err := k.Certificate(deed, c.PublicName()); err == nil && again.Certificate.Revoked != nil {
			o.RevokedAt = again.Certificate.Revoked.At
		}
		rest = append(rest, o)
	}
	var touched []ca.Certificate
	for i, o := range all {
		if o.OK {
			touched = append(touched, m.found[i])
		}
	}
	if len(rest) > 0 {
		touched = append(touched, m.also...)
	}
	news, err := a.publishedAll(deed, k, touched)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(append(m.bad, all...), func(o outcome) bool { return o.Line == "" }) // not begun
	if err := a.outcomes(all, rest, m.did(), news); err != nil {
		return errors.Join(stopped, err)
	}
	return stopped
}

// fell gives the certificates that fall with others of their keys, where one of these others
// went well.
func (m multitude) fell(all []outcome) (out []ca.Certificate) {
	lost := map[ca.Digest]bool{}
	for i, o := range all {
		lost[m.found[i].Key] = lost[m.found[i].Key] || o.OK
	}
	return slices.DeleteFunc(slices.Clone(m.also), func(c ca.Certificate) bool { return !lost[c.Key] })
}

const (
	// roomAfter is how long to wait before asking again whether the minute has room, and
	// maxWaits how often: others may revoke as much beside this command.
	roomAfter = 5 * time.Second
	maxWaits  = 120
)

// patiently does a thing again while there are too many in a minute.
func patiently(ctx context.Context, pause func(context.Context) error, do func() error) (err error) {
	for range maxWaits {
		var p *ca.Problem
		if err = do(); !errors.As(err, &p) || p.Code != ca.E2303 || pause(ctx) != nil {
			return err
		}
	}
	return err
}

// pause gives what waits until there may be room again, and says so the first time.
func (p *progress) pause(why string) func(context.Context) error {
	var once sync.Once
	return func(ctx context.Context) error {
		once.Do(func() { p.say(why) })
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(roomAfter):
			return nil
		}
	}
}

// counted has the number of certificates said by who revokes them.
func (a *app) counted(ctx context.Context, n int, q withdrawing) error {
	typed := q.confirm
	if typed == "" {
		if err := a.unanswered(q.grave(), byConfirm.with(strconv.Itoa(n))); err != nil {
			return err
		}
		what := "revoke them"
		if q.lifts() {
			what = "take the holds back"
		}
		fmt.Fprintf(a.err, "Type the number to %s: ", what)
		var err error
		if typed, err = a.line(ctx, byConfirm); err != nil {
			return err
		}
	}
	if strings.TrimSpace(typed) != strconv.Itoa(n) {
		return usage(ca.Show(typed)+" is not their number, so nothing was "+q.did(), fmt.Sprintf("there are %d: look at them with --dry-run", n))
	}
	return nil
}

// gathered gives what is to be revoked, and the lines of a file that name nothing.
func (a *app) gathered(ctx context.Context, k *client.Client, q withdrawing) (found []ca.Certificate, bad []outcome, err error) {
	if q.file == "" {
		q.search.Status = "valid"
		if q.lifts() {
			q.search.Status = "held"
		}
		page, err := a.pages(ctx, k, q.search, true)
		return slices.DeleteFunc(page.Items, func(c ca.Certificate) bool { return c.Kind != ca.EndEntity }), nil, err
	}
	refs, err := a.refs(q.file)
	if err != nil {
		return nil, nil, err
	}
	all, errs := make([]ca.Certificate, len(refs)), make([]error, len(refs))
	p := a.progress(task{what: "look up", of: "certificates were looked up, and nothing was changed", total: int64(len(refs))})
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

// publishedAll has the lists of all who issued some certificates published, and says which.
func (a *app) publishedAll(ctx context.Context, k *client.Client, all []ca.Certificate) (text string, err error) {
	var authorities []string
	for _, c := range all {
		if slices.Contains(authorities, c.Authority) {
			continue
		}
		authorities = append(authorities, c.Authority)
		one, err := a.published(ctx, k, c.Authority)
		if err != nil {
			return text, err
		}
		if text += one; strings.HasSuffix(text, withinSeconds) && strings.Count(text, withinSeconds) > 1 {
			text = strings.TrimSuffix(text, withinSeconds) // once is enough
		}
	}
	return text, nil
}

// withinSeconds is said to who may not publish.
const withinSeconds = "; the service publishes the list within seconds"

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
		return withinSeconds, nil
	case errors.As(err, &p):
		fmt.Fprintf(a.err, "%s the list of %s is not published yet: %s   → %s\n", a.mark(warned), authority, p.Detail, p.Fix)
		return "", nil
	}
	return "", err
}
