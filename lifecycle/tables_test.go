// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"chancery/audit"
	"chancery/ca"
)

// A tableCase is one row of a table in docs/recovery.md.
type tableCase struct {
	id string
	// build brings log and book into the row's state, for the intent it gets.
	build func(w *world, index int64, der []byte)
	// bare leaves out the INTENT.
	bare bool
	// freezes is the row a contradiction names; empty if settling succeeds.
	freezes string
	// row and leaf are what intent and book come to.
	row         ca.CertificateKind
	leaf        audit.Kind
	undelivered bool
	unknown     int
	// answer is what the requester gets: a code, or "" for the certificate.
	answer ca.Code
}

// rowFor puts an intent's row into the book: the certificate, or void for no der.
func rowFor(w *world, index int64, der []byte) {
	l := w.leaf(index)
	var b ca.IntentBody
	if err := json.Unmarshal(w.leaves[index].Body, &b); err != nil {
		w.t.Fatal(err)
	}
	c := intent{w.leaves[index], l}.change(1, b, der)
	if _, err := w.write([]ca.Change{c}, w.mark); err != nil {
		w.t.Fatal(err)
	}
}

func voidLeaf(w *world, index int64) { w.append(audit.Leaf{Kind: audit.Void, Cites: index}, nil) }

// stray is a row under a serial number whose leaf the log does not have.
func stray(kind ca.CertificateKind) func(*world, int64, []byte) {
	return func(w *world, _ int64, _ []byte) {
		w.rows = append(w.rows, ca.Certificate{ID: ca.NewID(1, 99), Kind: kind, IssuerKey: w.line.Key, Serial: "65", Request: "request-0001"})
	}
}

func contradictory(w *world, index int64, der []byte) {
	w.final(index, der)
	voidLeaf(w, index)
}

var intentCases = []tableCase{
	{id: "S01", bare: true, build: func(*world, int64, []byte) {}, answer: ca.E2301},
	{id: "S02", bare: true, build: stray(ca.EndEntity), freezes: "S02", row: ca.EndEntity},
	{id: "S03", bare: true, build: stray(ca.Void), freezes: "S02", row: ca.Void, answer: ca.E2301},
	{id: "S04", build: func(*world, int64, []byte) {}, row: ca.Void, leaf: audit.Void, answer: ca.E2301},
	{id: "S04 the mark went back", build: func(w *world, i int64, _ []byte) {
		w.append(bookWentBack(i), nil)
	}, unknown: 1, answer: ca.E2301},
	{id: "S05", build: rowFor, row: ca.EndEntity, leaf: audit.Final},
	{id: "S05 below the mark", build: func(w *world, i int64, der []byte) {
		rowFor(w, i, der)
		w.mark = i + 1
	}, row: ca.EndEntity, leaf: audit.Final},
	{id: "S05 with another certificate", build: func(w *world, i int64, _ []byte) {
		q, _ := wishOf(2, "")
		other, der := w.intend(q, nil, ca.Digest{})
		w.final(other, der)
		rowFor(w, other, der)
		rowFor(w, i, der)
	}, freezes: "S13", row: ca.EndEntity},
	{id: "S06", build: func(w *world, i int64, _ []byte) { rowFor(w, i, nil) }, row: ca.Void, leaf: audit.Void, answer: ca.E2301},
	{id: "S07", build: func(w *world, i int64, der []byte) { w.final(i, der) }, row: ca.EndEntity, leaf: audit.Final, undelivered: true},
	{id: "S08", build: func(w *world, i int64, der []byte) {
		w.final(i, der)
		rowFor(w, i, der)
	}, row: ca.EndEntity, leaf: audit.Final},
	{id: "S08 other digest", build: func(w *world, i int64, der []byte) {
		w.final(i, der)
		rowFor(w, i, append(slices.Clone(der), 0))
	}, freezes: "S08", row: ca.EndEntity, leaf: audit.Final},
	{id: "S09", build: func(w *world, i int64, der []byte) {
		w.final(i, der)
		rowFor(w, i, nil)
	}, freezes: "S09", row: ca.Void, leaf: audit.Final, answer: ca.E2301},
	{id: "S10", build: func(w *world, i int64, _ []byte) { voidLeaf(w, i) }, row: ca.Void, leaf: audit.Void, answer: ca.E2301},
	{id: "S11", build: func(w *world, i int64, der []byte) {
		voidLeaf(w, i)
		rowFor(w, i, der)
	}, freezes: "S11", row: ca.EndEntity, leaf: audit.Void},
	{id: "S12", build: func(w *world, i int64, _ []byte) {
		rowFor(w, i, nil)
		voidLeaf(w, i)
	}, row: ca.Void, leaf: audit.Void, answer: ca.E2301},
	// Contradictory leaves: the first is taken before the second is seen, so S13
	// may have put in the row of a FINAL. It stays: the certificate exists.
	{id: "S13", build: contradictory, freezes: "S13", leaf: audit.Final, answer: ca.E2301},
	{id: "S13 two finals", build: func(w *world, i int64, der []byte) {
		w.final(i, der)
		w.final(i, append(slices.Clone(der), 0))
	}, freezes: "S13", leaf: audit.Final, answer: ca.E2301},
	{id: "S13 final of no intent", build: func(w *world, i int64, der []byte) {
		w.final(i, der)
		w.final(i+1, der)
	}, freezes: "S13", leaf: audit.Final, answer: ca.E2301},
	{id: "S14", build: func(w *world, i int64, der []byte) {
		rowFor(w, i, der)
		contradictory(w, i, der)
	}, freezes: "S13", row: ca.EndEntity, leaf: audit.Final},
	{id: "S15", build: func(w *world, i int64, der []byte) {
		rowFor(w, i, nil)
		voidLeaf(w, i)
		w.final(i, der)
	}, freezes: "S13", row: ca.Void, leaf: audit.Void, answer: ca.E2301},
}

