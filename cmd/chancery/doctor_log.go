// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/internal/whole"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/softkey"
)

// A chronicle is what one pass over the log tells of the installation. It is
// made by lookAtLog, or by the first check that needs it.
type chronicle struct {
	read        bool
	err         error
	report      audit.Report
	initKey     ed25519.PublicKey
	bundle      ca.BundleBody
	authorities []ca.Authority      // the last state of each, in order of founding
	said        map[string][]saying // by the name of the generation, in the order of the log
	restored    []restoring
	lists       map[string]int64 // the number of the newest revocation list of each name, and of the newest feed
	// requested is a key whose certificate is to be made elsewhere; empty if there is none.
	requested string
	// waiting counts the revocations of each issuing key that no list is younger than.
	waiting map[ca.Digest]int
}

// chronicle reads and verifies the log from its files, once.
func (p *patient) chronicle(ctx context.Context) *chronicle {
	if !p.record.read {
		p.record.read = true
		p.record.err = p.record.pass(ctx, p.layout)
	}
	return &p.record
}

func (c *chronicle) pass(ctx context.Context, l layout) (err error) {
	var v audit.Verification
	if v.Key, err = readAuditKey(l.auditKey()); err != nil {
		return err
	}
	// The checkpoint before the segments: a log that grows meanwhile is longer than
	// promised, never shorter.
	if v.Newest, err = readSmall(filepath.Join(l.signer(), "state", "checkpoint")); err != nil {
		return err
	}
	if v.Segments, err = segments(filepath.Join(l.signer(), "journal")); err != nil {
		return err
	}
	for i, s := range v.Segments {
		v.Segments[i].Open = func() (io.ReadCloser, error) {
			in, err := s.Open()
			return timed{in, ctx}, err
		}
	}
	if c.report, err = audit.Verify(v); err != nil {
		return err
	}
	c.lists, c.waiting, c.said = map[string]int64{}, map[ca.Digest]int{}, map[string][]saying{}
	for _, s := range v.Segments {
		if err := c.segment(s); err != nil {
			return fmt.Errorf("read %s: %w", s.Name, err)
		}
	}
	return nil
}

// A timed reader gives up when ctx ends.
type timed struct {
	io.ReadCloser
	ctx context.Context
}

func (t timed) Read(b []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	return t.ReadCloser.Read(b)
}

// segment learns from a segment that was verified. What follows its last whole
// group is a write in progress.
func (c *chronicle) segment(s audit.SegmentFile) (err error) {
	in, err := s.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	r, err := audit.NewSegmentReader(s.Name, bufio.NewReaderSize(in, 1<<20))
	if err != nil {
		return err
	}
	for {
		g, err := r.Next()
		var tail *audit.Fault
		switch {
		case errors.Is(err, io.EOF) || errors.As(err, &tail):
			return nil
		case err != nil:
			return err
		}
		for _, f := range g.Frames {
			record, err := audit.ReadRecord(f)
			if err == nil {
				err = c.learn(record)
			}
			if err != nil {
				return err
			}
		}
	}
}

