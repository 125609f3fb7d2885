// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer"
)

// maxReply bounds what a reply may weigh (formats "Socket"): a full batch of
// certificates with long chains of names stays below.
const maxReply = 8 << 20

// ErrUnknown marks a call whose outcome is not known: the connection broke or
// the time ran out after it may have arrived. It is never repeated blindly; the
// caller says hello again and settles.
var ErrUnknown = errors.New("the signer did not answer, so the outcome is not known")

// A Client calls one of the signer's sockets. It is safe for concurrent use,
// holds a few idle connections, and repeats nothing.
type Client struct{ http http.Client }

// Dial makes a client of the socket at path. Nothing is connected yet.
func Dial(path string) *Client {
	t := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
		MaxIdleConns: 8, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second,
		DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
	}
	return &Client{http.Client{Transport: t, Timeout: writeWait}}
}

// Hello opens a session; see signer.Signer.Hello.
func (c *Client) Hello(ctx context.Context, h signer.Hello) (ca.Session, error) {
	return call[ca.Session](ctx, c, "hello", h)
}

// Issue sends the wishes behind cleared requests in one batch and gives an
// answer for each, in order. An error that is ErrUnknown leaves all open.
func (c *Client) Issue(ctx context.Context, session int64, cleared []policy.Cleared) ([]ca.Answer, error) {
	b := batch{Session: session, Wishes: make([]ca.Request, len(cleared))}
	for i, one := range cleared {
		b.Wishes[i] = one.Request()
	}
	a, err := call[answers](ctx, c, "issue", b)
	if err == nil && len(a.Answers) != len(cleared) {
		err = fmt.Errorf("%w: %d answers to %d wishes", ErrUnknown, len(a.Answers), len(cleared))
	}
	return a.Answers, err
}

// Foresee says why a wish would be refused, nil if it would not; see signer.Signer.Foresee.
func (c *Client) Foresee(ctx context.Context, w signer.Foreseeing) error {
	_, err := call[empty](ctx, c, "foresee", w)
	return err
}

// Outcome asks what became of requests; see signer.Signer.Outcome.
func (c *Client) Outcome(ctx context.Context, session int64, ids []ca.RequestID) ([]ca.Answer, error) {
	a, err := call[answers](ctx, c, "outcome", outcome{session, ids})
	return a.Answers, err
}

// Leaves reads a page of durable leaves from an index on; none means the end.
func (c *Client) Leaves(ctx context.Context, from int64) ([]signer.Record, error) {
	p, err := call[page](ctx, c, "leaves", leaves{from})
	return p.Records, err
}

// Leaf reads one durable leaf; see signer.Signer.Leaf.
func (c *Client) Leaf(ctx context.Context, index int64) (signer.Record, error) {
	return call[signer.Record](ctx, c, "leaf", leaf{index})
}

// Policies reads a page of the policies before a leaf; see signer.Signer.Policies.
func (c *Client) Policies(ctx context.Context, below int64) ([]signer.Record, error) {
	p, err := call[page](ctx, c, "policies", policies{below})
	return p.Records, err
}

// Checkpoint gives the newest checkpoint and proofs; see signer.Signer.Checkpoint.
func (c *Client) Checkpoint(ctx context.Context, q ca.ProofWish) (ca.Proof, error) {
	return call[ca.Proof](ctx, c, "checkpoint", q)
}

// Settle closes intents; see signer.Signer.Settle. It may be repeated.
func (c *Client) Settle(ctx context.Context, session int64, all []ca.Settlement) error {
	_, err := call[empty](ctx, c, "settle", settlements{session, all})
	return err
}

// Append puts an event of the front on the log and gives its leaf.
func (c *Client) Append(ctx context.Context, e signer.FrontEvent) (ca.Placed, error) {
	return call[ca.Placed](ctx, c, "append", e)
}

// OCSP has responses made; see signer.Signer.OCSP. It gives an answer for each wish, in
// order.
func (c *Client) OCSP(ctx context.Context, wishes []ca.OCSPWish) ([]ca.OCSPAnswer, error) {
	a, err := call[said](ctx, c, "ocsp", asking{wishes})
	if err == nil && len(a.Answers) != len(wishes) {
		err = fmt.Errorf("%w: %d answers to %d wishes", ErrUnknown, len(a.Answers), len(wishes))
	}
	return a.Answers, err
}

// Revoke takes steps; see signer.Signer.Revoke. It may be repeated.
func (c *Client) Revoke(ctx context.Context, session int64, all []ca.Revoking) ([]ca.RevokeAnswer, error) {
	a, err := call[revoked](ctx, c, "revoke", revocations{session, all})
	if err == nil && len(a.Answers) != len(all) {
		err = fmt.Errorf("%w: %d answers to %d revocations", ErrUnknown, len(a.Answers), len(all))
	}
	return a.Answers, err
}

// Found founds the installation; on ceremony.sock only.
func (c *Client) Found(ctx context.Context, f signer.Founding) (signer.Founded, error) {
	return call[signer.Founded](ctx, c, "found", f)
}

