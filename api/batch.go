// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"chancery/ca"
	"chancery/internal/respond"
)

const (
	// maxBatch is how many requests one call may bring: what the signer takes at once.
	maxBatch = 256
	// batchWidth is how many of them are under way at once. They share the waits for log
	// and database, and leave room in the queue for others.
	batchWidth = 64
)

// A batch is the body of many requests.
type batch struct {
	// Items are the requests, 1 to 256, each as the body of a single one.
	Items []json.RawMessage `json:"items"`
}

// A batched is the answer to a batch.
type batched struct {
	// Items are the lines, in the order of the requests.
	Items []line `json:"items"`
}

// A line is what came of one request of a batch.
type line struct {
	// Index is the request's place in the batch, from 0.
	Index int `json:"index"`
	// Status is the HTTP status that the request would have had alone.
	Status int `json:"status"`
	// Issued is the certificate; Plan is there instead with dry_run.
	Issued *ca.Issued `json:"issued,omitempty"`
	Plan   *ca.Plan   `json:"plan,omitempty"`
	// Problem is why there is none.
	Problem *respond.Document `json:"problem,omitempty"`
}

// batch answers POST /requests:batch. A bad line costs itself alone.
func (c *call) batch(b batch) (batched, error) {
	key, err := idempotencyKey(c.r)
	if err == nil && (len(b.Items) == 0 || len(b.Items) > maxBatch) {
		err = ca.Invalid(ca.E1401, fmt.Sprintf("the batch has %d requests", len(b.Items)), fmt.Sprintf("send 1 to %d in one call", maxBatch)).At("items")
	}
	if err != nil {
		c.o.Submitter.Refuse(c.who(), err)
		return batched{}, err
	}
	out := batched{Items: make([]line, len(b.Items))}
	places := make(chan struct{}, batchWidth)
	var all sync.WaitGroup
	for i, text := range b.Items {
		places <- struct{}{}
		all.Go(func() {
			out.Items[i] = c.one(i, text, key)
			<-places
		})
	}
	all.Wait()
	return out, nil
}

// one carries out a request of a batch. A panic costs its line alone, as it would cost a
// call alone (security rule PR-07).
func (c *call) one(i int, text []byte, key string) (l line) {
	id := newID(c.o.Now())
	defer func() {
		if v := recover(); v != nil {
			l = c.failed(i, id, c.panicked(v))
		}
	}()
	if key != "" {
		key += "#" + strconv.Itoa(i)
	}
	o, err := respond.Decode[order](text)
	if err != nil {
		c.o.Submitter.Refuse(c.who(), err)
		return c.failed(i, id, err)
	}
	s, err := c.process(o, id, key)
	switch {
	case err != nil:
		return c.failed(i, id, err)
	case s.Plan != nil:
		return line{Index: i, Status: http.StatusOK, Plan: s.Plan}
	case s.Repeated:
		return line{Index: i, Status: http.StatusOK, Issued: s.Issued}
	}
	return line{Index: i, Status: http.StatusCreated, Issued: s.Issued}
}

// failed is the line of a request that was refused, or met a fault of ours.
func (c *call) failed(i int, id ca.RequestID, err error) line {
	d := respond.Explain(c.r, string(id), c.o.Log, err)
	for n := range d.Errors {
		if rest, is := strings.CutPrefix(d.Errors[n].Pointer, "#/"); is {
			d.Errors[n].Pointer = fmt.Sprintf("#/items/%d/%s", i, rest)
		}
	}
	return line{Index: i, Status: d.Status, Problem: &d}
}
