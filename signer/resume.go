// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer/softkey"
)

// unused tells whether the key of a generation that was never made lies here: whoever
// asked for it died between its key and its certificate, and asks again. One that was
// revoked as compromised meanwhile, or that a live certificate has, is E2204. One that is of
// another type, or sealed for another kind, is E2601 and stays: nobody but its owner can
// tell that it is not needed.
func (s *Signer) unused(q Creation, now time.Time) (bool, error) {
	held, err := s.held(q.Name)
	if err != nil || held == nil {
		return false, err
	}
	if err := s.refusesKey(held.SPKI); err != nil {
		return false, err
	}
	switch {
	case held.Purpose != softkey.Authority || s.rules.Load().withKey(held.SPKI) != nil:
		return false, s.taken(q, "it is another's")
	case s.fromElsewhere(q.Name):
		return false, unmakeable("the key of "+q.Name+" was made elsewhere, and may have signed there", "chancery ca import-cert "+q.Name+" FILE --crl OLD.crl, or choose another name")
	case held.KeyType != q.KeyType:
		return false, s.taken(q, "it is of type "+held.KeyType)
	case slices.Contains(held.Methods, softkey.ByKEK) != (q.Kind == ca.Issuing):
		return false, s.taken(q, "it was sealed for another kind of authority")
	}
	return true, s.nobodys(held.SPKI, now)
}

// reopened opens the key that lies here. One that these words do not open is E2601.
func (s *Signer) reopened(q Creation) (crypto.Signer, error) {
	if q.Kind == ca.Issuing {
		return s.keys.Key(q.Name, s.log())
	}
	key, err := s.rootKey(q.Name, q.sealing())
	var p *ca.Problem
	if errors.As(err, &p) && p.Kind == ca.RefusedKind {
		return nil, s.taken(q, "other words seal it")
	}
	return key, err
}

func (s *Signer) taken(q Creation, why string) error {
	return unmakeable("a key of the name "+q.Name+" lies here already, and "+why, "give it another name: "+s.otherwise(q))
}

// otherwise is the command that makes it under a name that is free.
func (s *Signer) otherwise(q Creation) string {
	line := "chancery ca create " + s.free(q.Name) + " --line " + q.Line
	switch q.Kind {
	case ca.Root:
		return line + " --root"
	case ca.Intermediate:
		line += " --intermediate"
	}
	return line + " --parent " + q.Parent
}

// sealing are the words that seal the authority's key.
func (q Creation) sealing() string {
	if q.OwnWords != "" {
		return q.OwnWords
	}
	return q.Words
}

// free is the next name of a line that neither an authority nor a key has.
func (s *Signer) free(name string) string {
	line, n := name, 1
	if at := strings.LastIndex(name, "-g"); at > 0 {
		if number, err := strconv.Atoi(name[at+2:]); err == nil && number > 0 && number < policy.MaxGenerations {
			line, n = name[:at], number
		}
	}
	r := s.rules.Load()
	for range policy.MaxGenerations { // more there are not
		n++
		next := fmt.Sprintf("%s-g%d", line, n)
		if held, err := s.held(next); err == nil && held == nil && r.authorities[next] == nil {
			return next
		}
	}
	return line + "-next-g1"
}
