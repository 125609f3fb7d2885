// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chancery/ca"
)

// A PublishedList is a revocation list as everybody gets it. It must have been
// opened before the segments were listed: its CRL leaf was durable before it was
// signed, so the segments have it then.
type PublishedList struct {
	// Name is the list's, as ca.ListName has it.
	Name   string
	Number int64
	// TBS is the SHA-256 of its to-be-signed bytes.
	TBS ca.Digest
	// Has tells whether a serial number is on it; nil where that cannot be asked. It is
	// asked once for each step that the log has of the certificates that the list covers.
	Has func(ca.Serial) (bool, error)
	// Genuine says why it is not signed with the authority's key; nil is not asked. What the
	// log holds of a list does not cover its signature.
	Genuine func(ca.Authority) error
	// Replaced tells whether a newer one took its place since it was opened; nil is never.
	// It is asked in the end, of one that is older than the log's newest and lacks something.
	Replaced func() bool
	// Damage is why the file is no list that could be read; it has none of the rest then.
	Damage error
}

// Lists holds what a log says of revocation lists against itself, and the published
// lists against the log. It is given to one Verification, and asked when that is over.
//
//   - The numbers of an authority's lists strictly rise (security rule RV-04).
//   - A published list has its CRL leaf, whose digest is that of its to-be-signed
//     bytes. One that is older than the newest leaf of its name lacks no serial that the
//     newer one had to have; it is no fault then, and Agreement tells both numbers.
//   - Each serial that a REVOKED or EARLIER leaf names which a complete list was made of is on it, unless the
//     certificate had ended before the list before it was made: an entry stays until it
//     has been on one list after that (RV-05; RFC 5280 §3.3).
//
// The memory is a few numbers for each list, and for each at most MaxDifferences serials and maxLate
// steps, and those that are held at one time and on no list.
type Lists struct {
	byName map[string]*listed
	byKey  map[ca.Digest]ca.Authority
	names  []string
	// others are the end entities of keys that have a list of CA certificates, which those
	// are not on. Such keys sign few.
	others map[ca.Serial]bool
	out    ListAgreement
}

// A ListAgreement is what Lists found.
type ListAgreement struct {
	// Made counts the lists that the log knows.
	Made int64 `json:"made"`
	// Compared counts the published lists that the log has.
	Compared int `json:"compared"`
	// Newest are, by authority, the newest complete list of the log and the published one;
	// and of its other lists (ca.ListName) those of which an older one is published.
	Newest []NewestList `json:"newest"`
	// Count is the number of differences, First the first MaxDifferences of them.
	Count int64        `json:"differences"`
	First []Difference `json:"first,omitempty"`
	// Outdated is how many of them say that what is published is older than the newest that was
	// made, and lacks a revocation: so it is when somebody put it back, and when a crash came
	// between the log and the address.
	Outdated int64 `json:"outdated,omitempty"`
}

// A NewestList tells how far an authority's lists have come.
type NewestList struct {
	Authority string `json:"authority"`
	// Number is that of the newest list on the log, 0 if there is none.
	Number int64 `json:"number"`
	// Published is that of the published list, 0 if there is none or it was not looked
	// for.
	Published int64 `json:"published,omitempty"`
}

// A listed is the lists of a name so far: the complete ones of an authority, or its deltas,
// or those of a shard.
type listed struct {
	name   string
	number int64
	leaf   int64     // of the newest list
	this   time.Time // likewise
	leaves int64     // it was made of the steps below
	// published is held against the log until its leaf was met.
	published *PublishedList
	met       bool
	altered   bool         // it is not what its leaf has
	at        int64        // that leaf
	by        ca.Authority // who signed it
	// late are steps of serials that the published list lacks, since the newest list: the leaf
	// of the next one shows which of them were taken while it was made.
	late []missed
	// missing are serials that the published list lacks. Those whose certificates end
	// last are kept: when the list's leaf comes, it shows how early an end excuses.
	missing []missed
	// held are those that are held: the step that takes a hold back clears them.
	held map[ca.Serial]missed
}

