// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A ListScope is which of the lists of an authority one is. The empty one is the
// complete list, which says nothing of a scope and is always there: many clients
// understand no other. The others stand beside it, each in a file of its own. It is a
// part of the list's address: issuing-g1.delta.crl.
type ListScope string

const (
	// CompleteList covers every certificate of the authority's key.
	CompleteList ListScope = ""
	// DeltaList holds what changed since an earlier complete list (RFC 5280 §5.2.4).
	DeltaList ListScope = "delta"
	// AuthorityList covers CA certificates alone (RFC 5280 §5.2.5, onlyContainsCACerts).
	AuthorityList ListScope = "arl"
)

// MaxShards bounds the shards of an authority: each is a signature, a leaf and a file at
// least once a day, and all leaves of a set fit into one group of the log. A million
// entries in as many are lists of 400 kB.
const MaxShards = 128

// ShardList is the scope of a shard, numbered from 0.
func ShardList(shard int) ListScope { return ListScope("s" + strconv.Itoa(shard)) }

// Shard is the number of a shard's scope, false for any other.
func (s ListScope) Shard() (shard int, is bool) {
	number, is := strings.CutPrefix(string(s), "s")
	shard, err := strconv.Atoi(number)
	return shard, is && err == nil && shard >= 0 && shard < MaxShards && ShardList(shard) == s
}

// known tells whether there are lists of this scope.
func (s ListScope) known() bool {
	_, shard := s.Shard()
	return shard || s == CompleteList || s == DeltaList || s == AuthorityList
}

// String is the word for people: complete, delta, arl or shard:3.
func (s ListScope) String() string {
	if n, is := s.Shard(); is {
		return "shard:" + strconv.Itoa(n)
	}
	if s == CompleteList {
		return "complete"
	}
	return string(s)
}

// ParseListScope reads what String writes. The Problem is E1401.
func ParseListScope(text string) (ListScope, error) {
	if number, is := strings.CutPrefix(text, "shard:"); is {
		text = "s" + number
	} else if text == "complete" {
		return CompleteList, nil
	}
	if s := ListScope(text); s != CompleteList && s.known() {
		return s, nil
	}
	return "", Invalid(E1401, "no kind of list is called "+Show(text), "complete, delta, arl, or shard:0 and so on").At("kind")
}

// ListName names a list: the authority's name, and the scope behind a dot. With .crl it
// is a file, and the end of an address.
func ListName(authority string, s ListScope) string {
	if s == CompleteList {
		return authority
	}
	return authority + "." + string(s)
}

// SplitListName is the other way of ListName; false if it names no list.
func SplitListName(name string) (authority string, s ListScope, ok bool) {
	authority, scope, dotted := strings.Cut(name, ".")
	s = ListScope(scope)
	return authority, s, authority != "" && dotted == (s != CompleteList) && s.known()
}

// ListScopes are the lists that are made of an authority, the complete one first. A key
// that is open at ceremonies alone has no delta: its list is short, and made once a year.
func (a Authority) ListScopes() []ListScope {
	out := []ListScope{CompleteList}
	if a.Kind != Issuing {
		return append(out, AuthorityList)
	}
	out = append(out, DeltaList)
	for i := range a.Sharded() {
		out = append(out, ShardList(i))
	}
	return out
}

// HaveList refuses a list that none of some authorities has: no publishing makes one. The
// Problem is E2101, at kind.
func HaveList(all []Authority, s ListScope) error {
	var kinds []string
	shards := 0
	for _, a := range all {
		for _, one := range a.ListScopes() {
			if one == s {
				return nil
			}
			if _, shard := one.Shard(); !shard && !slices.Contains(kinds, one.String()) {
				kinds = append(kinds, one.String())
			}
		}
		shards = max(shards, a.Sharded())
	}
	if shards > 0 {
		kinds = append(kinds, fmt.Sprintf("shard:0 to shard:%d", shards-1))
	}
	who, fix := "no authority has", "use a kind that there is: "+strings.Join(kinds, ", ")
	if len(all) == 1 {
		who = all[0].Name + " does not have"
	}
	if _, shard := s.Shard(); shard {
		fix += "; how many shards an authority has is chosen when it is made: chancery ca create --shards N, or init --shards N"
	}
	return NotFound(E2101, who+" a list of the kind "+s.String(), fix).At("kind")
}

