// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"chancery/ca"
)

// A history is what happens to the certificates of an authority, and what lists of it
// were made.
type history struct {
	t       *testing.T
	coins   *rand.Rand
	of      *authority
	now     time.Time
	leaf    int64
	revoked revoked
	last    map[[20]byte]step // what stands, told by nothing but the steps
	before  map[string]ca.ListBody
	// complete are the complete lists that were published, as somebody may still have them.
	complete []drawn
	shards   map[ca.ListScope]drawn
	// lost says that the newest set was made and did not arrive whole.
	lost bool
}

// published is the number of the newest complete list that was.
func (h *history) published() int64 {
	if len(h.complete) == 0 {
		return 0
	}
	return h.complete[len(h.complete)-1].Number
}

// A drawn is a list as whoever has it reads it.
type drawn struct {
	ca.ListBody
	entries map[ca.Serial]ca.Entry
}

// happens takes a step of some certificate, which has ends of its own.
func (h *history) happens() {
	n := h.coins.IntN(24)
	serial := [20]byte{1: 0x41, 11: byte(n), 19: byte(n * 37)}
	before, known := h.last[serial]
	one := step{serial: serial, at: h.now.Unix(), ends: start.Add(time.Duration(n) * 7 * time.Hour).Unix(), leaf: h.leaf, number: before.number + 1}
	if one.ends <= h.now.Unix() {
		return // nobody revokes what has ended
	}
	h.leaf++
	why := []ca.Reason{ca.KeyCompromise, ca.Superseded, ca.CertificateHold, ca.CertificateHold, ca.RemoveFromCRL, ca.RemoveFromCRL}[h.coins.IntN(6)]
	if known && !why.Follows(ca.Reason(before.reason)) || !known && why == ca.RemoveFromCRL {
		return
	}
	one.reason = uint8(why)
	h.revoked.put(one)
	h.last[serial], _ = h.revoked.find(serial)
}

// makes draws the lists of a part, as the signer would encode them.
func (h *history) makes(part ca.ListPart) (out []drawn) {
	h.leaf++
	m := &moment{of: h.of, now: h.now, next: h.now.AddDate(0, 0, listDays), number: h.now.UnixMilli(), leaves: h.leaf,
		before: h.before, bases: h.before[h.of.Name].Bases, published: h.published(), steps: h.revoked.steps()}
	for _, l := range h.before {
		m.number = max(m.number, l.Number+1)
	}
	for _, scope := range m.wanted(part) {
		body, lines := m.list(scope)
		d := drawn{body, map[ca.Serial]ca.Entry{}}
		for e, err := range lines() {
			if err != nil {
				h.t.Fatal(err)
			}
			d.entries[e.Serial] = e
		}
		out = append(out, d)
	}
	h.leaf += int64(len(out))
	for _, d := range out {
		if d.Number <= h.before[d.Name()].Number {
			h.t.Errorf("list %d of %s follows list %d", d.Number, d.Name(), h.before[d.Name()].Number)
		}
		h.before[d.Name()] = d.ListBody
	}
	return out
}

// truth is what must be known of the certificates that have not ended.
func (h *history) truth() map[ca.Serial]ca.Entry {
	out := map[ca.Serial]ca.Entry{}
	for _, one := range h.last {
		if e, err := one.entry(); err == nil && !one.lifted() && one.ends >= h.now.Unix() {
			out[e.Serial] = e
		}
	}
	return out
}

// living leaves out what has ended, which a list may have or not.
func (h *history) living(entries map[ca.Serial]ca.Entry) map[ca.Serial]ca.Entry {
	out := maps.Clone(entries)
	for serial := range h.last {
		if one := h.last[serial]; one.ends < h.now.Unix() {
			e, _ := one.entry()
			delete(out, e.Serial)
		}
	}
	return out
}