// TestIntents settles every combination of log and book twice, the second time
// with nothing left to do.
func TestIntents(t *testing.T) {
	for _, c := range intentCases {
		t.Run(c.id, func(t *testing.T) {
			w := newWorld(t)
			r := w.registrar()
			if _, err := r.once(t.Context()); err != nil {
				t.Fatal(err)
			}
			q, _ := wishOf(1, "key")
			var index int64
			var der []byte
			if !c.bare {
				index, der = w.intend(q, nil, ca.Digest{5})
			}
			c.build(w, index, der)
			for round := range 2 {
				leaves, rows := len(w.leaves), len(w.rows)
				v, err := r.once(t.Context())
				if c.freezes != "" {
					f, ok := err.(contradiction)
					if !ok || f.row != c.freezes || code(lasting(err)) != ca.E1406 {
						t.Fatalf("settling gave %v, want the contradiction %s", err, c.freezes)
					}
				} else if err != nil {
					t.Fatal(err)
				} else if len(v.settled.unknown) != c.unknown {
					t.Errorf("%d intents are unknown, want %d", len(v.settled.unknown), c.unknown)
				}
				// Each round leaves its SESSION leaf.
				if round == 1 && (len(w.leaves) != leaves+1 || len(w.rows) != rows) {
					t.Errorf("the second settling made %d leaves and %d rows", len(w.leaves)-leaves-1, len(w.rows)-rows)
				}
				checkIntent(t, w, c, index)
			}
			checkAnswer(t, r, c, q)
			if c.freezes == "" && c.unknown == 0 {
				w.agree(t)
			}
			if c.unknown > 0 && w.mark != index {
				t.Errorf("the mark is %d, want where it was found, %d", w.mark, index)
			}
		})
	}
}

