// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"chancery/ca"
	"chancery/config"
	"chancery/internal/ocsp"
	"chancery/status"
)

const (
	// firstProbe is when the addresses are fetched first: the lists of the start are
	// published by then. probeEvery is how often after that, probeAgain while something is
	// not there: whoever mended it wants to see that.
	firstProbe, probeEvery, probeAgain = 5 * time.Second, 5 * time.Minute, 30 * time.Second
	// probedWhole is up to which size, in octets, a list is fetched and read whole: a longer
	// one is only asked for, since reading a million entries takes what serving needs.
	probedWhole = 4 << 20
)

// A monitor fetches what certificates say is at their addresses, as relying parties do, and
// says what is not there, or is past half of its life (security rule RV-08).
type monitor struct {
	shelf  status.Shelf
	lists  string // the directory
	outlet outlet
	room   roomCheck
	// limited says that lists are not for everybody, so that a refusal is none of this
	// machine's business.
	limited bool
	// elsewhere says that another server hands out what is published.
	elsewhere bool
	log       *slog.Logger
	now       func() time.Time

	mu     sync.Mutex // held for a look and a change
	probes []probe
}

// A probe is an address that was fetched.
type probe struct {
	authority, what, url string
	fault                string // empty if all is well
	// unseen says that the fault may be this machine's, from which the other server that
	// hands this out cannot be reached.
	unseen bool
}

// shown is the address as people write it: a question to a responder is long, and ours.
func (p probe) shown() string {
	if p.what == "ocsp" {
		return p.url[:max(strings.LastIndexByte(p.url, '/'), 0)]
	}
	return p.url
}

// monitor makes the monitor of the front.
func (l layout) monitor(f front, log *slog.Logger) *monitor {
	s, err := l.settings()
	return &monitor{shelf: f.vouched, lists: l.lists(), outlet: f.outlet, room: l.room(), limited: err == nil && listsLimited(s), elsewhere: err == nil && servedElsewhere(s), log: log, now: wallClock()}
}

// run probes until ctx ends.
func (m *monitor) run(ctx context.Context) error {
	for wait := firstProbe; ; wait = m.next() {
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
		m.round(ctx)
	}
}

// next is when it is looked again.
func (m *monitor) next() time.Duration {
	if slices.ContainsFunc(m.probed(), func(p probe) bool { return p.fault != "" && !p.unseen }) {
		return probeAgain
	}
	return probeEvery
}

// round fetches each address once. One wait for a host that does not answer is enough.
func (m *monitor) round(ctx context.Context) {
	all, err := m.shelf.Authorities(ctx)
	if err != nil {
		return // /readyz says it
	}
	now := m.now()
	var probes []probe
	silent := map[string]probe{}
	for _, a := range all {
		if !now.Before(a.NotAfter) || a.External {
			continue
		}
		for _, p := range m.addresses(a) {
			if len(probes) == maxAsked || ctx.Err() != nil {
				break
			}
			host := hostAt(p.url)
			if before, is := silent[host]; is {
				p.fault, p.unseen = before.fault, before.unseen
			} else if err := m.fetch(ctx, a, p); err != nil {
				p.fault, p.unseen = manner(err), m.elsewhere && unreached(err)
				var late interface{ Timeout() bool }
				if errors.As(err, &late) && late.Timeout() {
					silent[host] = p
				}
			}
			probes = append(probes, p)
		}
	}
	if ctx.Err() == nil {
		m.keep(probes)
	}
}

// addresses are those that certificates of an authority carry.
func (m *monitor) addresses(a ca.Authority) (all []probe) {
	if a.Lists(m.now()) {
		for _, scope := range a.ListScopes() {
			if at := a.ListAddress(scope); at != "" {
				all = append(all, probe{authority: a.Name, what: scope.String(), url: at})
			}
		}
	}
	if a.Issuer != "" {
		all = append(all, probe{authority: a.Name, what: "certificate", url: a.Issuer})
	}
	if q := questionTo(a); a.OCSP != "" && q != "" {
		all = append(all, probe{authority: a.Name, what: "ocsp", url: a.OCSP + "/" + q})
	}
	return all
}

