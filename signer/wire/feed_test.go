// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/http"
	"testing"
	"time"

	"chancery/ca"
	"chancery/feed"
	"chancery/feed/verify"
	"chancery/signer/wire"
)

func TestAFeedPassesTheSocketBothWays(t *testing.T) {
	r, h := founded(t)
	c := wire.Dial(r.sign)
	g, revoked, err := c.FeedGround(t.Context(), h.Number, "issuing-g1")
	if err != nil || len(revoked) != 0 || g.Base != 0 || g.Horizon.IsZero() {
		t.Fatalf("%+v, %v: %v", g, revoked, err)
	}
	none := func() iter.Seq2[ca.Serial, error] { return func(func(ca.Serial, error) bool) {} }
	in := feed.Input{Live: none, Revoked: none, Horizon: g.Horizon}
	body, err := feed.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	one, base, err := c.Feed(t.Context(), h.Number, "issuing-g1", body, nil)
	if err != nil || one.Authority != "issuing-g1" || one.Number == 0 {
		t.Fatalf("%+v: %v", one, err)
	}
	two, delta, err := c.Feed(t.Context(), h.Number, "issuing-g1", body, base)
	if err != nil || two.Base != one.Number {
		t.Fatalf("%+v: %v", two, err)
	}
	for _, a := range h.Authorities {
		if a.Name != "issuing-g1" {
			continue
		}
		if _, err := verify.OpenDelta(delta, base, a.SPKI, time.Now()); err != nil {
			t.Error(err)
		}
	}
	var why *ca.Problem
	if _, _, err := c.Feed(t.Context(), h.Number, "issuing-g1", body[:5], nil); !errors.As(err, &why) || why.Code != ca.E3005 {
		t.Errorf("a body cut short: %v", err)
	}
	if _, _, err := c.FeedGround(t.Context(), h.Number, "nobody"); !errors.As(err, &why) || why.Code != ca.E2101 {
		t.Errorf("of nobody: %v", err)
	}
	for name, header := range map[string]string{
		"no header": "", "more than there is": `{"session":1,"authority":"issuing-g1","body":99}`,
		"negative": `{"session":1,"authority":"issuing-g1","body":-1}`, "another key": `{"session":1,"file":"/etc/passwd"}`,
	} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://signer/v1/feed", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Chancery-Feed", header)
		raw := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", r.sign)
		}}}
		reply, err := raw.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if err := reply.Body.Close(); err != nil || reply.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d, %v", name, reply.StatusCode, err)
		}
	}
}
