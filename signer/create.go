// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	"chancery/check"
	"chancery/signer/softkey"
)

// A Creation asks for one more authority, below one that is here or as a root.
type Creation struct {
	Generation
	Kind ca.AuthorityKind `json:"kind"`
	// Parent is the generation that signs it; empty for what signs itself: a root, or an
	// issuing authority in a line of such.
	Parent string `json:"parent,omitempty"`
	// PKI is as in a Founding.
	PKI string `json:"pki_url"`
	// Words are the recovery words that open the parent's key; for an issuing authority
	// that signs itself, those of the installation.
	Words string `json:"words,omitempty"`
	// OwnWords seal the key of a root or intermediate authority; empty takes Words.
	OwnWords string `json:"own_words,omitempty"`
	// Standby keeps it from signing until it is activated, also as the first of its line.
	Standby bool `json:"standby,omitempty"`
}

// Created is what was made, with the lists that were signed while the keys were
// open: the parent's, and that of an authority whose key is sealed again.
type Created struct {
	Authority ca.Authority      `json:"authority"`
	Lists     map[string][]byte `json:"lists,omitempty"`
	// Notices are for whoever asked: a life that was shortened, and the like.
	Notices []string `json:"notices,omitempty"`
}

// Bounds of a generation.
const (
	maxLife       = 100 * 366 // days
	maxGeneration = 1000      // of an installation: what the book gives in one page
)

// Create makes an authority (security rule SG-03). One that signs end-entity
// certificates starts as standby if its line has an active generation, and is active
// otherwise. The session is closed: the front learns of it by settling. What cannot
// be made is E2601, a locked key E3001, wrong words E3002; nothing is kept then.
func (s *Signer) Create(q Creation) (out Created, err error) {
	s.flights.Lock()
	defer s.flights.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	r := s.rules.Load()
	if err := r.takes(q.Generation, q.Kind, q.PKI); err != nil {
		return out, err
	}
	if err := r.freeName(q.Subject); err != nil {
		return out, err
	}
	m := making{Generation: q.Generation, kind: q.Kind, state: r.birth(q.Line, q.Standby), pki: q.PKI, notices: &out.Notices}
	switch {
	case q.Kind == ca.Root:
	case q.Kind == ca.Issuing && q.Parent == "":
		if err := r.follows(q.Line); err != nil {
			return out, err
		}
		// Its key works day by day, so that no words seal it: they are asked for all the
		// same (security rule SG-03).
		if err := s.proven(q.Words); err != nil {
			return out, err
		}
	default:
		if err := r.below(q); err != nil {
			return out, err
		}
		if m.parent, err = s.openSealed(q.Parent, q.Words); err != nil {
			return out, err
		}
		// It may be wanted all the same: relying parties may have this one alone yet.
		if m.parent.State == ca.Retiring {
			out.Notices = append(out.Notices, q.Parent+" is retiring: who takes it out of a trust store refuses "+q.Name+" too")
		}
	}
	if m.key, err = s.unused(q); err != nil {
		return out, err
	}
	if m.key != nil {
		out.Notices = append(out.Notices, "the key of "+q.Name+" that lay here was taken: it had no certificate")
	} else if m.words, err = s.ownWords(q); err != nil {
		return out, err
	}
	defer wipe(m.words)
	made, err := s.establish(m, now)
	if err != nil {
		return out, err
	}
	out.Authority = made.Authority
	if err := s.ceremonyLists(&out, m.parent, made); err != nil {
		return out, err
	}
	return out, s.journal.Sync()
}

// ceremony says whether something may be made now, and when that is.
func (s *Signer) ceremony() (time.Time, error) {
	if !s.founded() {
		return time.Time{}, unfounded()
	}
	if err := s.failure(); err != nil {
		return time.Time{}, err
	}
	now, err := s.clock.read()
	return now.UTC().Truncate(time.Second), err
}

func wipe(w *softkey.Stretched) {
	if w != nil {
		w.Wipe()
	}
}

func unmakeable(detail, fix string) *ca.Problem { return ca.Refused(ca.E2601, detail, fix) }

// takes refuses a generation that could not be, whoever signed it.
func (r *rules) takes(g Generation, kind ca.AuthorityKind, pki string) error {
	switch {
	case len(r.authorities) >= maxGeneration:
		return unmakeable(fmt.Sprintf("an installation has at most %d authorities", maxGeneration), "found another one: chancery init --dir DIR")
	case !isName(g.Name) || !isName(g.Line):
		return unmakeable(ca.Show(g.Name)+" cannot be the name of an authority", "use letters a-z, digits and inner hyphens, at most 60: users-g1")
	case r.authorities[g.Name] != nil:
		return unmakeable("there is an authority "+g.Name+" already", "choose the next number: chancery ca list")
	case kind != ca.Root && kind != ca.Intermediate && kind != ca.Issuing:
		return unmakeable("an authority is a root, an intermediate or an issuing one", "chancery ca create --help")
	case g.Days < 1 || g.Days > maxLife:
		return unmakeable(fmt.Sprintf("a life of %d days is not between 1 and %d", g.Days, maxLife), "chancery ca create --days 1825")
	case kind == ca.Issuing && g.PathLen != nil && *g.PathLen != 0:
		return unmakeable("an issuing authority has path length 0", "leave --path-length out").Because("its key works online (security rule SG-04)")
	case kind != ca.Issuing && g.PathLen != nil && *g.PathLen < 1:
		return unmakeable(fmt.Sprintf("an authority with path length %d could sign no other", *g.PathLen), "leave --path-length out for none, or for one less than the parent's")
	case !strings.HasPrefix(pki, "http://"):
		return unmakeable("the base address of lists and certificates is no http:// address", "set pki_url: chancery status").
			Because("whoever checks a list must not need to check another one first (RFC 5280 §8)")
	}
	for _, a := range r.authorities {
		if a.Line == g.Line && (a.Kind != kind || a.External) {
			return unmakeable(fmt.Sprintf("the line %s is of another kind: %s", g.Line, a.Kind), "choose another --line")
		}
	}
	return nil
}