// A missed is a step of a serial that is not on a list.
type missed struct {
	index  int64
	serial ca.Serial
	ends   time.Time
	why    ca.Reason
	again  bool // the certificate had steps before
}

// maxLate bounds the steps that may have been taken while a list was made: the signer takes
// 10 000 in a minute, and nobody reads a list that took more than ten.
const maxLate = 100_000

// NewLists makes Lists of what is published, of each name once; without any, the
// log alone is looked at.
func NewLists(published []PublishedList) *Lists {
	l := &Lists{byName: map[string]*listed{}, byKey: map[ca.Digest]ca.Authority{}, others: map[ca.Serial]bool{}}
	for _, p := range published {
		l.of(p.Name).published = &p
	}
	return l
}

// Agreement is for when the verification is over.
func (l *Lists) Agreement() ListAgreement {
	out := l.out
	out.First = slices.Clone(out.First)
	for _, name := range l.names {
		a := l.byName[name]
		n := NewestList{Authority: name, Number: a.number}
		if p := a.published; p != nil {
			n.Published = p.Number
			switch {
			case p.Damage != nil:
				out.add(Difference{Leaf: a.leaf, What: fmt.Sprintf("what is published as the list of %s cannot be read: %v", name, p.Damage)})
			case !a.met:
				out.add(Difference{Leaf: a.leaf, What: fmt.Sprintf("list %d of %s is published, and is not on the log, whose newest is %d", p.Number, name, a.number)})
			default:
				out.Compared++
				if err := a.forged(); err != nil {
					out.add(Difference{Leaf: a.at, What: fmt.Sprintf("list %d of %s is published, and whoever checks refuses it: %v", p.Number, name, err)})
				}
				for _, m := range a.outdated() {
					out.add(m.older("list", name, a))
					out.Outdated++
				}
			}
		}
		_, scope, _ := ca.SplitListName(name)
		if scope == ca.CompleteList || a.published != nil && a.met && n.Published < n.Number {
			out.Newest = append(out.Newest, n)
		}
	}
	return out
}

// forged is why a published list or feed is not signed as its leaf has it. Where the log has
// lost whose key that is, nothing is.
func (a *listed) forged() error {
	if a.altered || a.published.Genuine == nil || len(a.by.SPKI) == 0 {
		return nil
	}
	return a.published.Genuine(a.by)
}

func (a *ListAgreement) add(d Difference) {
	if a.Count++; len(a.First) < MaxDifferences {
		a.First = append(a.First, d)
	}
}

func (l *Lists) of(authority string) *listed {
	a := l.byName[authority]
	if a == nil {
		a = &listed{name: authority}
		l.byName[authority] = a
		l.names = append(l.names, authority)
	}
	return a
}

// leaf takes one leaf into account. The error is one of reading a published list.
func (l *Lists) leaf(r Record) error {
	if r.Erased {
		return nil // it is too old to be about a list that anybody may use
	}
	switch r.Leaf.Kind {
	case Authority:
		if a, ok := authorityOf(r); ok {
			l.byKey[a.Key] = a
			l.of(a.Name)
		}
	case Intent:
		l.intended(r)
	case Revoked, Earlier:
		return revocations(r, func(one missed) error { return l.revoked(r, one) })
	case CRL:
		l.list(r)
	}
	return nil
}

// authorityOf is what an AUTHORITY leaf is about, if it says so.
func authorityOf(r Record) (a ca.Authority, ok bool) {
	err := json.Unmarshal(r.Body, &a)
	return a, err == nil && a.Name != ""
}

