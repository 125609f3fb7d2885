// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"chancery/ca"
	"chancery/feed/verify"
	"chancery/internal/hierarchy"
	"chancery/signer"
)

// A standing is what is true of a certificate, by what was asked of the signer alone.
type standing struct {
	serial ca.Serial
	answer ca.Answer
	ends   time.Time
	step   int
	reason ca.Reason // of the last step
	// revoked is whether it is revoked or held.
	revoked bool
}

// A parliament is an authority with some certificates, and the newest that was said of them.
type parliament struct {
	*site
	coins   *rand.Rand
	session ca.Session
	of      ca.Authority
	by      *x509.Certificate
	now     *atomic.Int64 // seconds
	profile ca.Profile
	wishes  int
	live    []*standing

	complete, delta map[ca.Serial]ca.Reason
	completed       int64 // the number of the complete list
	shards          map[int]map[ca.Serial]ca.Reason
	base            []byte // the complete feed

	root     ca.Authority
	words    string
	entities []ca.Serial // that the root revoked
	known    bool        // the signer was started since that was put on the log
	counts   map[string]int
}

func convened(t testing.TB, seed uint64) *parliament {
	t.Helper()
	p := &parliament{coins: rand.New(rand.NewPCG(seed, 6)), now: &atomic.Int64{}, shards: map[int]map[ca.Serial]ca.Reason{}, counts: map[string]int{}}
	p.now.Store(time.Now().Unix())
	s := unopened(t.TempDir())
	s.Now = func() time.Time { return time.Unix(p.now.Load(), 0) }
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	p.site = running(t, s)
	q := founding(t)
	q.Issuing.Shards = 3
	f, err := p.Found(q, os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	p.root, p.words = f.Authorities[0], q.Words
	p.entities, _ = strange(p.site, p.root, p.time().AddDate(4, 0, 0))
	p.session, p.of = p.hello(0), f.Authorities[1]
	p.by, p.profile = parsed(t, p.of.Certificate), profiles(t, p.session)["server"]
	return p
}

func (p *parliament) time() time.Time { return time.Unix(p.now.Load(), 0) }

// issues makes a certificate that ends within hours or days.
func (p *parliament) issues() {
	p.wishes++
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(crand.Reader, &x509.CertificateRequest{DNSNames: []string{"a.lab.example"}}, key)
	if err != nil {
		p.t.Fatal(err)
	}
	r := wish(p.wishes, csr, p.profile)
	r.At, r.NotAfter = p.time(), p.time().Add(time.Duration(2+p.coins.IntN(60))*time.Hour)
	a := p.issued(p.session, r)
	c := parsed(p.t, a.DER)
	p.live = append(p.live, &standing{serial: serialOf(p.t, a.DER), answer: a, ends: c.NotAfter})
}

// steps takes the next step of some certificate, if there is one that goes that way.
func (p *parliament) steps() {
	one := p.live[p.coins.IntN(len(p.live))]
	why := []ca.Reason{ca.Superseded, ca.KeyCompromise, ca.CertificateHold, ca.CertificateHold, ca.CertificateHold, ca.RemoveFromCRL, ca.RemoveFromCRL, ca.RemoveFromCRL}[p.coins.IntN(8)]
	if why == ca.KeyCompromise && p.coins.IntN(4) > 0 {
		return
	}
	a := p.revoke(p.session, one.answer, one.step+1, why)
	allowed := one.step == 0 && why != ca.RemoveFromCRL || one.step > 0 && why.Follows(one.reason)
	if allowed != (a.Problem == nil) {
		p.t.Fatalf("%v after step %d, %v: %+v", why, one.step, one.reason, a.Problem)
	}
	if a.Problem == nil {
		one.step, one.reason, one.revoked = one.step+1, why, why != ca.RemoveFromCRL
		p.counts[why.String()]++
	}
}

// passes lets time pass, and drops what has ended.
func (p *parliament) passes() {
	seconds := 1 + p.coins.Int64N(20)
	if p.coins.IntN(6) == 0 {
		seconds += p.coins.Int64N(5 * 3600)
	}
	p.now.Add(seconds)
	before := len(p.live)
	p.live = slices.DeleteFunc(p.live, func(c *standing) bool { return !p.time().Before(c.ends) })
	p.counts["ended"] += before - len(p.live)
}

// lists has lists made, and keeps those that are newest.
func (p *parliament) lists(part ca.ListPart) {
	for _, l := range p.set(p.session, ca.ListWish{Authority: p.of.Name, Part: part}) {
		entries := map[ca.Serial]ca.Reason{}
		for _, e := range l.list.RevokedCertificateEntries {
			serial, err := ca.SerialFromBytes(e.SerialNumber.Bytes())
			if err != nil {
				p.t.Fatal(err)
			}
			entries[serial] = ca.Reason(e.ReasonCode)
		}
		if err := l.list.CheckSignatureFrom(p.by); err != nil {
			p.t.Fatal(err)
		}
		n, shard := l.Scope.Shard()
		switch {
		case shard:
			p.shards[n] = entries
		case l.Scope == ca.CompleteList:
			p.complete, p.completed, p.delta = entries, l.Number, nil
		case l.Scope == ca.DeltaList:
			if l.Base > p.completed {
				p.t.Fatalf("delta %d stands on list %d, and %d is the newest", l.Number, l.Base, p.completed)
			}
			p.delta = entries
		}
	}
}

// byLists tells what the complete list with the delta, and what the shard, say of a number.
func (p *parliament) byLists(serial ca.Serial) (delta, shard bool) {
	_, delta = p.complete[serial]
	if why, changed := p.delta[serial]; changed {
		delta = why != ca.RemoveFromCRL
	}
	_, shard = p.shards[ca.ShardOf(serial.Bytes(), p.of.Sharded())][serial]
	return delta, shard
}

// byOCSP asks for all, a few in each question.
func (p *parliament) byOCSP() map[ca.Serial]bool {
	out := map[ca.Serial]bool{}
	for part := range slices.Chunk(p.live, ca.MaxOCSPCertIDs) {
		w := ca.OCSPWish{Authority: p.of.Name}
		for _, c := range part {
			w.Queries = append(w.Queries, ca.OCSPQuery{CertID: hierarchy.CertID(p.t, p.of, "sha1", c.serial), ID: ca.NewID(p.session.LogNo, c.answer.Index)})
		}
		a := p.says(w)
		if a.Problem != nil {
			p.t.Fatal(a.Problem)
		}
		for _, c := range part {
			r, err := ocsp.ParseResponseForCert(a.DER, parsed(p.t, c.answer.DER), p.by)
			if err != nil {
				p.t.Fatal(err)
			}
			if r.Status == ocsp.Unknown {
				p.t.Errorf("OCSP does not know %s", c.serial)
			}
			out[c.serial] = r.Status == ocsp.Revoked
		}
	}
	return out
}

// byFeed makes a delta, or now and then a complete feed, and reads it as a device would.
func (p *parliament) byFeed() (*verify.Feed, time.Time) {
	live := make([]ca.Serial, 0, len(p.live))
	for _, c := range p.live {
		live = append(live, c.serial)
	}
	g, _, err := p.FeedGround(p.session.Number, p.of.Name)
	if err != nil {
		p.t.Fatal(err)
	}
	var read *verify.Feed
	if p.base == nil || p.coins.IntN(50) == 0 {
		_, p.base = p.fed(p.session, p.of.Name, live, nil)
		p.counts["complete feeds"]++
		read, err = verify.Open(p.base, p.of.SPKI, p.time())
	} else {
		_, delta := p.fed(p.session, p.of.Name, live, p.base)
		read, err = verify.OpenDelta(delta, p.base, p.of.SPKI, p.time())
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return read, g.Horizon
}

// agree holds all that is said against the truth.
func (p *parliament) agree() {
	answers := p.byOCSP()
	read, horizon := p.byFeed()
	for _, c := range p.live {
		delta, shard := p.byLists(c.serial)
		said := read.Status(c.serial.Bytes())
		b := c.serial.Bytes()
		young := time.Unix(int64(binary.BigEndian.Uint32(b[3:])), 0).After(horizon)
		want := verify.Good
		switch {
		case c.revoked:
			want = verify.Revoked
		case young:
			want = verify.NotCovered
			p.counts["not covered"]++
		}
		if delta != c.revoked || shard != c.revoked || answers[c.serial] != c.revoked || said != want {
			p.t.Errorf("%s (step %d, %v) is revoked: %t; complete and delta say %t, its shard %t, OCSP %t, the feed %v",
				c.serial, c.step, c.reason, c.revoked, delta, shard, answers[c.serial], said)
		}
	}
}

// agreeAbove has the root revoke an authority, and holds its two lists against each other:
// that of authorities has all that the complete one has, but for certificates of end entities.
func (p *parliament) agreeAbove(n int) {
	p.t.Helper()
	name := fmt.Sprintf("short%d-g1", n)
	q := signer.Creation{Kind: ca.Issuing, Parent: p.root.Name, PKI: pki, Words: p.words}
	q.Name, q.Line, q.Subject, q.KeyType, q.Days, q.Use = name, name[:len(name)-3], named(name), "ecdsa-p256", 300, []string{"server"}
	if _, err := p.Create(q); err != nil {
		p.t.Fatal(err)
	}
	done, err := p.RevokeAuthority(signer.AuthorityRevoking{Authority: name, Reason: ca.Superseded, Words: p.words}, 7)
	if err != nil {
		p.t.Fatal(err)
	}
	p.session = p.hello(0)
	complete, authorities := numbers(p.t, done.Lists[p.root.Name]), numbers(p.t, done.Lists[p.root.Name+".arl"])
	if !authorities[done.Serials[0]] {
		p.t.Errorf("the list of authorities lacks %s, which was revoked", done.Serials[0])
	}
	for _, serial := range p.entities {
		if p.known && !complete[serial] || authorities[serial] {
			p.t.Errorf("%s of an end entity is on the complete list: %t; on that of authorities: %t", serial, complete[serial], authorities[serial])
		}
		delete(complete, serial)
	}
	if !maps.Equal(complete, authorities) {
		p.t.Errorf("the complete list has %v of authorities, their own list %v", complete, authorities)
	}
}

// Whatever happened to the certificates of an authority, in whatever order: the complete
// list with the delta upon it, the shard that a certificate names, OCSP and the compact
// feed say the same of each that has not ended, and that is the truth. CHANCERY_SOAK=1 has
// 10 000 states.
func TestR90_EverythingThatTellsOfRevocationAgrees(t *testing.T) {
	states := 250
	if os.Getenv("CHANCERY_SOAK") == "1" {
		states = 10_000
	}
	p := convened(t, 10_000)
	for range 8 {
		p.issues()
	}
	p.lists(ca.AllLists)
	for n := range states {
		p.passes()
		for len(p.live) < 8 || len(p.live) < 24 && p.coins.IntN(3) == 0 {
			p.issues()
		}
		for range p.coins.IntN(4) {
			p.steps()
		}
		p.lists([]ca.ListPart{ca.AllLists, ca.ChangedLists, ca.NewsLists, ca.NewsLists}[p.coins.IntN(4)])
		p.agree()
		if n%100 == 99 {
			p.agreeAbove(n)
		}
		if n%500 == 99 { // what is said does not depend on how long the signer has run
			dir := p.Dir
			p.stop()
			s := unopened(dir)
			s.Now = func() time.Time { return p.time() }
			if err := s.Open(); err != nil {
				t.Fatal(err)
			}
			p.site, p.known = running(t, s), true
			p.session = p.hello(0)
		}
		if t.Failed() {
			t.Fatalf("in state %d", n)
		}
	}
	for _, what := range []string{"ended", "not covered", "complete feeds", ca.CertificateHold.String(), ca.RemoveFromCRL.String(), ca.Superseded.String()} {
		if p.counts[what] == 0 {
			t.Errorf("in %d states nothing was %s", states, what)
		}
	}
	t.Logf("%d states: %v", states, p.counts)
}