// combined puts a delta upon a complete list as RFC 5280 §5.2.4 says.
func combined(complete, delta drawn) map[ca.Serial]ca.Entry {
	out := maps.Clone(complete.entries)
	for serial, e := range delta.entries {
		if e.Reason == ca.RemoveFromCRL {
			delete(out, serial)
		} else {
			out[serial] = e
		}
	}
	return out
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// judges holds the lists of a moment against the truth.
func (h *history) judges(all []drawn) {
	truth := h.truth()
	for _, d := range all {
		switch _, shard := d.Scope.Shard(); {
		case d.Scope == ca.CompleteList:
			h.judgesLapsed(d)
			h.complete = append(h.complete, d)
			if got := h.living(d.entries); !maps.Equal(got, truth) {
				h.t.Errorf("the complete list says %v, not %v", got, truth)
			}
		case d.Scope == ca.DeltaList:
			h.judgesDelta(d, truth)
		case shard:
			h.shards[d.Scope] = d
		}
	}
	sum := map[ca.Serial]ca.Entry{}
	for scope, d := range h.shards {
		n, _ := scope.Shard()
		for serial, e := range d.entries {
			if ca.ShardOf(serial.Bytes(), h.of.Shards) != n {
				h.t.Errorf("%s is on shard %d", serial, n)
			}
			sum[serial] = e
		}
	}
	if got := h.living(sum); !h.lost && !maps.Equal(got, truth) {
		h.t.Errorf("all shards say %v, not %v", got, truth)
	}
}

// judgesLapsed holds a complete list to keeping what was on no published list since its end
// (RFC 5280 §3.3).
func (h *history) judgesLapsed(d drawn) {
	for _, one := range h.last {
		e, err := one.entry()
		if err != nil || one.lifted() {
			continue
		}
		seen := false
		for _, c := range h.complete {
			_, on := c.entries[e.Serial]
			seen = seen || on && c.ThisUpdate.Unix() > one.ends
		}
		if _, on := d.entries[e.Serial]; !on && !seen {
			h.t.Errorf("%s is not on list %d, nor was it on one that was published since its end", e.Serial, d.Number)
		}
	}
}

// judgesDelta puts a delta upon every complete list that somebody may have.
func (h *history) judgesDelta(d drawn, truth map[ca.Serial]ca.Entry) {
	fits, based := 0, false
	for _, c := range h.complete {
		based = based || c.Number == d.Base
		if c.Number < d.Base || c.Number >= d.Number {
			continue
		}
		fits++
		if got := h.living(combined(c, d)); !maps.Equal(got, truth) {
			h.t.Errorf("list %d with delta %d of base %d says\n%v, not\n%v", c.Number, d.Number, d.Base, got, truth)
		}
	}
	if !based {
		h.t.Errorf("delta %d stands on list %d, which nobody ever had", d.Number, d.Base)
	}
	newest := h.complete[len(h.complete)-1]
	if newest.Number < d.Number && fits == 0 {
		h.t.Errorf("delta %d of base %d fits no complete list", d.Number, d.Base)
	}
	// Whoever took the newest list a day ago can use the delta.
	for _, c := range h.complete {
		if h.now.Sub(c.ThisUpdate) < baseAge && c.Number < d.Base {
			h.t.Errorf("list %d of %v is too old for delta %d, of base %d", c.Number, c.ThisUpdate, d.Number, d.Base)
		}
	}
}

// arrives gives what arrives of a set: all of it, or what came before the process died. As the
// publisher does, all are asked for then.
func (h *history) arrives(all []drawn) []drawn {
	if h.lost = h.coins.IntN(4) == 0; h.lost {
		return all[:h.coins.IntN(len(all))]
	}
	return all
}

// RV-04, RV-05: after any history of holds, releases, raised reasons and ends, and of lists that
// were put on the log and never published, the complete list says the truth, so do all shards
// together, and so does the delta put upon every complete list that it says it completes
// (RFC 5280 §5.2.4). Each delta stands on a list that was published.
func TestRV05_AnyCompleteListWithTheDeltaSaysTheTruth(t *testing.T) {
	rounds := uint64(300)
	if os.Getenv("CHANCERY_SOAK") == "1" {
		rounds = 10_000
	}
	for seed := range rounds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			h := &history{t: t, coins: rand.New(rand.NewPCG(seed, 524)), now: start, last: map[[20]byte]step{}, before: map[string]ca.ListBody{}, shards: map[ca.ListScope]drawn{},
				of: &authority{Authority: ca.Authority{Name: "issuing-g1", Kind: ca.Issuing, CRL: "http://ca.example/pki/issuing-g1.crl", Shards: 3}}}
			h.judges(h.arrives(h.makes(ca.AllLists)))
			for range 60 {
				for range h.coins.IntN(5) {
					h.happens()
				}
				h.now = h.now.Add(time.Duration(h.coins.IntN(6*3600)) * time.Second)
				part := []ca.ListPart{ca.AllLists, ca.ChangedLists, ca.ChangedLists, ca.NewsLists, ca.NewsLists}[h.coins.IntN(5)]
				if h.lost {
					part = ca.AllLists
				}
				h.judges(h.arrives(h.makes(part)))
			}
		})
	}
}