// freeName refuses the name of another authority, whatever its line.
func (r *rules) freeName(s ca.Subject) error {
	subject, err := subjectDER(s)
	if err != nil {
		return err
	}
	if other := r.otherNamed(subject, ca.Digest{}); other != nil {
		return unmakeable("the authority "+other.Name+" has this name", "choose another one: chancery ca create --subject O=Lab,CN=…").Because("whoever verifies finds an authority by its name")
	}
	return nil
}

// isName tells whether a name can stand in addresses and be that of a key's file.
func isName(name string) bool {
	return name != "" && len(name) <= 60 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
		name[0] != '-' && name[len(name)-1] != '-' && !slices.Contains([]string{initKeyID, logKeyID, "kek", "auto"}, name)
}

// below refuses what cannot be below the parent.
func (r *rules) below(q Creation) error {
	p := r.authorities[q.Parent]
	switch {
	case p == nil:
		return ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.Parent), "chancery ca list")
	case p.Kind == ca.Issuing:
		return unmakeable(p.Name+" signs no authorities", "choose a root or an intermediate: chancery ca list")
	case p.External:
		return unmakeable("the key of "+p.Name+" is not here", "chancery ca export-csr "+q.Name+", have it signed there, then chancery ca import-cert")
	case p.State == ca.Retired:
		return unmakeable(p.Name+" is retired", "choose another parent: chancery ca list")
	}
	limit, err := check.PathLen(p.Certificate)
	if err != nil {
		return unmakeable("the certificate of "+p.Name+" signs no authorities", "chancery ca renew "+p.Name).Because(err.Error())
	}
	switch { // RFC 5280 §4.2.1.9: how many authorities may follow below this one
	case limit == 0:
		return unmakeable(p.Name+" has path length 0: no authority can be below it", "choose another parent: chancery ca list")
	case limit == 1 && q.Kind != ca.Issuing:
		return unmakeable(p.Name+" has path length 1: only issuing authorities can be below it", "chancery ca create --for server,client")
	}
	if limit >= 0 && q.PathLen != nil && *q.PathLen >= limit {
		return unmakeable(fmt.Sprintf("%s has path length %d, which leaves no room for %d", p.Name, limit, *q.PathLen), fmt.Sprintf("at most --path-length %d", limit-1))
	}
	return nil
}

// follows demands that a line has authorities that sign themselves: no other line gets a
// root whose key is at hand every day.
func (r *rules) follows(line string) error {
	for _, a := range r.authorities {
		if a.Line == line && a.Parent == a.Name {
			return nil
		}
	}
	return unmakeable("no authority of line "+line+" signs itself", "name the one that signs it: chancery ca create --parent NAME").
		Because("whoever steals the key of one that signs itself and everything else is the root")
}

// birth is the state that a new generation of a line begins in.
func (r *rules) birth(line string, standby bool) ca.AuthorityState {
	for _, a := range r.authorities {
		if a.Line == line && a.State == ca.Active {
			return ca.Standby
		}
	}
	if standby {
		return ca.Standby
	}
	return ca.Active
}

// openSealed opens the key of a root or an intermediate authority for the time of a
// ceremony. What is in force keeps its key shut.
func (s *Signer) openSealed(name, text string) (*authority, error) {
	opened := *s.rules.Load().authorities[name]
	var err error
	opened.key, err = s.rootKey(name, text)
	return &opened, err
}

// ownWords stretches the words that will seal the authority's key; nil for one whose
// key works day by day, which needs the keys to be unlocked.
func (s *Signer) ownWords(q Creation) (*softkey.Stretched, error) {
	if q.Kind == ca.Issuing {
		if s.keys.Sealed() {
			return nil, ca.Locked(ca.E3001, "the keys are locked, so that none can be added", "chancery key unlock")
		}
		return nil, nil
	}
	words, err := softkey.ParseWords(q.sealing())
	if err != nil {
		return nil, err
	}
	defer words.Wipe()
	// A mistyped word would seal a key that nobody opens again. The parent's key has tried
	// these already; without one, that of the installation must open with them.
	if q.OwnWords == "" && q.Parent == "" {
		if err := s.keys.ProveWords(words, s.log()); err != nil {
			return nil, s.noteTry(Unlocking{Words: q.Words}, err)
		}
	}
	return s.keys.Stretch(words, s.KDF)
}

// ceremonyLists makes the lists of those whose keys are open for the ceremony only:
// the next chance may be a year away (architecture §6). What was made stands without
// them, so that a list which cannot be made now is a notice.
func (s *Signer) ceremonyLists(out *Created, all ...*authority) error {
	out.Lists = map[string][]byte{}
	for _, a := range all {
		if a == nil || a.Kind == ca.Issuing {
			continue
		}
		l, err := s.wholeList(a, a.listDays(s.Now()))
		var why *ca.Problem
		switch {
		case errors.As(err, &why):
			out.Notices = append(out.Notices, fmt.Sprintf("no list of %s was made (%s): chancery crl publish --ca %s", a.Name, why.Detail, a.Name))
		case err != nil:
			return fmt.Errorf("make the list of %s: %w", a.Name, err)
		default:
			out.Lists[a.Name] = l.DER
		}
	}
	return nil
}

// listDays is how long the list of a sealed authority lives: a year, but not beyond
// its certificate.
func (a *authority) listDays(now time.Time) int {
	return max(1, min(rootListDays, int(a.NotAfter.Sub(now)/(24*time.Hour))))
}
