// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"chancery/ca"
	"chancery/signer"
)

// A list on the socket is a head and the list in DER. The head is a length of four
// octets, big-endian, and JSON of so many octets, an announced.
type announced struct {
	ca.List
	// Size is how many octets of DER follow.
	Size int64 `json:"size"`
}

// maxHead bounds a head's JSON, which names an authority and says a few numbers.
const maxHead = 4 << 10

// listsWait is how long a set of lists may take from the call to its last octet: a hundred
// shards of millions on a small machine, which other calls need not wait for. By the time of
// these no such authority would ever have a list.
const listsWait = 10 * time.Minute

// maxUnread bounds the sets of lists that are made, or were and are not read to their end: each
// holds the files of all its lists, for as long as listsWait. One is left behind by a front that
// went away, and the next need not wait for it.
const maxUnread = 2

// unread has a set counted until it is done, unless maxUnread are. The Problem is E2301.
func (s *Server) unread() (done func(), err error) {
	if s.sets.Add(1) > maxUnread {
		s.sets.Add(-1)
		return nil, ca.Busy(ca.E2301, "other lists are being made, or are not read to their end", "ask again in a moment").
			Because(fmt.Sprintf("%d sets are made and handed out at once", maxUnread))
	}
	return func() { s.sets.Add(-1) }, nil
}

// unhurried gives an answer listsWait instead of the time of other calls, until it is stopped.
func unhurried(w http.ResponseWriter) (stop func()) {
	c := http.NewResponseController(w)
	if c.SetWriteDeadline(time.Time{}) != nil {
		return func() {} // a writer without a connection
	}
	over := time.AfterFunc(listsWait, func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) }) // ends the writing, or finds nobody there
	return func() { over.Stop() }
}

// headsOf are the heads of lists, and how long these are with them.
func headsOf(all signer.Lists) (heads [][]byte, octets int64, err error) {
	for _, c := range all {
		size, err := c.Octets()
		if err != nil {
			return nil, 0, err
		}
		head, err := headOf(announced{c.List, size})
		if err != nil {
			return nil, 0, err
		}
		heads, octets = append(heads, head), octets+int64(len(head))+size
	}
	return heads, octets, nil
}

// nextHead reads a head; io.EOF behind the last list.
func nextHead[T any](r io.Reader) (a T, err error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return a, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxHead {
		return a, fmt.Errorf("a head of %d octets is longer than %d", n, maxHead)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return a, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return a, json.Unmarshal(text, &a)
}

// PlanList says what the complete list would be that Lists would have made.
func (c *Client) PlanList(ctx context.Context, session int64, q ca.ListWish) (ca.List, error) {
	return call[ca.List](ctx, c, "crl", listing{Session: session, ListWish: q, DryRun: true})
}

// Lists has lists of an authority made and hands each to take, the complete one first,
// which reads it to its end. An error while reading means that the list is not whole; so
// does any but a Problem of the ones that Lists gives.
func (c *Client) Lists(ctx context.Context, session int64, q ca.ListWish, take func(ca.List, io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, listsWait)
	defer cancel()
	reply, err := (&Client{http.Client{Transport: c.http.Transport}}).post(ctx, "crl", listing{Session: session, ListWish: q})
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		data, err := io.ReadAll(io.LimitReader(reply.Body, maxReply))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		return refused(reply, data)
	}
	for {
		head, err := nextHead[announced](reply.Body)
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: read the head of a list: %w", ErrUnknown, err)
		}
		body := &io.LimitedReader{R: reply.Body, N: head.Size}
		if err := take(head.List, body); err != nil {
			return err
		}
		if body.N > 0 {
			return fmt.Errorf("%d octets of list %d of %s were not taken", body.N, head.Number, head.Name())
		}
	}
}
