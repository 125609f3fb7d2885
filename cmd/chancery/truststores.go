// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"chancery/ca"
	"chancery/trust"
	"chancery/verify"
)

// A standing is what one root is in one store. State is what stands at the end of a
// command, or would.
type standing struct {
	Store       string `json:"store"` // system, nss or java
	Place       string `json:"place"`
	Root        string `json:"root"`
	Fingerprint string `json:"fingerprint_sha256"`
	// Name is what the store calls it.
	Name  string `json:"name,omitempty"`
	State string `json:"state"`
	// Note says why, where it did not go as wished.
	Note string `json:"note,omitempty"`

	store trust.Store
	cert  *x509.Certificate
}

// The states.
const (
	isTrusted     = "trusted"   // under our name
	isElsewhere   = "by-others" // under a name that is not ours
	isAbsent      = "not-trusted"
	willInstall   = "to-install"
	willRemove    = "to-remove"
	wasInstalled  = "installed"
	wasRemoved    = "removed"
	wasLeftOut    = "left-out" // this account may not write there
	wasNotReached = "failed"
)

// stateLevels are how good each state is.
var stateLevels = map[string]level{isAbsent: warned, isElsewhere: warned, wasLeftOut: warned, wasNotReached: failed}

func titleOf(c *x509.Certificate) string { return verify.Title(c) }

// look finds each root in each store. A store that was named must answer; one that was
// only found is told and left.
func look(ctx context.Context, stores []trust.Store, roots []*x509.Certificate, named bool) ([]standing, error) {
	all := []standing{}
	for _, s := range stores {
		entries, err := s.List(ctx)
		if err != nil && named {
			return nil, err
		}
		for _, c := range roots {
			digest := sha256.Sum256(c.Raw)
			one := standing{Store: s.Where().Kind, Place: s.Where().Path, Root: titleOf(c), Fingerprint: hex.EncodeToString(digest[:]), State: isAbsent, store: s, cert: c}
			name, ours := trust.Find(entries, c)
			switch {
			case err != nil:
				one.fail(err)
			case ours:
				one.Name, one.State = name, isTrusted
			case name != "":
				one.Name, one.State = name, isElsewhere
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// fail notes why a store could not be used.
func (s *standing) fail(err error) {
	s.State, s.Note = wasNotReached, err.Error()
	var p *ca.Problem
	if errors.As(err, &p) {
		s.Note = p.Detail
		if p.Fix != "" {
			s.Note += "  → " + p.Fix
		}
	}
}

// plan sets what will be done.
func (s *standing) plan(to intent) {
	switch {
	case to == installing && s.State == isAbsent:
		s.Name, s.State = trust.Name(s.cert), willInstall
	case to == removing && s.State == isTrusted:
		s.State = willRemove
	case to == removing && s.State == isElsewhere:
		s.Note = "it was not put there by chancery trust install, and stays"
	}
	if err := s.store.Writable(); err != nil && s.due() {
		s.fail(err)
		s.State = wasLeftOut
	}
}

// due tells whether something will be done.
func (s *standing) due() bool { return s.State == willInstall || s.State == willRemove }

// carryOut does what was planned for one root in one store.
func (s *standing) carryOut(ctx context.Context) {
	var err error
	switch s.State {
	case willInstall:
		err = s.store.Add(ctx, s.cert)
		s.State = wasInstalled
	case willRemove:
		err = s.store.Remove(ctx, s.cert)
		s.State = wasRemoved
	}
	if err != nil {
		s.fail(err)
	}
}

// giveStandings answers, and ends as failed if a store was not reached.
func (a *app) giveStandings(all []standing, head string) error {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.State
	}
	err := a.give(answer{value: all, rows: all, text: head + a.standingsText(all), names: names, columns: []string{"store", "place", "root", "state", "name", "note"}})
	if err != nil {
		return err
	}
	left := 0
	for _, s := range all {
		if s.State == wasNotReached {
			return errTold // the answer says which
		}
		if s.State == wasLeftOut {
			left++
		}
	}
	if left > 0 && left == len(all) {
		return errTold
	}
	return nil
}

// stateWords are the states as people read them.
var stateWords = map[string]string{
	isTrusted: "trusted as %s", isElsewhere: "trusted as %s, which somebody else has put there", isAbsent: "not trusted",
	willInstall: "will be installed as %s", willRemove: "will be removed: %s", wasInstalled: "installed as %s", wasRemoved: "removed: %s", wasNotReached: "cannot be used", wasLeftOut: "left out",
}

func (a *app) standingsText(all []standing) string {
	var b strings.Builder
	for _, s := range all {
		l, is := stateLevels[s.State]
		if !is {
			l = fine
		}
		words := stateWords[s.State]
		if strings.Contains(words, "%") {
			words = fmt.Sprintf(words, s.Name)
		}
		fmt.Fprintf(&b, "%s %s %s: %s %s", a.mark(l), s.Store, s.Place, s.Root, words)
		if s.Note != "" {
			b.WriteString(" (" + s.Note + ")")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