// revocations are what a REVOKED leaf revokes, or an EARLIER one that was revoked elsewhere.
// A body that cannot be read names none.
func revocations(r Record, each func(one missed) error) error {
	if r.Leaf.Kind == Revoked {
		var body ca.RevokedBody
		if json.Unmarshal(r.Body, &body) != nil {
			return nil
		}
		return each(missed{r.Leaf.Index, r.Leaf.Serial, body.NotAfter, body.Reason, r.Leaf.Step > 1})
	}
	var body ca.EarlierBody
	if json.Unmarshal(r.Body, &body) != nil {
		return nil
	}
	for _, e := range body.Entries {
		if err := each(missed{r.Leaf.Index, e.Serial, ca.Never(), ca.Unspecified, false}); err != nil {
			return err
		}
	}
	return nil
}

// intended notes an end entity of a key whose list of CA certificates is published.
func (l *Lists) intended(r Record) {
	a, ok := l.byKey[r.Leaf.Issuer]
	if !ok || l.byName[ca.ListName(a.Name, ca.AuthorityList)] == nil {
		return
	}
	var body ca.IntentBody
	if json.Unmarshal(r.Body, &body) == nil && body.Kind == ca.EndEntity {
		l.others[r.Leaf.Serial] = true
	}
}

// revoked holds a serial that a leaf revokes against the published lists that cover it.
func (l *Lists) revoked(r Record, one missed) error {
	of, ok := l.byKey[r.Leaf.Issuer]
	if !ok {
		return nil
	}
	scopes := []ca.ListScope{ca.CompleteList, ca.DeltaList}
	if n := of.Sharded(); n > 0 {
		scopes = append(scopes, ca.ShardList(ca.ShardOf(one.serial.Bytes(), n)))
	}
	if !l.others[one.serial] {
		scopes = append(scopes, ca.AuthorityList)
	}
	for _, scope := range scopes {
		a := l.byName[ca.ListName(of.Name, scope)]
		if a == nil || a.published == nil || a.published.Damage != nil {
			continue
		}
		if err := a.revoked(one); err != nil {
			return err
		}
	}
	return nil
}

// revoked holds a serial that a leaf revokes against what is published, if that tells: what
// came after it was made, a newer one has.
func (a *listed) revoked(one missed) (err error) {
	has := one.again && one.why != ca.RemoveFromCRL // or it would be missing for a new reason
	if a.published.Has != nil {
		has, err = a.published.Has(one.serial)
	}
	if err != nil {
		return fmt.Errorf("read the published list of %s: %w", a.name, err)
	}
	if has {
		return nil
	}
	if a.late = append(a.late, one); len(a.late) > maxLate {
		a.take(a.late[0])
		a.late = a.late[1:]
	}
	return nil
}

// settle takes the steps that a list was made of, below a leaf. The next list has the others.
func (a *listed) settle(leaves int64) {
	n := 0
	for ; n < len(a.late) && a.late[n].index < leaves; n++ {
		a.take(a.late[n])
	}
	a.late = slices.Delete(a.late, 0, n)
}

// judged are the serials that the published list lacks, once its leaf has settled which steps
// it was made of. What was revoked while it was made is not among them, and is kept for the
// next one; nor does it hide any, though few are kept.
func (a *listed) judged(leaves int64) (lacks []missed) {
	all := a.lacking()
	lacks = slices.DeleteFunc(slices.Clone(all), func(m missed) bool { return m.index >= leaves })
	a.missing = slices.DeleteFunc(all, func(m missed) bool { return m.index < leaves })
	a.held = nil
	return lacks
}

// lacking are the serials that the published list lacks, those that are held among them.
func (a *listed) lacking() []missed {
	all := slices.Clone(a.missing)
	for _, m := range a.held {
		if !slices.ContainsFunc(all, func(one missed) bool { return one.serial == m.serial }) {
			all = append(all, m)
		}
	}
	return all
}