// Unlock opens the online keys; on ceremony.sock only.
func (c *Client) Unlock(ctx context.Context, u signer.Unlocking) (signer.KeyStates, error) {
	return call[signer.KeyStates](ctx, c, "unlock", u)
}

// Lock seals the online keys; on ceremony.sock only.
func (c *Client) Lock(ctx context.Context) (signer.KeyStates, error) {
	return call[signer.KeyStates](ctx, c, "lock", empty{})
}

// Keys lists the keys and their state; on ceremony.sock only.
func (c *Client) Keys(ctx context.Context) (signer.KeyStates, error) {
	return call[signer.KeyStates](ctx, c, "keys", empty{})
}

// ListRoot has the lists of a sealed authority made; on ceremony.sock only.
func (c *Client) ListRoot(ctx context.Context, q signer.RootListing) (signer.RootLists, error) {
	return call[signer.RootLists](ctx, c, "root-list", q)
}

// Create makes an authority; on ceremony.sock only.
func (c *Client) Create(ctx context.Context, q signer.Creation) (signer.Created, error) {
	return call[signer.Created](ctx, c, "create", q)
}

// Recertify renews or cross-certifies an authority; on ceremony.sock only.
func (c *Client) Recertify(ctx context.Context, q signer.Recertification) (signer.Created, error) {
	return call[signer.Created](ctx, c, "recertify", q)
}

// ExportCSR makes a request for an authority's certificate; on ceremony.sock only.
func (c *Client) ExportCSR(ctx context.Context, q signer.KeyRequest) (signer.Requested, error) {
	return call[signer.Requested](ctx, c, "request", q)
}

// Import enters an authority whose certificate was made elsewhere; on ceremony.sock
// only.
func (c *Client) Import(ctx context.Context, q signer.Import) (signer.Created, error) {
	return call[signer.Created](ctx, c, "import", q)
}

// Resign takes an authority in with its key under a new certificate; on ceremony.sock
// only.
func (c *Client) Resign(ctx context.Context, q signer.Resigning) (signer.Created, error) {
	return call[signer.Created](ctx, c, "resign", q)
}

// Turn changes the state of an authority; on ceremony.sock only.
func (c *Client) Turn(ctx context.Context, t signer.Turn) (signer.Turned, error) {
	return call[signer.Turned](ctx, c, "turn", t)
}

// RevokeAuthority revokes an authority; on ceremony.sock only.
func (c *Client) RevokeAuthority(ctx context.Context, q signer.AuthorityRevoking) (signer.AuthorityRevoked, error) {
	return call[signer.AuthorityRevoked](ctx, c, "revoke-authority", q)
}

// ResetTime takes the clock for right; on ceremony.sock only.
func (c *Client) ResetTime(ctx context.Context) (signer.TimeBody, error) {
	return call[signer.TimeBody](ctx, c, "time-reset", empty{})
}

// SetPolicy puts a new policy bundle in force; on ceremony.sock only.
func (c *Client) SetPolicy(ctx context.Context, p signer.PolicyChange) (signer.PolicyState, error) {
	return call[signer.PolicyState](ctx, c, "policy", p)
}

// call does one call. A refusal comes back as *ca.Problem; everything that
// leaves the outcome open wraps ErrUnknown.
func call[A, Q any](ctx context.Context, c *Client, method string, q Q) (A, error) {
	var a A
	reply, err := c.post(ctx, method, q)
	if err != nil {
		return a, err
	}
	defer reply.Body.Close()
	return answered[A](reply)
}

// answered reads the reply to a call.
func answered[A any](reply *http.Response) (a A, err error) {
	data, err := io.ReadAll(io.LimitReader(reply.Body, maxReply+1))
	switch {
	case err != nil:
		return a, fmt.Errorf("%w: %w", ErrUnknown, err)
	case len(data) > maxReply:
		return a, fmt.Errorf("%w: the reply is larger than %d octets", ErrUnknown, maxReply)
	case reply.StatusCode == http.StatusOK:
		if err := json.Unmarshal(data, &a); err != nil {
			return a, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		return a, nil
	}
	return a, refused(reply, data)
}

// post sends a call with a JSON body, once.
func (c *Client) post(ctx context.Context, method string, q any) (*http.Response, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("write the call %s: %w", method, err)
	}
	return c.send(ctx, method, body, http.Header{"Content-Type": {"application/json"}})
}

// send sends a call, once.
func (c *Client) send(ctx context.Context, method string, body []byte, head http.Header) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://signer/v1/"+method, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the call %s: %w", method, err)
	}
	// Without GetBody the transport cannot send the body a second time by itself
	// when a kept connection turns out to be dead.
	r.GetBody = nil
	r.Header = head
	reply, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return reply, nil
}

// refused makes an error of a reply that is not 200.
func refused(reply *http.Response, data []byte) error {
	if reply.StatusCode == http.StatusUnprocessableEntity {
		var p ca.Problem
		if err := json.Unmarshal(data, &p); err == nil && p.Code != "" {
			return &p
		}
	}
	return fmt.Errorf("%w: status %s", ErrUnknown, reply.Status)
}