// learn takes what later checks ask for.
func (c *chronicle) learn(r audit.Record) error {
	switch {
	case r.Leaf.Kind == audit.Revoked:
		c.waiting[r.Leaf.Issuer]++
	case r.Leaf.Kind == audit.CRL:
		c.waiting[r.Leaf.Issuer] = 0
		var l ca.ListBody
		if !r.Erased && json.Unmarshal(r.Body, &l) == nil { // audit.Lists tells of one that cannot be read
			c.lists[l.Name()] = max(c.lists[l.Name()], l.Number)
		}
	case r.Erased:
	case r.Leaf.Kind == audit.Feed:
		var f ca.FeedBody
		if json.Unmarshal(r.Body, &f) == nil {
			name := ca.FeedName(f.Authority, f.Base != 0)
			c.lists[name] = max(c.lists[name], f.Number)
		}
	case r.Leaf.Kind == audit.FrontEvent:
		var e ca.EventBody
		if err := json.Unmarshal(r.Body, &e); err != nil {
			return err
		}
		c.restores(e, time.UnixMilli(r.Leaf.Time))
	case r.Leaf.Kind == audit.Bundle:
		c.bundle = ca.BundleBody{}
		return json.Unmarshal(r.Body, &c.bundle)
	case r.Leaf.Kind == audit.Key:
		var k signer.KeyBody
		if err := json.Unmarshal(r.Body, &k); err != nil {
			return err
		}
		if k.Purpose == softkey.Authority && k.Signed != nil {
			c.requested = k.KeyID
		}
		if k.KeyID == "init" && len(k.SPKI) > 0 {
			public, err := x509.ParsePKIXPublicKey(k.SPKI)
			if err != nil {
				return err
			}
			c.initKey, _ = public.(ed25519.PublicKey) // of another kind, it is none
		}
	case r.Leaf.Kind == audit.Authority:
		var a ca.Authority
		if err := json.Unmarshal(r.Body, &a); err != nil {
			return err
		}
		c.said[a.Name] = append(c.said[a.Name], saying{r.Leaf.Index, a})
		at := slices.IndexFunc(c.authorities, func(b ca.Authority) bool { return b.Name == a.Name })
		if at < 0 {
			c.authorities = append(c.authorities, a)
		} else {
			c.authorities[at] = a
		}
	}
	return nil
}

// unread is the answer of a check that has only the log to ask.
func unread(what string) []finding {
	return []finding{warning("mend the log first", "%s could not be looked at: the log cannot be read", what)}
}

func lookAtLog(ctx context.Context, p *patient) []finding {
	c := p.chronicle(ctx)
	var f *audit.Fault
	switch {
	case errors.As(c.err, &f):
		return []finding{failure("stop the service, keep the directory as it is, and restore it from a backup   (chancery audit verify)", "the log is not what was promised: %v", f)}
	case errors.Is(c.err, context.DeadlineExceeded):
		return []finding{warning("chancery audit verify", "the log is longer than what is read here")}
	case c.err != nil:
		return []finding{illness("the log cannot be verified", c.err)}
	}
	return []finding{ok("log: %d entries, chain intact, last checkpoint at %d verifies", c.report.Leaves, c.report.Newest.Size)}
}

// lookAtLogID compares the front's word for the signer's log with the log. A lost
// file is written again from the log itself.
func lookAtLogID(ctx context.Context, p *patient) []finding {
	c := p.chronicle(ctx)
	if c.err != nil {
		return unread("front/log_id")
	}
	id, err := os.ReadFile(p.layout.logID())
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.fix:
		if err := whole.Write(p.layout.logID(), fileMode, []byte(c.report.Log.String()+"\n")); err != nil {
			return []finding{illness(p.layout.logID()+" cannot be written", err)}
		}
		return []finding{warning("", "%s was missing; written again from the log: %s", p.layout.logID(), c.report.Log)}
	case errors.Is(err, fs.ErrNotExist):
		return []finding{failure("chancery doctor --fix", "%s is missing: the front does not know which log it belongs to", p.layout.logID())}
	case err != nil:
		return []finding{illness(p.layout.logID()+" cannot be read", err)}
	case strings.TrimSpace(string(id)) != c.report.Log.String():
		return []finding{failure("restore database and log from one backup", "%s names log %s, and the signer's log is %s", p.layout.logID(), ca.Show(strings.TrimSpace(string(id))), c.report.Log)}
	}
	return []finding{ok("front and signer belong to one log, %s", c.report.Log)}
}

