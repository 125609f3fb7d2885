// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"fmt"
	"slices"

	"chancery/ca"
)

// A PublishedFeed is a compact revocation feed (docs/feed.md) as everybody gets it. As a
// published list it must have been read before the segments were listed.
type PublishedFeed struct {
	Authority string
	// Delta says which of the authority's two feeds it is.
	Delta  bool
	Number int64
	// Signed is the SHA-256 of all of it that is signed.
	Signed ca.Digest
	// Revokes tells whether it calls a serial number revoked; nil where that cannot be
	// asked, as of a delta whose base is not there.
	Revokes func(ca.Serial) bool
	// Genuine and Replaced are those of a PublishedList.
	Genuine  func(ca.Authority) error
	Replaced func() bool
	// Damage is why the file is no feed that could be read; it has none of the rest then.
	Damage error
}

// Feeds holds what a log says of compact feeds against itself, and the published feeds
// against the log, as Lists does it with lists:
//
//   - the numbers of a key's feeds strictly rise, complete ones and deltas together;
//   - a published feed has its FEED leaf, whose digest is that of what was signed;
//   - it revokes each serial that a REVOKED or EARLIER leaf names which it was made of, if
//     the certificate had not ended when it was made; and one that is older than the newest
//     of its name what that had to revoke.
//
// That it revokes nobody else is not looked at: which certificates it is about, the log
// does not say.
type Feeds struct {
	byKey map[ca.Digest]*fed
	keys  map[ca.Digest]ca.Authority
	all   []*fed
	out   FeedAgreement
}

// A FeedAgreement is what Feeds found.
type FeedAgreement struct {
	// Made counts the feeds that the log knows, Compared those published ones that it has.
	Made     int64 `json:"made"`
	Compared int   `json:"compared"`
	// Count is the number of differences, First the first MaxDifferences of them.
	Count int64        `json:"differences"`
	First []Difference `json:"first,omitempty"`
	// Outdated is that of a ListAgreement.
	Outdated int64 `json:"outdated,omitempty"`
}

// A fed is the feeds of an authority so far.
type fed struct {
	name      string
	number    int64 // of the newest
	leaf      int64
	published []*listed
}

// NewFeeds makes Feeds of what is published, each of an authority once; without any, the
// log alone is looked at.
func NewFeeds(published []PublishedFeed) *Feeds {
	f := &Feeds{byKey: map[ca.Digest]*fed{}, keys: map[ca.Digest]ca.Authority{}}
	for _, p := range published {
		one := &listed{name: ca.FeedName(p.Authority, p.Delta), published: &PublishedList{Name: p.Authority, Number: p.Number, TBS: p.Signed, Genuine: p.Genuine, Replaced: p.Replaced, Damage: p.Damage}}
		if p.Revokes != nil {
			one.published.Has = func(s ca.Serial) (bool, error) { return p.Revokes(s), nil }
		}
		of := f.of(p.Authority)
		of.published = append(of.published, one)
	}
	return f
}

// Agreement is for when the verification is over.
func (f *Feeds) Agreement() FeedAgreement {
	out := f.out
	out.First = slices.Clone(out.First)
	for _, of := range f.all {
		for _, one := range of.published {
			switch p := one.published; {
			case p.Damage != nil:
				out.add(Difference{Leaf: of.leaf, What: fmt.Sprintf("what is published as %s cannot be read: %v", one.name, p.Damage)})
			case !one.met:
				out.add(Difference{Leaf: of.leaf, What: fmt.Sprintf("%s, feed %d, is published, and is not on the log, whose newest is %d", one.name, p.Number, of.number)})
			default:
				out.Compared++
				if err := one.forged(); err != nil {
					out.add(Difference{Leaf: one.at, What: fmt.Sprintf("%s, feed %d, is published, and whoever checks refuses it: %v", one.name, p.Number, err)})
				}
				for _, m := range one.outdated() {
					out.add(m.older("feed", one.name, one))
					out.Outdated++
				}
			}
		}
	}
	return out
}

func (a *FeedAgreement) add(d Difference) {
	if a.Count++; len(a.First) < MaxDifferences {
		a.First = append(a.First, d)
	}
}

func (f *Feeds) of(authority string) *fed {
	at := slices.IndexFunc(f.all, func(one *fed) bool { return one.name == authority })
	if at < 0 {
		f.all = append(f.all, &fed{name: authority})
		at = len(f.all) - 1
	}
	return f.all[at]
}

// leaf takes one leaf into account.
func (f *Feeds) leaf(r Record) error {
	if r.Erased {
		return nil // it is too old to be about a feed that anybody may use
	}
	switch r.Leaf.Kind {
	case Authority:
		if a, ok := authorityOf(r); ok {
			f.byKey[a.Key], f.keys[a.Key] = f.of(a.Name), a
		}
	case Revoked, Earlier:
		return revocations(r, func(one missed) error { return f.revoked(r, one) })
	case Feed:
		f.feed(r)
	}
	return nil
}

func (f *Feeds) revoked(r Record, one missed) error {
	of := f.byKey[r.Leaf.Issuer]
	if of == nil {
		return nil
	}
	for _, l := range of.published {
		if l.published.Damage != nil {
			continue
		}
		if err := l.revoked(one); err != nil {
			return err
		}
	}
	return nil
}

// feed is a FEED leaf.
func (f *Feeds) feed(r Record) {
	f.out.Made++
	var body ca.FeedBody
	if err := json.Unmarshal(r.Body, &body); err != nil || body.Authority == "" {
		f.out.add(Difference{Leaf: r.Leaf.Index, What: "the leaf does not say which feed was made"})
		return
	}
	of := f.of(body.Authority)
	f.byKey[r.Leaf.Issuer] = of
	if body.Number <= of.number {
		f.out.add(Difference{Leaf: r.Leaf.Index, What: fmt.Sprintf("feed %d of %s follows feed %d: numbers must rise", body.Number, of.name, of.number)})
	}
	of.number, of.leaf = max(of.number, body.Number), r.Leaf.Index
	for _, l := range of.published {
		l.settle(body.Leaves)
		if l.name == ca.FeedName(body.Authority, body.Base != 0) && l.published.Damage == nil {
			f.met(l, body, r.Leaf)
			l.number, l.leaf, l.this, l.leaves = max(l.number, body.Number), r.Leaf.Index, body.ThisUpdate, body.Leaves
		}
	}
}

// met judges a published feed once the leaf is that of its number.
func (f *Feeds) met(l *listed, body ca.FeedBody, leaf Leaf) {
	if l.met || l.published.Number != body.Number {
		return
	}
	l.met, l.at, l.by = true, leaf.Index, f.keys[leaf.Issuer]
	lacks := l.judged(body.Leaves)
	if l.altered = l.published.TBS != leaf.Digest; l.altered {
		f.out.add(Difference{Leaf: leaf.Index, What: fmt.Sprintf("%s, feed %d, is published, and is not the one that was made: the SHA-256 of what is signed is not %s", l.name, body.Number, leaf.Digest)})
		return
	}
	for _, m := range lacks {
		if l.published.Has != nil && m.ends.Unix() >= body.ThisUpdate.Unix() {
			f.out.add(Difference{Leaf: m.index, Serial: m.serial, What: fmt.Sprintf("it is revoked, and not so by feed %d (%s), which was made later (leaf %d)", body.Number, l.name, leaf.Index)})
		}
	}
}
