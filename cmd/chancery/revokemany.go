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

// many revokes what a search or a file of serial numbers names, or takes holds back, after
// somebody has said how many that are. They are judged first: an effect that is announced is
// one that will be.
func (a *app) many(ctx context.Context, k *client.Client, q withdrawing) error {
	q.locked = keysLocked(ctx, k)
	found, bad, err := a.gathered(ctx, k, q)
	if err != nil {
		return err
	}
	m := multitude{withdrawing: q, bad: bad}
	if err := a.judge(ctx, k, &m, a.spareService(q, found)); err != nil {
		return err
	}
	a.announce(m.found, q)
	switch {
	case len(m.found) == 0:
		return a.outcomes(m.bad, nil, map[bool]string{true: q.would(), false: q.did()}[q.dry], "")
	case q.dry:
		fmt.Fprint(a.err, fitted(consequence(m.found, q, m.also), columnsOf(a.err)))
		return a.wouldAll(m)
	}
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

// wouldAll says what would become of each.
func (a *app) wouldAll(m multitude) error {
	var rest []outcome
	for _, c := range m.also.named {
		o := went(c.PublicName(), c, nil)
		o.Detail, o.told, o.RevokedAt, o.Reason = m.would()+" with its key", true, time.Time{}, ""
		rest = append(rest, o)
	}
	return a.outcomes(append(m.bad, m.judged...), rest, m.would(), "")
}

// withdrawAll takes a step of each. What is under way when somebody stops it comes to its end,
// and its list is published; the rest is left.
func (a *app) withdrawAll(ctx context.Context, k *client.Client, m multitude) error {
	all := make([]outcome, len(m.found))
	p := a.progress(task{what: "revoke", of: "certificates were " + m.did(), total: int64(len(m.found))})
	deed := context.WithoutCancel(ctx)
	pause := p.pause("the service takes no more than 10 000 revocations a minute: it goes on by itself within a minute, Ctrl-C stops it")
	stopped := each(ctx, len(m.found), func(i int) {
		var c ca.Aftermath
		err := patiently(ctx, pause, func() (err error) {
			c, err = k.Revoke(deed, m.found[i].PublicName(), m.Withdrawal)
			return err
		})
		if err != nil {
			c.Certificate = m.found[i]
		} else {
			p.add(1)
		}
		all[i] = went(m.found[i].PublicName(), c.Certificate, err)
	})
	p.end(ctx)
	rest, touched := a.fell(deed, k, m)
	for i, o := range all {
		if o.OK {
			touched = append(touched, m.found[i])
		}
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
	for _, authority := range issuersOf(all) {
		one, err := a.published(ctx, k, authority)
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
