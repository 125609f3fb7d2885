// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// refused gives the refusals on the log as "by: about".
func (p *purse) refused() (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, r := range p.leaves {
		var e ca.EventBody
		if p.leaf(int64(i)).Kind == audit.FrontEvent && json.Unmarshal(r.Body, &e) == nil && e.Kind == eventRefused {
			out = append(out, e.By+": "+e.About)
		}
	}
	slices.Sort(out)
	return out
}

// AU-05: whoever tries a token or a certificate that is revoked, ended or unknown is on the
// log, with the credential if it was one of ours; however often he tries, once a minute.
func TestAU05_AFailedSignInIsCountedOnTheLog(t *testing.T) {
	withPurse(t, func(t *testing.T, p *purse, r *Registrar) {
		ctx := t.Context()
		scope := ca.Scope{Roles: []ca.Role{ca.Requester}}
		gone, err := r.MakeToken(ctx, hana, "gone", scope, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.RevokeToken(ctx, hana, "gone"); err != nil {
			t.Fatal(err)
		}
		q, c := wishOf(1, "")
		q.From = peer(1001)
		issued, err := r.Submit(ctx, q, c)
		if err != nil {
			t.Fatal(err)
		}
		if who, err := r.SignInBy(ctx, issued.Certificate.DER); err != nil || who.Method != ca.MethodRenewal || who.ID != "uid:1001" {
			t.Fatalf("signs in as %+v, %v", who, err)
		}
		if _, err := r.Revoke(ctx, peer(1001), issued.Certificate.PublicName(), ca.Withdrawal{Reason: ca.Superseded}); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			if who, err := r.SignIn(ctx, gone.Token); code(err) != ca.E1305 || who.ID != "" {
				t.Fatalf("a revoked token: %+v, %v", who, err)
			}
			if who, err := r.SignInBy(ctx, issued.Certificate.DER); code(err) != ca.E1305 || who.ID != "" {
				t.Fatalf("a revoked certificate: %+v, %v", who, err)
			}
			if _, err := r.SignIn(ctx, "chy_nothing"); code(err) != ca.E1306 {
				t.Fatal(err)
			}
			if _, err := r.SignInBy(ctx, []byte("no certificate")); code(err) != ca.E1306 {
				t.Fatal(err)
			}
		}
		time.Sleep(aMinute + 2*probePause) // of the bubble's clock
		synctest.Wait()
		want := []string{
			"nobody: 100 calls, the last with E1306",
			"uid:1000: 50 calls, the last with E1305 by token " + gone.ID,
			"uid:1001: 50 calls, the last with E1305 by certificate " + issued.Certificate.PublicName(),
		}
		if got := p.refused(); !slices.Equal(got, want) {
			t.Errorf("the log tells\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// Only an account itself makes tokens: one made by a certificate, or by a token, would
// outlive that one's revocation.
func TestAN04_ACertificateMakesNoTokens(t *testing.T) {
	withPurse(t, func(t *testing.T, _ *purse, r *Registrar) {
		for _, method := range []string{ca.MethodToken, ca.MethodCertificate, ca.MethodRenewal, ca.MethodService} {
			who := hana
			who.Method, who.Token = method, &ca.Token{Scope: ca.Scope{Roles: []ca.Role{ca.Requester}}}
			if _, err := r.MakeToken(t.Context(), who, "ci", ca.Scope{Roles: []ca.Role{ca.Requester}}, 1); code(err) != ca.E1305 {
				t.Errorf("by %s: %v", method, err)
			}
		}
	})
}

// AN-02, BK-06: a certificate below an authority that is revoked or retired signs nobody in; one whose
// authority lost a cross-certificate alone does.
func TestAN02_NobodySignsInBelowARevokedAuthority(t *testing.T) {
	withPurse(t, func(t *testing.T, p *purse, r *Registrar) {
		q, c := wishOf(1, "")
		q.From = peer(1001)
		issued, err := r.Submit(t.Context(), q, c)
		if err != nil {
			t.Fatal(err)
		}
		for by, want := range map[string]ca.Code{"root-g2": "", "root-g1": ca.E1306} {
			below := p.line
			below.Parent = "mid-g1"
			mid := ca.Authority{Name: "mid-g1", Kind: ca.Intermediate, Parent: "root-g1", Revoked: []ca.AuthorityRevocation{{By: by}}}
			r.o.Vouched.hear(map[string]ca.Authority{below.Name: below, mid.Name: mid})
			if _, err := r.SignInBy(t.Context(), issued.Certificate.DER); code(err) != want {
				t.Errorf("%s revoked the one above: %v, want %q", by, err, want)
			}
			below.Parent, below.Revoked = "root-g1", mid.Revoked
			r.o.Vouched.hear(map[string]ca.Authority{below.Name: below})
			if _, err := r.SignInBy(t.Context(), issued.Certificate.DER); code(err) != want {
				t.Errorf("%s revoked its certificate: %v, want %q", by, err, want)
			}
		}
		retired := p.line
		retired.State = ca.Retired
		r.o.Vouched.hear(map[string]ca.Authority{retired.Name: retired})
		if _, err := r.SignInBy(t.Context(), issued.Certificate.DER); code(err) != ca.E1306 {
			t.Errorf("below one that is retired: %v", err)
		}
	})
}