func lookAtPolicy(ctx context.Context, p *patient) []finding {
	c := p.chronicle(ctx)
	if c.err != nil {
		return unread("the policy bundle")
	}
	if len(c.initKey) != ed25519.PublicKeySize || !ed25519.Verify(c.initKey, policy.BundleMessage(c.bundle.Document, c.report.Log.String()), c.bundle.Signature) {
		return []finding{failure("restore the installation from a backup", "the policy bundle in force is not signed by the init key")}
	}
	profiles, err := readBundle(c.bundle.Document)
	if err != nil {
		return []finding{illness("the policy bundle cannot be read", err)}
	}
	b, err := policy.ParseBundle(c.bundle.Document)
	if err != nil {
		return []finding{illness("the policy bundle cannot be read", err)}
	}
	found := []finding{lasting(fmt.Sprintf("policy bundle %d with %s", b.Version, counted(len(profiles), "profile")), b.Expires, p.now,
		"put a new bundle in force: nothing is issued under an expired one")}
	for _, e := range b.Exceptions {
		found = append(found, warning("", "the policy has the exception %s", e))
	}
	for uid, roles := range b.Accounts {
		if slices.Contains(roles, ca.CAAdmin) && slices.Contains(roles, ca.SecurityAdmin) {
			found = append(found, warning("", "the account %s is both ca-admin and security-admin: one person makes the rules and issues under them", accountName(uid)))
		}
	}
	return found
}

// endsSoon is when an end is worth a warning: a successor takes that long to
// reach all who must trust it.
const endsSoon = 90 * 24 * time.Hour

// lasting is a finding about something that ends.
func lasting(what string, end, now time.Time, hint string) finding {
	day := onDay(end)
	switch {
	case !now.Before(end):
		return failure(hint, "%s expired on %s", what, day)
	case end.Sub(now) < endsSoon:
		return warning(hint, "%s ends on %s, in %s", what, day, counted(int(end.Sub(now)/(24*time.Hour)), "day"))
	}
	return ok("%s, until %s", what, day)
}

func lookAtAuthorities(ctx context.Context, p *patient) []finding {
	c := p.chronicle(ctx)
	if c.err != nil {
		return unread("the authorities")
	}
	if len(c.authorities) == 0 && c.requested != "" {
		return []finding{failure("chancery ca import-cert "+c.requested+" FILE chain.pem", "there is no authority yet, and nothing is issued: the certificate of %s, which the root elsewhere signs, was not brought", c.requested)}
	}
	if len(c.authorities) == 0 {
		return []finding{failure("restore the installation from a backup", "the log knows no authority")}
	}
	var found []finding
	for _, a := range c.authorities {
		if a.State != ca.Retired {
			key := a.KeyType
			if a.External {
				key = "elsewhere"
			}
			for _, weak := range unseenHere(a, c.authorities) {
				found = append(found, warning("chancery ca bundle --roots, for who checks servers or people by it", "%s: %s", a.Name, weak))
			}
			found = append(found, lasting(fmt.Sprintf("%s %s (%s)", a.Kind, a.Name, key), a.NotAfter, p.now, "chancery ca show "+a.Name))
		}
	}
	return append(append(found, lookAtLines(c.authorities, p.now)...), lookAtRows(ctx, p)...)
}

// lookAtLines names the lines that cannot sign. One of several may wait to be activated.
func lookAtLines(all []ca.Authority, now time.Time) (found []finding) {
	bound := slices.Clone(all)
	for i, a := range bound {
		bound[i].Fallen = ca.FallenOf(ca.Ancestry(all, a))
	}
	lines := ca.LinesOf(bound, nil, now)
	told := warning
	if unsigned(lines) == len(lines) {
		told = failure
	}
	for _, l := range lines {
		if l.Problem != nil {
			found = append(found, told(l.Problem.Fix, "%s", l.Problem.Detail))
		}
	}
	return found
}

// maxBehind is how far the clock may lie behind the last entry: two processes
// write, and a step of a second is no fault.
const maxBehind = 2 * time.Second

func lookAtClock(ctx context.Context, p *patient) []finding {
	c := p.chronicle(ctx)
	if c.err != nil {
		return unread("the clock")
	}
	last := time.UnixMilli(c.report.Last)
	if time.Until(last) > maxBehind {
		return []finding{failure("timedatectl set-ntp true", "the clock says %s, and the last entry of the log is of %s: nothing is signed until it is right",
			atTime(time.Now()), atTime(last))}
	}
	return []finding{ok("clock is not behind the log's last entry, of %s", atTime(last))}
}
