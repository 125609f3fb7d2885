// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"chancery/ca"
)

func (d *desk) MakeToken(_ context.Context, who ca.Actor, name string, s ca.Scope, _ int) (ca.TokenView, error) {
	return ca.TokenView{ID: "t1", Name: name, Owner: who.ID, Scope: s, Token: "secret"}, d.err
}

func (d *desk) TokensOf(context.Context, ca.Actor, bool, ca.ID) ([]ca.TokenView, ca.ID, error) {
	return []ca.TokenView{{ID: "t1"}}, 0, d.err
}

func (d *desk) RevokeToken(_ context.Context, _ ca.Actor, ref string) (ca.TokenView, error) {
	return ca.TokenView{ID: ref}, d.err
}

func (d *desk) Renew(context.Context, ca.Actor, ca.RequestID, ca.Renewing) (ca.Issued, error) {
	return ca.Issued{Certificate: d.rows[0]}, d.err
}

func (d *desk) RevokeByKey(_ context.Context, _ ca.Actor, p ca.KeyProof) (ca.Aftermath, error) {
	d.proofs = append(d.proofs, p)
	c := d.rows[0]
	c.Revoked = &ca.Revoked{Reason: ca.Superseded}
	return ca.Aftermath{Certificate: c}, d.err
}

func (d *desk) RevokeByChallenge(_ context.Context, _ ca.Actor, g ca.Guess) (ca.Aftermath, error) {
	d.guesses = append(d.guesses, g)
	c := d.rows[0]
	c.Revoked = &ca.Revoked{Reason: g.Reason}
	return ca.Aftermath{Certificate: c}, d.err
}

func (d *desk) PlanRevokeByChallenge(_ context.Context, _ ca.Actor, g ca.Guess) (ca.Aftermath, error) {
	d.guesses = append(d.guesses, g)
	return ca.Aftermath{Certificate: d.rows[0]}, d.err
}

func (d *desk) PlanRevokeByKey(context.Context, ca.Actor, ca.KeyProof) (ca.Aftermath, error) {
	return ca.Aftermath{Certificate: d.rows[0]}, d.err
}

func (d *desk) Whoami(_ context.Context, who ca.Actor) (ca.Identity, error) {
	return ca.Identity{ID: who.ID}, d.err
}