// checkIntent compares row and first closing leaf.
func checkIntent(t *testing.T, w *world, c tableCase, index int64) {
	t.Helper()
	var row ca.Certificate
	for _, have := range w.rows {
		if have.Request == "request-0001" {
			row = have
		}
	}
	if row.Kind != c.row || row.Undelivered != c.undelivered {
		t.Errorf("the row is %q, undelivered %v; want %q, %v", row.Kind, row.Undelivered, c.row, c.undelivered)
	}
	if kinds := w.closing()[index]; c.leaf != 0 && (len(kinds) == 0 || kinds[0] != c.leaf) || c.leaf == 0 && len(kinds) > 0 {
		t.Errorf("the closing leaves are %v, want %v", kinds, c.leaf)
	}
}

// checkAnswer asks as a requester does who waited all the time.
func checkAnswer(t *testing.T, r *Registrar, c tableCase, q ca.Request) {
	t.Helper()
	waiting := &wish{request: q, done: make(chan struct{})}
	waiting.request.Key = ""
	r.answer(t.Context(), &view{}, []*wish{waiting})
	if code(waiting.err) != c.answer {
		t.Errorf("the requester gets %v, want %q", waiting.err, c.answer)
	}
}

// TestLeaves settles every other kind of leaf, twice.
func TestLeaves(t *testing.T) {
	for id, check := range leafCases {
		t.Run(id, func(t *testing.T) {
			w := newWorld(t)
			r := w.registrar()
			if _, err := r.once(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(t, w, func() (settled, error) {
				v, err := r.once(t.Context())
				if err != nil {
					return settled{}, err
				}
				rows, events := len(w.rows), len(w.events)
				w.mark = 0 // all of it again
				w.leaves = slices.DeleteFunc(w.leaves, func(r Record) bool {
					return r.Index == int64(len(w.leaves)-1) // whose SESSION leaf cites more than 0
				})
				if _, err := r.once(t.Context()); err != nil {
					t.Fatal(err)
				}
				if len(w.rows) != rows || len(w.events) != events {
					t.Errorf("the second settling made %d rows and %d events", len(w.rows)-rows, len(w.events)-events)
				}
				return v.settled, nil
			})
		})
	}
}

var leafCases = map[string]func(t *testing.T, w *world, settle func() (settled, error)){
	"L01": func(t *testing.T, w *world, settle func() (settled, error)) {
		events := len(w.events)
		for _, k := range []audit.Kind{audit.Bundle, audit.Key, audit.Time, audit.Reconciled, audit.CRL, audit.Refusal, audit.Earlier, audit.Responder, audit.Feed} {
			w.append(audit.Leaf{Kind: k}, nil)
		}
		if _, err := settle(); err != nil || len(w.events) != events {
			t.Errorf("settling gave %v and %d rows", err, len(w.events)-events)
		}
	},
	"L02": func(t *testing.T, w *world, settle func() (settled, error)) {
		q, _ := wishOf(1, "")
		index, _ := w.intend(q, nil, ca.Digest{})
		w.append(bookWentBack(index), nil)
		if done, err := settle(); err != nil || len(done.unknown) != 1 || len(w.rows) != 0 {
			t.Errorf("settling gave %+v, %v; an intent after the mark went back is for an officer", done, err)
		}
	},
	"L03": func(t *testing.T, w *world, settle func() (settled, error)) {
		moved := w.line
		moved.State = ca.Retiring
		body, _ := json.Marshal(moved)
		w.append(audit.Leaf{Kind: audit.Authority}, body)
		if _, err := settle(); err != nil || len(w.authorities) != 1 || w.authorities[0].State != ca.Retiring {
			t.Errorf("settling gave %v and %+v", err, w.authorities)
		}
	},
	"L04": func(t *testing.T, w *world, settle func() (settled, error)) {
		index, der := w.intend(ca.Request{}, nil, ca.Digest{})
		var b ca.IntentBody
		_ = json.Unmarshal(w.leaves[index].Body, &b)
		b.Kind = ca.CACertificate
		w.leaves[index].Body, _ = json.Marshal(b)
		w.final(index, der)
		if _, err := settle(); err != nil || len(w.rows) != 1 || w.rows[0].Kind != ca.CACertificate || w.rows[0].Undelivered {
			t.Errorf("settling gave %v and %+v", err, w.rows)
		}
		w.agree(t)
	},
	"L05": func(t *testing.T, w *world, settle func() (settled, error)) {
		body, _ := json.Marshal(ca.EventBody{Kind: "token-made", By: "uid:1000", About: "token-1"})
		index := w.append(audit.Leaf{Kind: audit.FrontEvent}, body)
		_, err := settle()
		if e := w.events[ca.NewID(1, index)]; err != nil || e.Kind != "token-made" || e.About != "token-1" {
			t.Errorf("settling gave %v and %+v", err, e)
		}
	},
	"L06": func(t *testing.T, w *world, settle func() (settled, error)) {
		q, _ := wishOf(1, "")
		index, der := w.intend(q, nil, ca.Digest{})
		w.final(index, der)
		leaf := w.revoked(index, 1, ca.Superseded)
		_, err := settle()
		if v := w.rows[0].Revoked; err != nil || v == nil || v.Last != ca.NewID(1, leaf) || v.Reason != ca.Superseded {
			t.Errorf("settling gave %v and %+v", err, v)
		}
		// Another node was first with the second step: the leaf here is abandoned.
		late := w.revoked(index, 2, ca.KeyCompromise)
		w.rows[0].Steps, w.steps[stepID{w.rows[0].ID, 2}] = 2, ca.NewID(7, 1)
		if _, err := settle(); err != nil || !w.abandoned(late) || w.abandoned(leaf) {
			t.Errorf("settling gave %v; abandoned: %v and %v", err, w.abandoned(leaf), w.abandoned(late))
		}
	},
	"L07": func(t *testing.T, w *world, settle func() (settled, error)) {
		w.append(audit.Leaf{Kind: audit.Abandoned, Cites: 1}, nil)
		if _, err := settle(); err != nil {
			t.Error(err)
		}
	},
	"L08": func(t *testing.T, w *world, settle func() (settled, error)) {
		q, _ := wishOf(1, "")
		index, _ := w.intend(q, nil, ca.Digest{})
		w.append(audit.Leaf{Kind: audit.Adopted, Cites: index}, nil)
		if _, err := settle(); err != nil || len(w.rows) != 0 || len(w.closing()[index]) != 1 {
			t.Errorf("settling gave %v, %d rows and the leaves %v", err, len(w.rows), w.closing()[index])
		}
	},
	"L09": func(t *testing.T, w *world, settle func() (settled, error)) {
		w.append(audit.Leaf{Kind: 99}, nil)
		if _, err := settle(); code(lasting(err)) != ca.E1406 {
			t.Errorf("settling gave %v", err)
		}
	},
}

// TestTablesAndCasesAreTheSame holds the cases to docs/recovery.md.
func TestTablesAndCasesAreTheSame(t *testing.T) {
	page, err := os.ReadFile("../docs/recovery.md")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]bool{}
	for _, c := range intentCases {
		cases[c.id[:3]] = true
	}
	for id := range leafCases {
		cases[id] = true
	}
	found := regexp.MustCompile(`(?m)^\| ([SL]\d\d) \|`).FindAllSubmatch(page, -1)
	for _, m := range found {
		if id := string(m[1]); !cases[id] {
			t.Errorf("row %s has no case", id)
		} else {
			delete(cases, id)
		}
	}
	for id := range cases {
		t.Errorf("case %s has no row", id)
	}
	if len(found) < 24 {
		t.Errorf("found only %d rows in the page", len(found))
	}
}

// bookWentBack is the leaf of a session that saw a higher mark than the book has.
func bookWentBack(index int64) audit.Leaf { return audit.Leaf{Kind: audit.Session, Cites: index + 1} }
