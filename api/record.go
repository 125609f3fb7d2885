// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"strconv"
	"time"

	"chancery/ca"
)

// An asked is a request as it is answered.
type asked struct {
	ID ca.RequestID `json:"id"`
	// State is issued, or void: its issuing was given up, and no certificate left.
	State   string  `json:"state"`
	Door    ca.Door `json:"door"`
	Owner   string  `json:"owner"`
	Profile string  `json:"profile"`
	// Authority is the line that was asked for, if one was.
	Authority string `json:"authority,omitempty"`
	// NotAfter is the end that was wished for, if one was.
	NotAfter time.Time `json:"not_after,omitzero"`
	At       time.Time `json:"at"`
	// CSR is the request (PKCS#10) in DER.
	CSR []byte `json:"csr"`
	// Certificate is what came of it.
	Certificate ca.Certificate `json:"certificate"`
}

// request answers GET /requests/{id}.
func (c *call) request() (asked, error) {
	id, err := c.called("id")
	if err != nil {
		return asked{}, err
	}
	a, err := c.o.Submitter.Request(c.r.Context(), c.who(), ca.RequestID(id))
	if err != nil {
		return asked{}, err
	}
	q, of := a.Request, a.Certificate
	of.Status = of.Standing(c.o.Now())
	out := asked{ID: q.ID, State: "issued", Door: q.Door, Owner: q.From.ID, Profile: q.Profile, Authority: q.Line, NotAfter: q.NotAfter, At: q.At, CSR: q.CSR, Certificate: of}
	if of.Kind == ca.Void {
		out.State = string(ca.Void)
	}
	return out, nil
}

// An event is one as it is answered.
type event struct {
	// ID names the leaf that proves it. In JSON it is a string, because it is larger than
	// what a double holds exactly.
	ID    ca.ID     `json:"id,string"`
	Kind  string    `json:"kind"`
	Actor string    `json:"actor"`
	At    time.Time `json:"at"`
	About string    `json:"about"`
	// Leaf is the exact leaf of the log.
	Leaf []byte `json:"leaf"`
}

// events answers GET /events.
func (c *call) events() (p page[event], err error) {
	f := ca.EventFilter{Actor: c.query.Get("actor"), Kind: c.query.Get("kind")}
	if f.Since, err = c.at("since"); err != nil {
		return p, err
	}
	if f.Limit, err = c.limit(); err != nil {
		return p, err
	}
	if f.After, err = c.cursor(ca.ByID); err != nil {
		return p, err
	}
	rows, err := c.o.Recorder.Events(c.r.Context(), c.who(), f)
	p.Items = make([]event, len(rows))
	for i, e := range rows {
		p.Items[i] = event{ID: e.ID, Kind: e.Kind, Actor: e.By, At: e.At, About: e.About, Leaf: e.Leaf}
		p.NextCursor = c.following(ca.Cursor{Order: ca.ByID, ID: e.ID}, len(rows), f.Limit)
	}
	return p, err
}

// A leaf is one of the log as it is answered.
type leaf struct {
	Index int64 `json:"index"`
	// Leaf is its exact bytes.
	Leaf []byte `json:"leaf"`
}

// A run is leaves one after another.
type run struct {
	Items []leaf `json:"items"`
	// Next is where to go on; null at the end of what is durable.
	Next *int64 `json:"next"`
}

// index reads a parameter that counts leaves.
func (c *call) index(name string, otherwise int64) (int64, error) {
	if !c.query.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(c.query.Get(name), 10, 64)
	if err != nil || n < 0 || n > ca.MaxIndex {
		return 0, ca.Invalid(ca.E1401, name+" is not the index of a leaf", "leaves are counted from 0").At(name)
	}
	return n, nil
}

// A checkpoint is one as it is answered.
type checkpoint struct{ ca.Proof }

func (p checkpoint) file(string) ([]byte, error) { return []byte(p.Checkpoint), nil }

// checkpoint answers GET /audit/checkpoint.
func (c *call) checkpoint() (out checkpoint, err error) {
	q := ca.ProofWish{}
	if q.Leaf, err = c.index("leaf", -1); err != nil {
		return out, err
	}
	if q.Since, err = c.index("since", 0); err != nil {
		return out, err
	}
	out.Proof, err = c.o.Recorder.Proof(c.r.Context(), c.who(), q)
	return out, err
}

// leaves answers GET /audit/leaves.
func (c *call) leaves() (out run, err error) {
	from, err := c.index("from", 0)
	if err != nil {
		return out, err
	}
	limit, err := c.limit()
	if err != nil {
		return out, err
	}
	all, err := c.o.Recorder.Leaves(c.r.Context(), c.who(), from, limit)
	out.Items = make([]leaf, len(all))
	for i, exact := range all {
		out.Items[i] = leaf{from + int64(i), exact}
	}
	if len(all) > 0 {
		next := from + int64(len(all))
		out.Next = &next
	}
	return out, err
}

// A history is policies one after another.
type history struct {
	Items []ca.PolicyVersion `json:"items"`
	// Below is where to go on; null at the end.
	Below *int64 `json:"below"`
}

// policies answers GET /audit/policies.
func (c *call) policies() (out history, err error) {
	below, err := c.index("below", ca.MaxIndex)
	if err != nil {
		return out, err
	}
	limit, err := c.limit()
	if err != nil {
		return out, err
	}
	out.Items, err = c.o.Recorder.Policies(c.r.Context(), c.who(), below, limit)
	if n := len(out.Items); n == limit {
		out.Below = &out.Items[n-1].Leaf
	}
	return out, err
}

// document answers GET /openapi.json.
func (c *call) document() (json.RawMessage, error) { return described, nil }
