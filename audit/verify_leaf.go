// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/sha256"
	"fmt"

	"chancery/ca"
)

// leaf checks one leaf by itself and against those before it. It gives what is
// wrong, in words, or nothing.
func (r *verifier) leaf(f Frame) (Record, string) {
	rec, err := ReadRecord(f)
	if err != nil {
		return rec, err.Error()
	}
	l, index := rec.Leaf, r.tree.Size()
	named := l.Kind == Intent || l.Kind == Adopted && l.Cites == 0 // it brings a serial into the log
	switch {
	case l.Index != index:
		return rec, fmt.Sprintf("the leaf calls itself leaf %d", l.Index)
	case l.Log != r.rep.Log:
		return rec, "the leaf is of log " + l.Log.String()
	case !l.Kind.Known():
		return rec, fmt.Sprintf("the leaf is of %v, which this program does not know", l.Kind)
	case (l.Kind == Genesis) != (index == 0):
		return rec, "the genesis is leaf 0, and no other"
	case !rec.Erased && BodyDigest(rec.Salt, rec.Body) != l.Body:
		return rec, "the body is not the one whose digest the leaf holds"
	case l.Digest.IsZero() && (l.Kind == Intent || l.Kind == Final || l.Kind == Adopted):
		return rec, fmt.Sprintf("%v without a digest", l.Kind)
	case named && (l.Issuer.IsZero() || l.Serial == ""):
		return rec, fmt.Sprintf("%v without issuer or serial, by which its row is found", l.Kind)
	}
	if what := r.cites.add(l); what != "" {
		return rec, what
	}
	if named && !r.serials.add(l.Issuer, l.Serial) {
		return rec, fmt.Sprintf("the serial %s was used before by the same issuer", l.Serial)
	}
	if index == 0 {
		r.rep.First = l.Time
	}
	r.rep.Last = l.Time
	r.rep.Kinds[l.Kind]++
	if rec.Erased {
		r.rep.Erased++
	}
	return rec, ""
}

// What a later leaf may still cite, two bits for each leaf.
const (
	citeNothing  = iota // no leaf that closes anything may cite it
	citeIntent          // an intent that nothing has closed
	citeClosed          // an intent with its Final or Void
	citeRevision        // a revocation or event that may be abandoned
)

// citations remembers two bits for each leaf, in pieces of 16 KiB, so that it
// never copies itself: 25 MB for a hundred million leaves.
type citations struct {
	pieces [][]byte
	size   int64
}

const citePiece = 16 << 10 // octets, four leaves in each

func (c *citations) at(i int64) (*byte, uint) {
	piece, in := i/(4*citePiece), i%(4*citePiece)
	return &c.pieces[piece][in/4], uint(in%4) * 2
}

func (c *citations) state(i int64) int {
	b, shift := c.at(i)
	return int(*b>>shift) & 3
}

func (c *citations) set(i int64, state int) {
	b, shift := c.at(i)
	*b = *b&^(3<<shift) | byte(state)<<shift
}

// add takes in the next leaf, and says what its citation breaks.
func (c *citations) add(l Leaf) string {
	if c.size == int64(len(c.pieces))*4*citePiece {
		c.pieces = append(c.pieces, make([]byte, citePiece))
	}
	i := c.size
	c.size++
	// A Session cites the mark of the book, which may stand at the Session itself.
	if l.Cites > i || l.Cites == i && i != 0 && l.Kind != Session {
		return fmt.Sprintf("it cites leaf %d, which does not come before it", l.Cites)
	}
	switch l.Kind {
	case Intent:
		c.set(i, citeIntent)
	case Revoked, FrontEvent:
		c.set(i, citeRevision)
	case Adopted:
		if l.Cites == 0 {
			return "" // its intent is on no log
		}
		fallthrough
	case Final, Void:
		switch c.state(l.Cites) {
		case citeIntent:
			c.set(l.Cites, citeClosed)
		case citeClosed:
			return fmt.Sprintf("%v for intent %d, which was closed before", l.Kind, l.Cites)
		default:
			return fmt.Sprintf("%v for leaf %d, which is not an intent", l.Kind, l.Cites)
		}
	case Abandoned:
		if c.state(l.Cites) != citeRevision {
			return fmt.Sprintf("it abandons leaf %d, which is neither revocation nor event, or was abandoned before", l.Cites)
		}
		c.set(l.Cites, citeNothing)
	}
	return ""
}

// open counts the intents that nothing closed and lists the first of them.
func (c *citations) open(list int) (n int64, first []int64) {
	for i := range c.size {
		if c.state(i) == citeIntent {
			n++
			if len(first) < list {
				first = append(first, i)
			}
		}
	}
	return n, first
}

// serialGeneration is how many serials one of the two generations holds: about
// 5 MB. Serials carry the second in which they were drawn, so two that are equal
// come close together unless the clock went back; the book's UNIQUE, against
// which rows are compared, has no window.
const serialGeneration = 1 << 17

// serials finds a serial used twice among at least the last serialGeneration.
type serials struct {
	young, old map[[16]byte]struct{}
	dropped    bool
}

// add tells whether issuer and serial were not seen before. 128 bits of a digest
// stand for both: they collide by chance once in 10^27 logs.
func (s *serials) add(issuer ca.Digest, serial ca.Serial) bool {
	sum := sha256.Sum256(append(issuer[:], serial...))
	id := [16]byte(sum[:16])
	if s.young == nil || len(s.young) == serialGeneration {
		s.dropped = s.dropped || s.old != nil
		s.old, s.young = s.young, make(map[[16]byte]struct{})
	}
	_, young := s.young[id]
	_, old := s.old[id]
	s.young[id] = struct{}{}
	return !young && !old
}

// window is the number of latest serials that were surely compared; 0 is all.
func (s *serials) window() int64 {
	if !s.dropped {
		return 0
	}
	return serialGeneration
}
