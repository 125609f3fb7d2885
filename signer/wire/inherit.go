// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"chancery/ca"
	"chancery/internal/socket"
	"chancery/internal/strict"
	"chancery/signer"
)

// inherit takes a list from elsewhere, which is longer than other bodies and therefore
// no JSON: what it is about stands in a header.
func (s *Server) inherit(w http.ResponseWriter, r *http.Request) {
	q, err := readInheritance(r)
	if err != nil {
		s.Signer.Refuse(socket.Peer(r.Context()), signer.BadBody)
		s.answer(w, nil, err)
		return
	}
	a, err := s.Signer.Inherit(q)
	s.answer(w, a, err)
}

func readInheritance(r *http.Request) (signer.Inheritance, error) {
	q, err := strict.Decode[signer.Inheritance]([]byte(r.Header.Get(inheritHeader)))
	if err != nil {
		return q, ca.Invalid(ca.E1401, "the header "+inheritHeader+" is not what this method takes", "see docs/sockets.md").Because(err.Error())
	}
	var list bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= signer.MaxPast {
		list.Grow(int(n) + bytes.MinRead) // it is never copied then
	}
	switch n, err := list.ReadFrom(io.LimitReader(r.Body, signer.MaxPast+1)); {
	case err != nil:
		return q, ca.Invalid(ca.E1401, "the body did not arrive whole", "send it again").Because(err.Error())
	case n > signer.MaxPast:
		return q, ca.Invalid(ca.E1401, fmt.Sprintf("the list is larger than %d octets", signer.MaxPast), "have it made again without what has ended")
	case q.None != (n == 0):
		return q, ca.Invalid(ca.E1401, "there is a list where none was meant, or none where one was", "see docs/sockets.md")
	}
	q.List = list.Bytes()
	return q, nil
}

// Inherit tells what the key of an imported authority revoked elsewhere; on ceremony.sock
// only. It may be repeated.
func (c *Client) Inherit(ctx context.Context, q signer.Inheritance) (out signer.Inherited, err error) {
	about, err := json.Marshal(q)
	if err != nil {
		return out, fmt.Errorf("write the call inherit: %w", err)
	}
	reply, err := c.send(ctx, "inherit", q.List, http.Header{inheritHeader: {string(about)}})
	if err != nil {
		return out, err
	}
	defer reply.Body.Close()
	return answered[signer.Inherited](reply)
}
