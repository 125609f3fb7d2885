// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"fmt"

	"chancery/ca"
)

// A RootListing brings the recovery words for the lists of a root, or of an
// intermediate authority, whose key is sealed like a root's.
type RootListing struct {
	Authority string `json:"authority"`
	Words     string `json:"words"`
	// Days is how long the list is valid, 1 to 365; zero is 365, or what the authority
	// has left.
	Days int `json:"days"`
}

// RootLists are the lists of a sealed authority: what the complete one says of itself,
// and all of them in DER, by name.
type RootLists struct {
	ca.List
	Lists map[string][]byte `json:"lists"`
}

// ListRoot opens the key of a root or an intermediate authority for its lists, and
// forgets it again. Such a key is open at a ceremony only, so
// its list lives longer than others (security rule RV-04).
func (s *Signer) ListRoot(q RootListing) (out RootLists, err error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	if !s.founded() {
		return out, unfounded()
	}
	if err := s.failure(); err != nil {
		return out, err
	}
	a := s.rules.Load().authorities[q.Authority]
	switch {
	case a == nil || a.Kind == ca.Issuing:
		return out, ca.NotFound(ca.E2101, "there is no root or intermediate authority "+ca.Show(q.Authority), "chancery ca list")
	case a.External:
		return out, a.elsewhere()
	case q.Days == 0:
		q.Days = a.listDays(s.Now())
	case q.Days < 1 || q.Days > rootListDays:
		return out, ca.Refused(ca.E2112, fmt.Sprintf("such a list is valid for 1 to %d days", rootListDays), "ask for fewer")
	}
	opened, err := s.openSealed(a.Name, q.Words)
	if err != nil {
		return out, err
	}
	s.flights.RLock()
	defer s.flights.RUnlock()
	out.List, out.Lists, err = s.wholeLists(opened, q.Days)
	return out, err
}

// elsewhere says why an authority makes no list here.
func (a *authority) elsewhere() error {
	return ca.Refused(ca.E3004, "the key of "+a.Name+" is not here", "where its key is, its list is made")
}
