// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"chancery/ca"
)

// Bounds of a generation.
const (
	// maxLife of a CA certificate, in days.
	maxLife = 100 * 366
	// MaxGenerations of an installation: what the book gives in one page.
	MaxGenerations = 1000
)

// reserved are names of keys that are no authority's.
var reserved = []string{"init", "log", "kek", "auto"}

// unaddressable are names that no line gets: /pki/roots.bundle.pem has the roots of all lines,
// and /pki/bundle.pem is no line's. One that was made with such a name before goes on, and only
// its own bundle has no address.
var unaddressable = []string{"roots", "bundle"}

// A Newcomer is a generation that is to be, whoever signs it.
type Newcomer struct {
	Name, Line string
	Kind       ca.AuthorityKind
	// Parent is the generation that signs it; empty for a root, and for one whose
	// certificate was made elsewhere.
	Parent string
	// Days is the lifetime.
	Days int
	// PathLen is what was asked for; nil is what its kind needs.
	PathLen *int
	// PKI is the base of the addresses in certificates.
	PKI string
	// Shards is how many shards its list has, 0 and 1 for none.
	Shards int
}

func unmakeable(detail, fix string) *ca.Problem { return ca.Refused(ca.E2601, detail, fix) }

func untakeable(detail, fix string) *ca.Problem { return ca.Refused(ca.E2602, detail, fix) }

// Admits refuses a generation that could not be, whoever signed it. The Problem is
// E2601.
func (h Hierarchy) Admits(n Newcomer) error {
	switch {
	case len(h) >= MaxGenerations:
		return unmakeable(fmt.Sprintf("an installation has at most %d authorities", MaxGenerations), "found another one: chancery init --dir DIR")
	case !NamesGeneration(n.Name) || !NamesGeneration(n.Line):
		return unmakeable(ca.Show(n.Name)+" cannot be the name of an authority", "use letters a-z, digits and inner hyphens, at most 60: users-g1")
	case h[n.Name].Name != "":
		return unmakeable("there is an authority "+n.Name+" already", "choose the next number: chancery ca list")
	case n.Kind != ca.Root && n.Kind != ca.Intermediate && n.Kind != ca.Issuing:
		return unmakeable("an authority is a root, an intermediate or an issuing one", "chancery ca create --help")
	case n.Kind == ca.Issuing && n.PathLen != nil && *n.PathLen != 0:
		return unmakeable("an issuing authority has path length 0", "leave --path-length out").Because("its key works online (security rule SG-04)")
	case n.Kind != ca.Issuing && n.PathLen != nil && *n.PathLen < 1:
		return unmakeable(fmt.Sprintf("an authority with path length %d could sign no other", *n.PathLen), "leave --path-length out for none, or for one less than the parent's")
	case n.Shards < 0 || n.Shards > ca.MaxShards:
		return unmakeable(fmt.Sprintf("%d is no number of shards: at most %d", n.Shards, ca.MaxShards), "leave --shards out for none")
	case n.Shards > 1 && n.Kind != ca.Issuing:
		return unmakeable("only the list of an issuing authority has shards", "leave --shards out").Because("the others sign few certificates")
	case !strings.HasPrefix(n.PKI, "http://"):
		return unmakeable("the base address of lists and certificates is no http:// address", "set pki_url: chancery status").
			Because("whoever checks a list must not need to check another one first (RFC 5280 §8)")
	}
	for _, s := range h {
		if s.Line == n.Line && (s.Kind != n.Kind || s.External) {
			return unmakeable(fmt.Sprintf("the line %s is of another kind: %s", n.Line, s.Kind), "choose another --line")
		}
	}
	if slices.Contains(unaddressable, n.Line) && !h.hasLine(n.Line) {
		return unmakeable("a line cannot be called "+n.Line, "choose another: --line "+n.Line+"-one").
			Because("the address of its bundle, /pki/" + n.Line + ".bundle.pem, is not its own")
	}
	return livesFor(n.Days, "chancery ca create --days 1825")
}