// fetch fetches one address, and judges what is there.
func (m *monitor) fetch(ctx context.Context, a ca.Authority, p probe) error {
	isList := p.what != "certificate" && p.what != "ocsp"
	if isList {
		if info, err := os.Stat(filepath.Join(m.lists, filepath.Base(p.url))); err == nil && info.Size() > probedWhole {
			return m.head(ctx, p.url)
		}
	}
	body, err := fetchAddress(ctx, p.url)
	now := m.now()
	switch {
	case errors.Is(err, errLimited) && isList && m.limited:
		return nil
	case err != nil:
		return err
	case p.what == "certificate":
		return isCertificateOf(body, a)
	case p.what == "ocsp":
		if err := isAnswerOf(body, a, now); err != nil {
			return err
		}
		return freshAnswer(body, now)
	}
	if err := isListOf(body, a, now); err != nil {
		return err
	}
	l, err := x509.ParseRevocationList(unarmoured(body))
	if err != nil {
		return err
	}
	return past(l.ThisUpdate, l.NextUpdate, now)
}

// freshAnswer says when an answer is past half of its life: one that is asked for is
// signed again by then.
func freshAnswer(body []byte, now time.Time) error {
	r, err := ocsp.Read(body)
	if err != nil || len(r.Singles) != 1 {
		return errors.New("what is there is no answer about one certificate")
	}
	return past(r.Singles[0].ThisUpdate, r.Singles[0].NextUpdate, now)
}

// past says when half of a life is over.
func past(from, to, now time.Time) error {
	if now.Sub(from) > to.Sub(from)/2 {
		return fmt.Errorf("what is there is past half of its life, and ends on %s", atTime(to))
	}
	return nil
}

// head asks whether something is there, and not for it.
func (m *monitor) head(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return err
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := c.Do(q)
	if err != nil {
		return err
	}
	_ = r.Body.Close() // it has none
	if r.StatusCode == http.StatusOK || r.StatusCode == http.StatusForbidden && m.limited {
		return nil
	}
	return fmt.Errorf("the answer is %s", ca.Show(r.Status))
}

// keep notes what was found, and logs what is wrong when it begins and when it ends.
func (m *monitor) keep(probes []probe) {
	m.mu.Lock()
	before := map[string]string{}
	for _, p := range m.probes {
		before[p.url] = p.fault
	}
	m.probes = probes
	m.mu.Unlock()
	for _, p := range probes {
		switch was := before[p.url]; {
		case p.unseen && was == "":
			m.log.Info("an address cannot be asked from this machine; what lies there is published by publish.directory", "authority", p.authority, "what", p.what, "address", p.url, "fault", p.fault)
		case p.fault != "" && was == "":
			m.log.Error("what certificates say is at an address is not there", "authority", p.authority, "what", p.what, "address", p.url, "fault", p.fault)
		case p.fault == "" && was != "":
			m.log.Info("it is there again", "authority", p.authority, "what", p.what, "address", p.url)
		}
	}
}

// probed are the probes of the last round.
func (m *monitor) probed() []probe {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.probes
}

// servedElsewhere tells whether another server hands out what is published: it is copied to a
// directory, and pki_url names a port on which this service does not listen.
func servedElsewhere(s config.Config) bool {
	named, served := ports(s)
	return s.Publish.Directory != "" && named != served
}

// unreached tells whether a server was not reached at all: its name is not known here, or no
// way leads there. Who refuses the connection was reached, and hands out nothing.
func unreached(err error) bool {
	var unanswered *url.Error
	return errors.As(err, &unanswered) && !errors.Is(err, syscall.ECONNREFUSED)
}

// checks are those of /readyz. Of addresses and copies they are warnings, since another node's
// are the same.
func (m *monitor) checks() []ca.Check {
	out := []ca.Check{{ID: "addresses", Level: ca.Fine}, {ID: "publication", Level: ca.Fine}, m.room.check()}
	for _, p := range m.probed() {
		if p.unseen {
			out[0].Message = fmt.Sprintf("%s cannot be asked from this machine: %s", hostAt(p.url), p.fault)
		} else if p.fault != "" {
			out[0].Level, out[0].Message = ca.Warned, fmt.Sprintf("%s of %s is not at %s as it should be: %s", p.what, p.authority, p.shown(), p.fault)
			break
		}
	}
	if err := m.outlet.trouble(); err != nil {
		out[1].Level, out[1].Message = ca.Warned, inLine(err.Error())
	}
	return out
}

// trouble says what keeps the copies, or the hook behind them, from being up to date.
func (o outlet) trouble() (err error) {
	if o.copies != nil {
		err = o.copies.Trouble()
	}
	if o.hook != nil {
		err = errors.Join(err, o.hook.Trouble())
	}
	return err
}

// maxInLine is what is shown of a fault among others, in octets: a program's output may be long.
const maxInLine = 300

// inLine makes one line of what may be several, and cuts it short.
func inLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	if len(text) > maxInLine {
		text = strings.ToValidUTF8(text[:maxInLine], "") + " …"
	}
	return text
}
