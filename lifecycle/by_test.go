// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

// by gives who did what on the log's events of a kind, oldest first, as their rows have it.
func (w *world) by(kind string) (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.leaves {
		if e, ok := w.events[ca.NewID(1, int64(i))]; ok && e.Kind == kind {
			out = append(out, e.By)
		}
	}
	return out
}

// AU-01: the log tells which credential of an account acted: in an issuance, in a
// revocation, in the end of a token, in what was refused, and in the request of a renewal. Whose a certificate is
// stays a matter of the account.
func TestAU01_TheLogNamesTheCredentialThatActed(t *testing.T) {
	withPurse(t, func(t *testing.T, p *purse, r *Registrar) {
		ctx := t.Context()
		r.o.CSR = func([]byte) (ca.CSR, error) { _, c := wishOf(1, ""); return c, nil }
		q, c := wishOf(1, "")
		issued, err := r.Submit(ctx, q, c)
		if err != nil {
			t.Fatal(err)
		}
		made, err := r.MakeToken(ctx, hana, "ci", ca.Scope{Roles: []ca.Role{ca.Requester}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		who, err := r.SignIn(ctx, made.Token)
		if err != nil {
			t.Fatal(err)
		}
		byToken := hana.ID + " token " + made.ID
		if !strings.HasSuffix(who.Name, made.ID) {
			t.Errorf("requests by it come from %q", who.Name)
		}
		again, _, err := r.onceMore(ctx, who, issued.Certificate, ca.Renewing{Certificate: "host1.lab.example"})
		if err != nil || again.From.By() != byToken || again.From.ID != hana.ID {
			t.Errorf("a renewal by it comes from %+v, %v", again.From, err)
		}
		q2, c2 := wishOf(2, "")
		q2.From = who
		second, err := r.Submit(ctx, q2, c2)
		if err != nil {
			t.Fatal(err)
		}
		if told, err := r.Explain(ctx, hana, second.Certificate.PublicName()); err != nil || told.Events[0].By != byToken {
			t.Errorf("it is explained by %+v, %v", told.Events, err)
		}
		if got := p.by(eventIssued); len(got) != 2 || got[0] != hana.ID || got[1] != byToken {
			t.Errorf("issued by %q", got)
		}
		if _, err := r.Revoke(ctx, who, issued.Certificate.PublicName(), ca.Withdrawal{Reason: ca.Superseded}); err != nil {
			t.Fatal(err) // its owner's token may
		}
		if _, err := r.Status(ctx, who); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.TokensOf(ctx, who, true, 0); code(err) != ca.E1305 {
			t.Fatal(err)
		}
		if _, err := r.RevokeToken(ctx, who, made.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * probePause) // of the bubble's clock: refusals are told
		synctest.Wait()
		for kind, want := range map[string]string{eventRevoked: byToken, ca.EventTokenMade: hana.ID, ca.EventTokenRevoked: byToken, eventRefused: byToken} {
			if got := p.by(kind); len(got) != 1 || got[0] != want {
				t.Errorf("%s is by %q, want %q", kind, got, want)
			}
		}
	})
}

func TestAU01_WhoActedFitsOnTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		who  ca.Actor
		want string
	}{
		"an account":        {ca.Actor{ID: "uid:1", Name: "hana", Method: ca.MethodPeer}, "uid:1"},
		"a certificate":     {ca.Actor{ID: "uid:1", Name: "certificate g1-03", Method: ca.MethodCertificate}, "uid:1 certificate g1-03"},
		"one that is shown": {ca.Actor{ID: "uid:1", Name: "certificate g1-03", Method: ca.MethodRenewal}, "uid:1 certificate g1-03"},
		"an officer for it": {ca.Actor{ID: "uid:1", Name: "certificate g1-03 by uid:2 token 01", Method: ca.MethodToken}, "uid:1 certificate g1-03 by uid:2 token 01"},
		"a long one":        {ca.Actor{ID: "uid:1", Name: "certificate " + strings.Repeat("ü", 300), Method: ca.MethodRenewal}, "uid:1 certificate " + strings.Repeat("ü", 119)},
	} {
		if got := c.who.By(); got != c.want || len(got) > 256 || !ca.PlainText(got) {
			t.Errorf("%s is %q", name, got)
		}
	}
}