func (h Hierarchy) hasLine(line string) bool {
	for _, s := range h {
		if s.Line == line {
			return true
		}
	}
	return false
}

// livesFor refuses a lifetime out of bounds.
func livesFor(days int, fix string) error {
	if days < 1 || days > maxLife {
		return unmakeable(fmt.Sprintf("a life of %d days is not between 1 and %d", days, maxLife), fix)
	}
	return nil
}

// NamesGeneration tells whether a name can stand in addresses and be that of a key's file.
func NamesGeneration(name string) bool {
	return name != "" && len(name) <= 60 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
		name[0] != '-' && name[len(name)-1] != '-' && !slices.Contains(reserved, name)
}

// Below refuses what cannot be below its parent, or stand alone. The Problem is E2101 or
// E2601.
func (h Hierarchy) Below(n Newcomer) error {
	if n.Parent == "" {
		return h.follows(n)
	}
	p, known := h[n.Parent]
	switch {
	case !known:
		return ca.NotFound(ca.E2101, "there is no authority "+ca.Show(n.Parent), "chancery ca list")
	case p.Kind == ca.Issuing:
		return unmakeable(p.Name+" signs no authorities", "choose a root or an intermediate: chancery ca list")
	case p.External:
		return unmakeable("the key of "+p.Name+" is not here", "chancery ca export-csr "+n.Name+", have it signed there, then chancery ca import-cert")
	case h.fallen(p) != "":
		return unmakeable("nothing new is below "+p.Name+": "+h.fallen(p), "choose another parent: chancery ca list")
	case len(h.chain(p)) >= ca.MaxChain:
		return unmakeable(fmt.Sprintf("%s stands in a chain of %d, and none is longer", p.Name, ca.MaxChain), "choose a higher parent: chancery ca list")
	case p.Link.NoCA != nil:
		return unmakeable("the certificate of "+p.Name+" signs no authorities", "chancery ca renew "+p.Name).Because(p.Link.NoCA.Error())
	}
	limit := p.Link.PathLen
	switch { // RFC 5280 §4.2.1.9: how many authorities may follow below this one
	case limit == 0:
		return unmakeable(p.Name+" has path length 0: no authority can be below it", "choose another parent: chancery ca list")
	case limit == 1 && n.Kind != ca.Issuing:
		return unmakeable(p.Name+" has path length 1: only issuing authorities can be below it", "chancery ca create --for server,client")
	}
	if limit >= 0 && n.PathLen != nil && *n.PathLen >= limit {
		return unmakeable(fmt.Sprintf("%s has path length %d, which leaves no room for %d", p.Name, limit, *n.PathLen), fmt.Sprintf("at most --path-length %d", limit-1))
	}
	return nil
}

// follows demands of what signs itself that it is a root, or that its line has others
// that do: no other line gets a root whose key is at hand every day.
func (h Hierarchy) follows(n Newcomer) error {
	if n.Kind == ca.Root {
		return nil
	}
	for _, s := range h {
		if s.Line == n.Line && s.Parent == s.Name {
			return nil
		}
	}
	return unmakeable("no authority of line "+n.Line+" signs itself", "name the one that signs it: chancery ca create --parent NAME").
		Because("whoever steals the key of one that signs itself and everything else is the root")
}

// PathLen is the path length constraint that its certificate gets, -1 for none.
func (h Hierarchy) PathLen(n Newcomer) int {
	switch {
	case n.PathLen != nil:
		return *n.PathLen
	case n.Kind == ca.Issuing:
		return 0
	}
	if p, known := h[n.Parent]; known && p.Link.NoCA == nil && p.Link.PathLen > 0 {
		return p.Link.PathLen - 1
	}
	return -1
}

// Birth is the state that a new generation of a line begins in: standby if another one
// is active, or if that was asked for.
func (h Hierarchy) Birth(line string, standby bool) ca.AuthorityState {
	if standby {
		return ca.Standby
	}
	for _, s := range h {
		if s.Line == line && s.State == ca.Active {
			return ca.Standby
		}
	}
	return ca.Active
}
