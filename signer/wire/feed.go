// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"chancery/ca"
	"chancery/internal/socket"
	"chancery/internal/strict"
	"chancery/signer"
)

// feedHeader is the header of a call that says what the feed in its body is, as JSON of a
// feeding.
const feedHeader = "Chancery-Feed"

// A feeding is a call about the feed of an authority. Of the call feed, the first Body octets
// are the body of the feed, and the others the file of a delta's base.
type feeding struct {
	Session   int64  `json:"session"`
	Authority string `json:"authority"`
	Body      int64  `json:"body,omitempty"`
}

// numberSize is how many octets a serial number has in the reply of feed-ground.
const numberSize = 20

// feedGround answers with a head, a ca.FeedGround, and the numbers behind it.
func (s *Server) feedGround(w http.ResponseWriter, r *http.Request) {
	q, err := read[feeding](r, maxBody)
	if err != nil {
		s.Signer.Refuse(socket.Peer(r.Context()), signer.BadBody)
		s.answer(w, nil, err)
		return
	}
	g, revoked, err := s.Signer.FeedGround(q.Session, q.Authority)
	var head []byte
	if err == nil {
		head, err = headOf(g)
	}
	if err != nil {
		s.answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(head)+numberSize*len(revoked)))
	out := bytes.NewBuffer(make([]byte, 0, 64<<10))
	out.Write(head)
	for i := range revoked {
		if out.Write(revoked[i][:]); out.Len() >= 60<<10 || i == len(revoked)-1 {
			if _, err := out.WriteTo(w); err != nil {
				return // whoever asked went away
			}
		}
	}
	_, _ = out.WriteTo(w)
}

// feed answers with a head, a ca.Feed, and the file. One is taken at a time, from its first
// octet on: they are the largest bodies that the signer holds in memory.
func (s *Server) feed(w http.ResponseWriter, r *http.Request) {
	s.feeding.Lock()
	defer s.feeding.Unlock()
	q, body, base, err := readFeeding(r)
	if err != nil {
		s.Signer.Refuse(socket.Peer(r.Context()), signer.BadBody)
		s.answer(w, nil, err)
		return
	}
	about, file, err := s.Signer.SignFeed(q.Session, q.Authority, body, base)
	var head []byte
	if err == nil {
		head, err = headOf(about)
	}
	if err != nil {
		s.answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(head)+len(file)))
	if _, err := w.Write(head); err == nil {
		_, _ = w.Write(file) // who asked and went away asks again, for another one
	}
}

func readFeeding(r *http.Request) (q feeding, body, base []byte, err error) {
	q, err = strict.Decode[feeding]([]byte(r.Header.Get(feedHeader)))
	if err != nil {
		return q, nil, nil, ca.Invalid(ca.E1401, "the header "+feedHeader+" is not what this method takes", "see docs/sockets.md").Because(err.Error())
	}
	n := r.ContentLength
	if n < 0 || q.Body < 0 || q.Body > signer.MaxFeed || n < q.Body || n-q.Body > signer.MaxFeed {
		return q, nil, nil, ca.Invalid(ca.E1401, fmt.Sprintf("a feed and its base have at most %d octets each, and the lengths that are said", signer.MaxFeed), "see docs/sockets.md")
	}
	all := make([]byte, n)
	if _, err := io.ReadFull(r.Body, all); err != nil {
		return q, nil, nil, ca.Invalid(ca.E1401, "the body did not arrive whole", "send it again").Because(err.Error())
	}
	return q, all[:q.Body], all[q.Body:], nil
}

// headOf writes a head: a length of four octets, big-endian, and JSON of so many octets.
func headOf[T any](about T) ([]byte, error) {
	text, err := json.Marshal(about)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...), nil //nolint:gosec // far below maxHead
}

// FeedGround gives what a feed is to be made on; see signer.Signer.FeedGround.
func (c *Client) FeedGround(ctx context.Context, session int64, authority string) (g ca.FeedGround, revoked [][20]byte, err error) {
	reply, err := c.post(ctx, "feed-ground", feeding{Session: session, Authority: authority})
	if err != nil {
		return g, nil, err
	}
	defer reply.Body.Close()
	if g, err = headed[ca.FeedGround](reply); err != nil {
		return g, nil, err
	}
	if rest := reply.ContentLength; g.Revoked < 0 || int64(g.Revoked) > rest/numberSize {
		return g, nil, fmt.Errorf("%w: %d numbers in %d octets", ErrUnknown, g.Revoked, rest)
	}
	revoked = make([][20]byte, g.Revoked)
	for i := range revoked {
		if _, err := io.ReadFull(reply.Body, revoked[i][:]); err != nil {
			return g, nil, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
	}
	return g, revoked, nil
}

// Feed has a feed signed; see signer.Signer.SignFeed. After an error that is no Problem its
// number may be given.
func (c *Client) Feed(ctx context.Context, session int64, authority string, body, base []byte) (about ca.Feed, file []byte, err error) {
	said, err := json.Marshal(feeding{Session: session, Authority: authority, Body: int64(len(body))})
	if err != nil {
		return about, nil, fmt.Errorf("write the call feed: %w", err)
	}
	reply, err := c.send(ctx, "feed", append(body[:len(body):len(body)], base...), http.Header{feedHeader: {string(said)}})
	if err != nil {
		return about, nil, err
	}
	defer reply.Body.Close()
	if about, err = headed[ca.Feed](reply); err != nil {
		return about, nil, err
	}
	// The signer adds little to a body.
	file, err = io.ReadAll(io.LimitReader(reply.Body, int64(len(body))+maxBody))
	if err != nil {
		return about, nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return about, file, nil
}

// headed reads the head of a reply, or what stands there instead.
func headed[T any](reply *http.Response) (about T, err error) {
	if reply.StatusCode != http.StatusOK {
		data, err := io.ReadAll(io.LimitReader(reply.Body, maxReply))
		if err != nil {
			return about, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		return about, refused(reply, data)
	}
	if about, err = nextHead[T](reply.Body); err != nil {
		err = errors.Join(ErrUnknown, err)
	}
	return about, err
}
