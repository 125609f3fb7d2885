// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"fmt"

	"chancery/ca"
	"chancery/signer/softkey"
)

// A RootListing brings the recovery words for one list of a root.
type RootListing struct {
	Authority string `json:"authority"`
	Words     string `json:"words"`
	// Days is how long the list is valid, 1 to 365; zero is 365.
	Days int `json:"days"`
}

// A WholeList is a list in DER, with what it says of itself.
type WholeList struct {
	ca.List
	DER []byte `json:"der"`
}

// ListRoot opens the key of a root for one signature, that of its list, and
// forgets it again. A root's key is open at a ceremony only, so its list lives
// longer than others (security rule RV-04).
func (s *Signer) ListRoot(q RootListing) (out WholeList, err error) {
	s.flights.Lock()
	defer s.flights.Unlock()
	if !s.founded() {
		return out, unfounded()
	}
	if err := s.failure(); err != nil {
		return out, err
	}
	a := s.rules.Load().authorities[q.Authority]
	switch {
	case a == nil || a.Kind != ca.Root:
		return out, ca.NotFound(ca.E2101, "there is no root "+ca.Show(q.Authority), "chancery ca list")
	case q.Days == 0:
		q.Days = rootListDays
	case q.Days < 1 || q.Days > rootListDays:
		return out, ca.Refused(ca.E2112, fmt.Sprintf("a root's list is valid for 1 to %d days", rootListDays), "ask for fewer")
	}
	words, err := softkey.ParseWords(q.Words)
	if err != nil {
		return out, err
	}
	defer words.Wipe()
	opened := *a
	if opened.key, err = s.keys.Root(a.Name, words, s.log()); err != nil {
		return out, s.noteTry(Unlocking{Words: q.Words}, err)
	}
	return s.wholeList(&opened, q.Days)
}
