// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// A Past is what is kept of how certificates came about.
type Past interface {
	// History gives what the book has of a certificate since it was issued.
	History(ctx context.Context, c ca.Certificate) (ca.History, error)
}

// An Archive has the policies that ever were in force.
type Archive interface {
	// Policies gives the policies that were put in force below a leaf, newest first; none is
	// the end.
	Policies(ctx context.Context, below int64) ([]Record, error)
}

const (
	// coverTries and coverPause are how long an explanation waits for the checkpoint that
	// covers a new leaf: the signer makes one within a second.
	coverTries, coverPause = 15, 200 * time.Millisecond
	// maxConfirmed is how many steps are read from the log too.
	maxConfirmed = 32
)

// Explain says how a certificate came about and what became of it. Whoever finds a
// certificate may ask; the error is Find's. What cannot be found out, as the log is another
// node's or the signer does not answer, is said in Unknown and is no error.
func (r *Registrar) Explain(ctx context.Context, who ca.Actor, ref string) (ca.Provenance, error) {
	v, err := r.ready(ctx)
	if err != nil {
		return ca.Provenance{}, err
	}
	found, err := r.Find(ctx, who, ref)
	if err != nil {
		return ca.Provenance{}, err
	}
	c := found.Certificate
	c.Status = c.Standing(r.o.Now())
	e := explaining{r: r, v: v, now: r.o.Now(), p: ca.Provenance{Names: []ca.NameGround{}, Rules: []ca.Decided{}, Notices: []string{}, Events: []ca.Happens{}}}
	e.p.Certificate = c
	e.p.Certificate.DER = nil
	e.p.Proof = ca.Proven{Log: c.ID.LogNo(), Index: c.ID.Index()}
	e.asked(ctx)
	e.proof(ctx)
	if c.Kind == ca.EndEntity && e.wish.Profile != "" {
		e.policies(ctx)
		e.today(ctx)
	} else if c.Kind == ca.CACertificate {
		e.p.Approval.Why = "it is an authority's: it was signed in a ceremony, with the recovery words of what signed it"
	}
	e.history(ctx)
	if ctx.Err() != nil {
		return ca.Provenance{}, gaveUp()
	}
	return e.p, nil
}

// An explaining is one explanation under way.
type explaining struct {
	r   *Registrar
	v   *view
	now time.Time
	// wish is the request, as the log has it, if it can be read there.
	wish ca.Request
	p    ca.Provenance
}

// unknown notes what could not be found out.
func (e *explaining) unknown(what string, err error) {
	if err != nil {
		what += ": " + err.Error()
	}
	if !ca.PlainText(what) {
		what = ca.Show(what)
	}
	e.p.Unknown = append(e.p.Unknown, what)
}

// asked reads the request from the log, and holds the row against it.
func (e *explaining) asked(ctx context.Context) {
	c := &e.p.Certificate
	var body ca.IntentBody
	l, err := e.r.said(ctx, c.ID, audit.Intent, &body)
	if err == nil {
		e.p.Proof.Leaf, err = l.Marshal()
	}
	switch e.wish = body.Wish; {
	case err != nil:
		e.unknown("the request is told as the database has it", err)
		if a, ok, err := e.r.o.Records.Request(ctx, c.Request); err == nil && ok {
			e.wish = a.Request
		}
	case body.Wish.ID != c.Request || body.Wish.Profile != c.Profile || body.Wish.From.ID != c.Owner || body.Key != c.Key || !slices.Equal(body.Names, c.Names):
		e.unknown("the database's row is not what the log says of this leaf, which is told here: chancery audit verify", nil)
	}
	q := e.wish
	e.p.Asked = ca.Asking{Request: q.ID, At: q.At, By: q.From.ID, Name: q.From.Name, Method: q.From.Method, Door: q.Door, NotAfter: q.NotAfter, Line: q.Line}
	if q.At.IsZero() {
		e.p.Asked.At, e.p.Asked.By, e.p.Asked.Door = c.IssuedAt, c.Owner, c.Door
	}
	e.p.Events = append(e.p.Events, ca.Happens{At: c.IssuedAt, What: ca.HappensIssued, By: cmp.Or(q.From.By(), e.p.Asked.By), Leaf: c.ID})
}

// proof has the leaf proven, and verifies that.
func (e *explaining) proof(ctx context.Context) {
	p := &e.p.Proof
	switch {
	case e.r.o.Promiser == nil || len(p.Leaf) == 0: // which was said
		return
	case p.Log != e.v.session.LogNo:
		e.unknown(fmt.Sprintf("the leaf is on log %d, and this node's is %d: that node proves it", p.Log, e.v.session.LogNo), nil)
		return
	}
	var err error
	for range coverTries {
		var proof ca.Proof
		if proof, err = e.r.o.Promiser.Checkpoint(ctx, ca.ProofWish{Leaf: p.Index}); err == nil {
			err = e.verify(proof)
			break
		}
		var early *ca.Problem
		if !errors.As(err, &early) || sleep(ctx, coverPause) != nil {
			break
		}
	}
	if err != nil {
		e.unknown("the leaf is not proven", err)
	}
}