// outdated are the serials that a published list lacks which is older than the newest of its
// name, and that the newest had to have. Which of those it has that ended since does not
// matter to anybody.
func (a *listed) outdated() []missed {
	if a.published.Number >= a.number || a.altered {
		return nil
	}
	lacks := slices.DeleteFunc(a.lacking(), func(m missed) bool { return m.index >= a.leaves || m.ends.Unix() < a.this.Unix() })
	if len(lacks) == 0 || a.published.Replaced != nil && a.published.Replaced() {
		return nil
	}
	slices.SortFunc(lacks, func(x, y missed) int { return cmp.Compare(x.index, y.index) })
	return lacks
}

// older says that a list or a feed is older than the newest one and lacks a serial.
func (m missed) older(what, name string, a *listed) Difference {
	return Difference{Leaf: m.index, Serial: m.serial, What: fmt.Sprintf("it is revoked, and not so by %s %d of %s, which is published and is older than %d (leaf %d)",
		what, a.published.Number, name, a.number, a.leaf)}
}

// take takes a step into account that came before the list.
func (a *listed) take(one missed) {
	delete(a.held, one.serial)
	switch one.why {
	case ca.RemoveFromCRL:
	case ca.CertificateHold:
		if a.held == nil {
			a.held = map[ca.Serial]missed{}
		}
		a.held[one.serial] = one
	default:
		a.miss(one)
	}
}

// miss notes a serial that the published list lacks.
func (a *listed) miss(one missed) {
	if slices.ContainsFunc(a.missing, func(m missed) bool { return m.serial == one.serial }) {
		return // its reason was raised
	}
	at, _ := slices.BinarySearchFunc(a.missing, one, func(x, y missed) int { return cmp.Compare(y.ends.Unix(), x.ends.Unix()) })
	if a.missing = slices.Insert(a.missing, at, one); len(a.missing) > MaxDifferences {
		a.missing = a.missing[:MaxDifferences]
	}
}

// list is a CRL leaf.
func (l *Lists) list(r Record) {
	index := r.Leaf.Index
	l.out.Made++
	var body ca.ListBody
	if err := json.Unmarshal(r.Body, &body); err != nil || body.Authority == "" {
		l.out.add(Difference{Leaf: index, What: "the leaf does not say which list was made"})
		return
	}
	a := l.of(body.Name())
	if _, known := l.byKey[r.Leaf.Issuer]; !known {
		l.byKey[r.Leaf.Issuer] = ca.Authority{Name: body.Authority}
	}
	if body.Number <= a.number {
		l.out.add(Difference{Leaf: index, What: fmt.Sprintf("list %d of %s follows list %d: numbers must rise (RV-04)", body.Number, a.name, a.number)})
	}
	leaves := body.Leaves
	if leaves <= 0 {
		leaves = index
	}
	a.settle(leaves)
	if p := a.published; p != nil && !a.met && p.Number == body.Number {
		a.met, a.at, a.by = true, index, l.byKey[r.Leaf.Issuer]
		lacks := a.judged(leaves)
		switch a.altered = p.TBS != r.Leaf.Digest; {
		case !a.altered && body.Scope == ca.CompleteList:
			l.lacks(a, lacks, index) // what is on the others is on the complete one
		case a.altered:
			l.out.add(Difference{Leaf: index, What: fmt.Sprintf("list %d of %s is published, and is not the one that was made: its SHA-256 is not %s", p.Number, a.name, r.Leaf.Digest)})
		}
	}
	a.number, a.leaf, a.this, a.leaves = max(a.number, body.Number), index, body.ThisUpdate, leaves
}

// lacks judges the serials that are not on the published list, whose leaf this is.
// Before the first list nothing is excused.
func (l *Lists) lacks(a *listed, all []missed, index int64) {
	for _, m := range all {
		if a.number == 0 || m.ends.Unix() >= a.this.Unix() {
			l.out.add(Difference{Leaf: m.index, Serial: m.serial, What: fmt.Sprintf("it is revoked, and not on list %d of %s, which was made later (leaf %d; RV-05)", a.published.Number, a.name, index)})
		}
	}
}
