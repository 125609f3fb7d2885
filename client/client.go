// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chancery/ca"
)

const (
	// maxAnswer bounds an answer: a page of ca.MaxPage rows with 100 names each of
	// the longest stays below.
	maxAnswer = 64 << 20
	// dialWait is long for a local socket; callWait is longer than the service's own
	// limits, so that it answers first.
	dialWait, callWait = 5 * time.Second, 90 * time.Second
)

// A Client talks to one service. It is safe for concurrent use.
type Client struct {
	http *http.Client
	// socket is the path of a Unix socket, or the address of a service elsewhere.
	socket string
	// base and token are those of a service elsewhere; base is nil behind a socket.
	base  *url.URL
	token string
}

// Dial makes a client for the service behind a Unix socket and sees that somebody
// listens. A symbolic link is followed here, because a link may stand where the
// socket's own path would be too long to dial. The Problem is E1201, or E1303 if
// the socket's mode keeps us out.
func Dial(socketPath string) (*Client, error) {
	c := &Client{socket: socketPath}
	c.http = &http.Client{
		Timeout: callWait,
		Transport: &http.Transport{
			DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
			DisableCompression: true, // a local socket is faster than any compression
			MaxIdleConns:       4,
			IdleConnTimeout:    time.Minute,
		},
		// The API does not redirect; what does is not the API.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	conn, err := c.dial(context.Background())
	if err != nil {
		return nil, c.unreachable(err)
	}
	if err := conn.Close(); err != nil {
		return nil, c.unreachable(err)
	}
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	path := c.socket
	if target, err := os.Readlink(path); err == nil {
		if path = target; !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(c.socket), target)
		}
	}
	d := net.Dialer{Timeout: dialWait}
	return d.DialContext(ctx, "unix", path)
}

// unreachable makes a problem of a failure to get an answer.
func (c *Client) unreachable(err error) error {
	var asked *url.Error // its address is made up, see call
	if errors.As(err, &asked) {
		err = asked.Err
	}
	if p := c.untrusted(err); p != nil {
		return p
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("ask the service: %w", err)
	case c.base != nil:
		return ca.Unavailable(ca.E1201, "no service answers at "+c.socket, "look whether it runs, and whether the address is right").Because(err.Error())
	case errors.Is(err, fs.ErrPermission):
		return ca.Forbidden(ca.E1303, "this account may not use the service's socket "+c.socket, "ask whoever runs the service to let the account in").Because(err.Error())
	}
	return ca.Unavailable(ca.E1201, "no service answers on "+c.socket, "chancery serve").Because(err.Error())
}

// lost is unreachable for a call that somebody listened to: where the connection broke before
// the answer, what was asked for may be done, and the same again is no second deed. Nobody is
// told to start a service that is starting again by itself.
func (c *Client) lost(q call, err error) error {
	why := c.unreachable(err)
	var p *ca.Problem
	var dialed *net.OpError
	if !errors.As(why, &p) || p.Code != ca.E1201 || errors.As(err, &dialed) && dialed.Op == "dial" {
		return why
	}
	if q.repeatable() {
		return ca.Unavailable(ca.E1201, "the service went away before it answered: it may have been done, or not", "the same again, in a moment: what was done already is not done twice").Because(p.Why)
	}
	return ca.Unavailable(ca.E1201, "the service went away before it answered: it may have been done, or not", "look whether it was done before you do it again: chancery list, chancery status").Because(p.Why)
}

// repeatable tells whether a call that is made again does nothing more: it only reads or says
// what would be done, revokes, publishes, or is a batch, whose key is made of what it has.
func (q call) repeatable() bool {
	if q.method != http.MethodPost || q.query.Get("dry_run") == "true" {
		return true
	}
	deed, _, _ := strings.Cut(q.path, "/")
	return slices.Contains([]string{"revocations", "crls", "feeds", "requests:batch"}, deed)
}

// send sends a call to where the service is.
func (c *Client) send(r *http.Request) (*http.Response, error) {
	if c.base != nil {
		r.URL.Scheme, r.URL.Host, r.Host = c.base.Scheme, c.base.Host, ""
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.http.Do(r)
}

// A call is one exchange.
type call struct {
	method, path string
	query        url.Values
	body         any
	key          string // Idempotency-Key
	match        string // If-Match
	// tag takes the ETag of the answer; it may be nil.
	tag *string
}

// do makes a call and reads the answer into a value. Members it does not know
// are passed over: a newer service may add some within version 1.
func do[T any](ctx context.Context, c *Client, q call) (T, error) {
	var v T
	request, err := q.request(ctx)
	if err != nil {
		return v, err
	}
	answer, err := c.send(request)
	if err != nil {
		return v, c.lost(q, err)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return v, c.lost(q, err)
	}
	if len(body) > maxAnswer {
		return v, fmt.Errorf("the service's answer is larger than %d octets", maxAnswer)
	}
	q.traced(ctx, answer.StatusCode, body)
	if q.tag != nil {
		*q.tag = answer.Header.Get("ETag")
	}
	mediaType, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	switch {
	case mediaType == "application/problem+json":
		p := new(ca.Problem)
		if err := json.Unmarshal(body, p); err != nil || p.Code == "" {
			return v, fmt.Errorf("the service answered %s with a problem that cannot be read", answer.Status)
		}
		return v, p
	case answer.StatusCode/100 != 2 || mediaType != "application/json":
		return v, ca.Unavailable(ca.E1201, "what answers on "+c.socket+" is not this service: "+ca.Show(answer.Status), "look at what runs there")
	}
	if err := json.Unmarshal(body, &v); err != nil {
		var zero T
		return zero, fmt.Errorf("read the service's answer to %s %s: %w", q.method, q.path, err)
	}
	return v, nil
}

func (q call) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	if q.body != nil {
		data, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("write the call: %w", err)
		}
		body = bytes.NewReader(data)
	}
	// The host is made up: the socket is the address.
	address := "http://chancery/api/v1/" + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, q.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("write the call: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key)
	}
	if q.match != "" {
		r.Header.Set("If-Match", q.match)
	}
	return r, nil
}

// segment writes a reference as one segment of a path. Dots alone would be
// resolved on the way, so they are written in full.
func segment(ref string) string {
	if ref == "." || ref == ".." {
		return strings.ReplaceAll(ref, ".", "%2E")
	}
	return url.PathEscape(ref)
}