// Sharded is how many shards there are beside the complete list: none if that would be
// the only one.
func (a Authority) Sharded() int {
	if a.Kind != Issuing || a.Shards < 2 || a.ListAddress(ShardList(0)) == "" {
		return 0
	}
	return a.Shards
}

// ListAddress is where a list is: beside the complete one, whose address is CRL. It is
// empty where that is, or where the complete list has an address of another form, as
// those from elsewhere do: nobody would find the others.
func (a Authority) ListAddress(s ListScope) string {
	base, is := strings.CutSuffix(a.CRL, "/"+a.Name+".crl")
	switch {
	case s == CompleteList:
		return a.CRL
	case !is:
		return ""
	}
	return base + "/" + ListName(a.Name, s) + ".crl"
}

// ShardOf is the shard of a serial number among n: its last eight octets, which are
// random bits in every number made here, modulo n. So no shard fills before the others,
// and nobody chooses his.
func ShardOf(serial []byte, n int) int {
	var last [8]byte
	copy(last[max(0, len(last)-len(serial)):], serial[max(0, len(serial)-len(last)):])
	return int(binary.BigEndian.Uint64(last[:]) % uint64(n)) //nolint:gosec // n is positive and small
}

// A List describes a revocation list (RFC 5280 §5) without its entries.
type List struct {
	// Authority is the generation that issued it.
	Authority string `json:"authority"`
	// Scope says which of its lists it is.
	Scope ListScope `json:"scope,omitempty"`
	// Number is the CRL number: higher than that of any list of this scope before.
	// Lists of the same moment have the same (RFC 5280 §5.2.3).
	Number int64 `json:"number"`
	// Base is, of a delta, the number of the oldest complete list that it completes.
	Base       int64     `json:"base,omitempty"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Entries    int       `json:"entries"`
}

// Name is ListName.
func (l List) Name() string { return ListName(l.Authority, l.Scope) }

// A ListBody is the body of a CRL leaf, whose digest is the SHA-256 of the to-be-signed
// bytes.
type ListBody struct {
	List
	// Leaves is how many leaves the log had when what is revoked was looked at: every
	// step below is on the list. Zero is of a list that was made while nothing was
	// revoked; all leaves below its own are on it.
	Leaves int64 `json:"leaves,omitempty"`
	// Bases are, of a complete list, the base of the deltas made from now on, and the one
	// that follows it.
	Bases []ListBase `json:"bases,omitempty"`
}

// A ListBase is a complete list that deltas say what changed since.
type ListBase struct {
	Number int64     `json:"number"`
	Made   time.Time `json:"made"`
	Leaves int64     `json:"leaves"`
}

// A ListPart is which lists of an authority are made.
type ListPart string

const (
	// AllLists are those of ListScopes.
	AllLists ListPart = ""
	// ChangedLists are the complete list, the delta, and the shards in which something
	// was revoked since they were made.
	ChangedLists ListPart = "changed"
	// NewsLists are ChangedLists without the complete list.
	NewsLists ListPart = "news"
	// DueLists are those two as the publisher has it: it does not make a long list for each
	// revocation.
	DueLists ListPart = "due"
)

// A ListWish asks for lists of one authority.
type ListWish struct {
	Authority string `json:"authority"`
	// Days is how long they are valid, 0 for the usual.
	Days int      `json:"days,omitempty"`
	Part ListPart `json:"part,omitempty"`
	// Published is the number of the complete list that can be fetched now, 0 for none; the
	// publisher says it. No delta stands on a list that never could be.
	Published int64 `json:"published,omitempty"`
}

// A ListHead is what a published list says of itself before its entries are read.
type ListHead struct {
	Authority string `json:"authority"`
	// Scope says which of the authority's lists it is.
	Scope      ListScope `json:"scope,omitempty"`
	Number     int64     `json:"number"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
}