// verify takes a proof over and verifies it.
func (e *explaining) verify(proof ca.Proof) error {
	p := &e.p.Proof
	p.Size, p.Path, p.Checkpoint, p.Key = proof.Size, proof.Inclusion, proof.Checkpoint, proof.Key
	log, err := audit.ParseLogID(e.v.session.Log)
	if err != nil {
		return err
	}
	key, err := audit.ParseVerifierKey(log, proof.Key)
	if err != nil {
		return err
	}
	c, err := audit.ParseCheckpoint([]byte(proof.Checkpoint), log, key)
	if err != nil {
		return err
	}
	path := make([]audit.Hash, len(proof.Inclusion))
	for i, h := range proof.Inclusion {
		path[i] = audit.Hash(h)
	}
	if err := audit.CheckInclusion(path, p.Index, c.Size, c.Root, p.Leaf); err != nil {
		return err
	}
	l, err := audit.ParseLeaf(p.Leaf)
	if err == nil && (l.Kind != audit.Intent || l.Serial != e.p.Certificate.Serial || l.Issuer != e.p.Certificate.IssuerKey) {
		err = errors.New("it is another certificate's")
	}
	p.Verified = err == nil
	return err
}

// history tells what happened since.
func (e *explaining) history(ctx context.Context) {
	c := &e.p.Certificate
	e.renews(ctx)
	if e.r.o.Past != nil {
		h, err := e.r.o.Past.History(ctx, *c)
		if err != nil {
			e.unknown("what happened since is not known", err)
		}
		for _, next := range h.Renewals {
			if next.Kind == ca.EndEntity && same(c.Owner, next.Owner, c.Names, next.Names) {
				e.happened(ca.Happens{At: next.IssuedAt, What: ca.HappensRenewed, By: e.asker(ctx, next), Leaf: next.ID, Certificate: next.PublicName()})
			}
		}
		for _, one := range h.Plans {
			if name, due, ok := plan(one.About); ok && name == c.PublicName() {
				e.happened(ca.Happens{At: one.At, What: ca.HappensPlanned, By: one.By, Leaf: one.ID, Due: due})
			}
		}
		e.steps(ctx, h.Steps)
	}
	if c.NotAfter.Before(e.now) {
		e.happened(ca.Happens{At: c.NotAfter, What: ca.HappensEnded})
	}
	// A leaf's order is that of what happened; an end has none.
	slices.SortStableFunc(e.p.Events, func(a, b ca.Happens) int {
		if a.Leaf != 0 && b.Leaf != 0 && a.Leaf.LogNo() == b.Leaf.LogNo() {
			return cmp.Compare(a.Leaf, b.Leaf)
		}
		return a.At.Compare(b.At)
	})
}

// asker is who asked for a certificate, as the book has it.
func (e *explaining) asker(ctx context.Context, c ca.Certificate) string {
	a, ok, err := e.r.o.Records.Request(ctx, c.Request)
	if err != nil || !ok {
		return c.Owner
	}
	return a.Request.From.By()
}

func (e *explaining) happened(h ca.Happens) { e.p.Events = append(e.p.Events, h) }

// renews finds the certificate that this one takes the place of.
func (e *explaining) renews(ctx context.Context) {
	c := &e.p.Certificate
	serial, ok := ca.RenewedSerial(e.wish.Key)
	if !ok {
		return
	}
	before, err := e.r.o.Shelf.Find(ctx, string(serial), "")
	if err != nil || len(before) != 1 || !same(c.Owner, before[0].Owner, c.Names, before[0].Names) {
		return // whoever asks may call his request so
	}
	e.happened(ca.Happens{At: c.IssuedAt, What: ca.HappensRenews, By: e.wish.From.By(), Leaf: c.ID, Certificate: before[0].PublicName()})
}

// steps tells how it was held and revoked, in the words of the log.
func (e *explaining) steps(ctx context.Context, all []ca.Revocation) {
	before := ca.RemoveFromCRL
	for i, v := range all {
		var body ca.RevokedBody
		if v.ID.LogNo() == e.v.session.LogNo && i < maxConfirmed {
			l, err := e.r.said(ctx, v.ID, audit.Revoked, &body)
			if err == nil && (l.Serial != v.Serial || l.Step != int64(v.Step) || body.Reason != v.Reason || body.By != v.By) {
				err = errors.New("the log says otherwise: chancery audit verify")
			}
			if err != nil {
				e.unknown(fmt.Sprintf("step %d of its revocation is told as the database has it", v.Step), err)
			}
		}
		what := ca.HappensRevoked
		switch {
		case v.Reason == ca.RemoveFromCRL:
			what = ca.HappensReleased
		case v.Reason == ca.CertificateHold:
			what = ca.HappensHeld
		case before.Final():
			what = ca.HappensRaised
		}
		e.happened(ca.Happens{At: v.At, What: what, By: v.By, Leaf: v.ID, Reason: v.Reason.String()})
		before = v.Reason
	}
}

// readPolicy reads a policy of the log.
func readPolicy(r Record) (body ca.BundleBody, at time.Time, err error) {
	l, err := audit.ParseLeaf(r.Leaf)
	if err == nil && l.Kind != audit.Bundle {
		err = fmt.Errorf("leaf %d is no policy", r.Index)
	}
	if err == nil {
		err = json.Unmarshal(r.Body, &body)
	}
	return body, leafTime(l), err
}

// people lists words for a sentence.
func people[T ~string](all []T) string {
	out := make([]string, len(all))
	for i, one := range all {
		out[i] = string(one)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
