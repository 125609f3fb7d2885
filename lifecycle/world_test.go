// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/config"
	"chancery/policy"
)

// errDied is what a caller sees of a process that died: nothing.
var errDied = errors.New("the connection broke")

// A world is book and signer in memory. Each call passes points; at the point in
// die the process dies, once, and the call's outcome is lost.
type world struct {
	t    *testing.T
	id   audit.LogID
	key  ed25519.PrivateKey
	root *x509.Certificate
	line ca.Authority

	mu sync.Mutex
	// the log
	leaves  []Record
	session int64
	serial  int64
	flying  int
	most    int // most batches in flight at once
	batches int
	reads   int // single leaves that were read
	largest int // octets of the largest call, as the socket carries it
	// the book
	rows        []ca.Certificate
	events      map[ca.ID]ca.Event
	keys        map[string]keyed
	asked       []ca.Asked // newest first
	authorities []ca.Authority
	steps       map[stepID]ca.ID
	mark        int64
	commits     int
	// what goes wrong
	die    map[string]int // point → how often from now on; a process that is down
	nth    int            // dies at the nth point of all, if positive
	points int
	pause  time.Duration // what signing and committing take
	late   []func()      // commits that arrive after their connection broke
	refuse map[ca.RequestID]*ca.Problem
	sealed bool
	proof  func([]byte) error
	// what the policy says
	assurance ca.Assurance
	accounts  map[int][]ca.Role
	stale     bool                 // the session was closed, as by a change of policy
	recent    map[string]ca.Answer // by idempotency key
}

func newWorld(t *testing.T) *world {
	t.Helper()
	seed := sha256.Sum256([]byte("issuer"))
	w := &world{
		t: t, id: audit.LogID{7}, key: ed25519.NewKeyFromSeed(seed[:]), events: map[ca.ID]ca.Event{}, steps: map[stepID]ca.ID{},
		keys: map[string]keyed{}, die: map[string]int{}, refuse: map[ca.RequestID]*ca.Problem{}, serial: 100,
		recent: map[string]ca.Answer{}, assurance: ca.Solo, accounts: accounts(), proof: func([]byte) error { return nil },
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Issuer"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(20 * 365 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(nil, template, template, w.key.Public(), w.key)
	if err != nil {
		t.Fatal(err)
	}
	if w.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	w.line = ca.Authority{
		Name: "issuing-g1", Line: "issuing", Kind: ca.Issuing, State: ca.Active, Parent: "issuing-g1", Key: ca.Digest{9},
		Subject: w.root.RawSubject, Certificate: der, Use: []string{"server"}, NotBefore: template.NotBefore, NotAfter: template.NotAfter,
	}
	w.append(audit.Leaf{Kind: audit.Genesis}, nil)
	body, _ := json.Marshal(w.line)
	w.append(audit.Leaf{Kind: audit.Authority}, body)
	return w
}

// profile is the one profile of the world.
func profile() ca.Profile {
	p, err := policy.Sound(ca.Profile{
		Schema: 1, Name: "server", Line: "issuing", Doors: []ca.Door{ca.DoorCLI}, Use: []string{"server"}, Days: 30, MaxDays: 90, Hold: true,
		Keys: []string{"ecdsa-p256"}, Names: ca.NameRules{Max: 3, DNS: []string{"*.lab.example"}},
	})
	if err != nil {
		panic(err)
	}
	p.Digest = ca.Digest{3}
	return p
}

// wish is a request and what was read of it.
func wishOf(n int, key string) (ca.Request, ca.CSR) {
	raw := fmt.Appendf(nil, "request %d", n)
	q := ca.Request{
		ID: ca.RequestID(fmt.Sprintf("request-%04d", n)), Door: ca.DoorCLI, Key: key, From: hana,
		Profile: "server", CSR: raw, At: time.Now().UTC(),
	}
	return q, ca.CSR{
		Raw: raw, SPKI: []byte("key"), Key: ca.Digest{byte(n), 1}, KeyType: "ecdsa-p256", Bits: 256,
		Names: []ca.Name{{Type: ca.DNS, Value: fmt.Sprintf("host%d.lab.example", n)}},
	}
}

func (w *world) registrar() *Registrar {
	r, err := New(Options{
		Book: w, Shelf: w, Records: w, Issuer: w, Log: w, Leaf: w.one, Condemned: w.condemned, Now: time.Now, Account: hana.UID, Version: "test", Database: "memory", DatabaseID: "db",
		Vouched: NewVouched(w), Constraints: func(...[]byte) ([]ca.NameConstraints, error) { return nil, nil },
		CSR: readRequest, Profile: config.Profile, Proof: w.proof,
		Bundle: func([]byte) (map[string]ca.Profile, error) {
			return map[string]ca.Profile{"server": profile()}, nil
		},
		Report: func(err error) { w.t.Log(err) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// dies tells whether the process dies here. The caller holds mu.
func (w *world) dies(point string) bool {
	w.points++
	if w.points == w.nth {
		return true
	}
	if w.die[point] > 0 {
		w.die[point]--
		return true
	}
	return false
}

// append puts a leaf on the log.
func (w *world) append(l audit.Leaf, body []byte) int64 {
	l.Log, l.Index, l.Time = w.id, int64(len(w.leaves)), time.Now().UnixMilli()
	l.Body = sha256.Sum256(body)
	b, err := l.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	w.leaves = append(w.leaves, Record{Index: l.Index, Leaf: b, Body: body})
	return l.Index
}

// intend makes a certificate and its INTENT.
func (w *world) intend(q ca.Request, names []ca.Name, key ca.Digest) (index int64, der []byte) {
	w.serial++
	now := time.Now().UTC().Truncate(time.Second)
	template := &x509.Certificate{SerialNumber: big.NewInt(w.serial), NotBefore: now, NotAfter: now.Add(240 * time.Hour)}
	der, err := x509.CreateCertificate(nil, template, w.root, w.key.Public(), w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	serial, err := ca.SerialFromBytes(big.NewInt(w.serial).Bytes())
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := json.Marshal(ca.IntentBody{
		Wish: q, TBS: x.RawTBSCertificate, Authority: w.line.Name, Kind: ca.EndEntity, Names: names, Key: key, KeyType: "ecdsa-p256",
		NotBefore: template.NotBefore, NotAfter: template.NotAfter,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.append(audit.Leaf{Kind: audit.Intent, Issuer: w.line.Key, Serial: serial, Digest: sha256.Sum256(x.RawTBSCertificate)}, body), der
}

func (w *world) final(index int64, der []byte) {
	body, _ := json.Marshal(ca.FinalBody{DER: der})
	w.append(audit.Leaf{Kind: audit.Final, Cites: index, Digest: sha256.Sum256(der)}, body)
}

// leaf reads back a leaf.
func (w *world) leaf(i int64) audit.Leaf {
	l, err := audit.ParseLeaf(w.leaves[i].Leaf)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// closing gives, for each intent, the kinds of the leaves that cite it.
func (w *world) closing() map[int64][]audit.Kind {
	out := map[int64][]audit.Kind{}
	for i := range w.leaves {
		switch l := w.leaf(int64(i)); l.Kind {
		case audit.Intent:
			out[l.Index] = nil
		case audit.Final, audit.Void, audit.Adopted:
			out[l.Cites] = append(out[l.Cites], l.Kind)
		}
	}
	return out
}

// Hello implements Log.
func (w *world) Hello(_ context.Context, database string, next int64) (ca.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dies("hello") {
		return ca.Session{}, errDied
	}
	if database != "db" {
		return ca.Session{}, ca.Conflict(ca.E1405, "another installation", "")
	}
	if next > int64(len(w.leaves)) {
		return ca.Session{}, ca.Conflict(ca.E1406, "the journal is older than the database", "")
	}
	w.session++
	w.stale = false
	w.append(audit.Leaf{Kind: audit.Session, Cites: next}, nil)
	unsettled := 0
	for _, kinds := range w.closing() {
		if len(kinds) == 0 {
			unsettled++
		}
	}
	shipped, err := policy.Shipped([]string{"lab.example"})
	if err != nil {
		return ca.Session{}, err
	}
	document, err := policy.Bundle{
		V: 1, Version: 4, Log: w.id.String(), Issued: time.Now(), Expires: time.Now().Add(time.Hour), Assurance: w.assurance, UID: hana.UID, Accounts: w.accounts, Profiles: shipped,
	}.Marshal()
	return ca.Session{
		Number: w.session, Log: w.id.String(), LogNo: 1, Durable: int64(len(w.leaves)), Unsettled: unsettled, Policy: document, Authorities: w.said(),
	}, err
}

// Leaves implements Log, in pages of three.
func (w *world) Leaves(_ context.Context, from int64) ([]Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dies("leaves") {
		return nil, errDied
	}
	from = min(from, int64(len(w.leaves)))
	return slices.Clone(w.leaves[from:min(from+3, int64(len(w.leaves)))]), nil
}

// one is Options.Leaf.
func (w *world) one(_ context.Context, index int64) (Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if index < 0 || index >= int64(len(w.leaves)) {
		return Record{}, ca.NotFound(ca.E2101, "no such leaf", "")
	}
	return w.leaves[index], nil
}

// Settle implements Log as the signer does: it refuses to contradict the log.
func (w *world) Settle(_ context.Context, all []ca.Settlement) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dies("settle before") {
		return errDied
	}
	for _, s := range all {
		kinds := w.closing()[s.Index]
		switch {
		case s.Act == ca.SettleAbandoned:
			if !w.abandoned(s.Index) {
				w.append(audit.Leaf{Kind: audit.Abandoned, Cites: s.Index}, nil)
			}
		case s.Act == ca.SettleVoid && len(kinds) == 0:
			w.append(audit.Leaf{Kind: audit.Void, Cites: s.Index}, nil)
		case s.Act == ca.SettleFinal && len(kinds) == 0:
			x, err := x509.ParseCertificate(s.DER)
			if err != nil || sha256.Sum256(x.RawTBSCertificate) != w.leaf(s.Index).Digest {
				return ca.Conflict(ca.E1406, "not the one that was intended", "")
			}
			w.final(s.Index, s.DER)
		case s.Act == ca.SettleVoid && kinds[0] != audit.Void, s.Act == ca.SettleFinal && kinds[0] != audit.Final:
			return ca.Conflict(ca.E1406, "closed otherwise", "")
		}
	}
	if w.dies("settle after") {
		return errDied
	}
	return nil
}

// Sign implements Issuer.
func (w *world) Sign(_ context.Context, drafts []policy.Cleared) ([]ca.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stale {
		return nil, ca.Conflict(ca.E1402, "this session was closed", "")
	}
	if len(drafts) == 0 {
		switch {
		case w.sealed:
			return nil, ca.Locked(ca.E3001, "the signing key is locked", "")
		case w.dies("probe"):
			return nil, errDied
		}
		return nil, nil
	}
	if w.dies("sign closed") {
		return nil, ca.Conflict(ca.E1402, "this session was closed", "")
	}
	if w.sealed {
		return nil, ca.Locked(ca.E3001, "the signing key is locked", "")
	}
	if w.dies("sign before intent") {
		return nil, errDied
	}
	requests := make([]ca.Request, len(drafts))
	for i, d := range drafts {
		requests[i] = d.Request()
	}
	document, err := json.Marshal(requests)
	if err != nil {
		return nil, err
	}
	w.largest = max(w.largest, len(document))
	w.flying++
	w.most = max(w.most, w.flying)
	answers := make([]ca.Answer, len(drafts))
	var fresh []ca.Answer
	for i, d := range drafts {
		answers[i].Request = d.Request().ID
		if p := w.refuse[d.Request().ID]; p != nil {
			answers[i].Problem = p
			continue
		}
		a := &answers[i]
		key := d.Request().Key
		if before, ok := w.recent[key]; ok && key != "" {
			a.Index, a.Leaf, a.DER = before.Index, before.Leaf, before.DER
			continue
		}
		a.Index, a.DER = w.intend(d.Request(), d.Draft().Names, d.Draft().Key)
		a.Leaf = w.leaves[a.Index].Leaf
		fresh = append(fresh, *a)
	}
	// Of two batches in flight the later one is often done first.
	w.batches++
	pause := w.pause * time.Duration(1+3*(w.batches%2))
	w.mu.Unlock()
	time.Sleep(pause)
	w.mu.Lock()
	w.flying--
	if w.dies("sign before final") {
		return nil, errDied
	}
	lost := w.dies("sign final lost")
	for _, a := range fresh {
		if !lost {
			w.final(a.Index, a.DER)
		}
	}
	for i, d := range drafts {
		if answers[i].Problem == nil {
			w.recent[d.Request().Key] = answers[i]
		}
	}
	if w.dies("sign after final") {
		return nil, errDied
	}
	return answers, nil
}

// agree checks that log and book say the same: each intent has one closing leaf
// and the row that belongs to it, each row its intent, and the mark is above all.
func (w *world) agree(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	byID := map[int64]ca.Certificate{}
	for _, c := range w.rows {
		byID[c.ID.Index()] = c
	}
	closing := w.closing()
	for index, kinds := range closing {
		c, ok := byID[index]
		switch {
		case len(kinds) != 1 || !ok:
			t.Errorf("intent %d has the closing leaves %v and a row: %v", index, kinds, ok)
		case (kinds[0] == audit.Void) != (c.Kind == ca.Void):
			t.Errorf("intent %d ended as %v, its row is of kind %q", index, kinds[0], c.Kind)
		}
	}
	for index := range byID {
		if _, ok := closing[index]; !ok {
			t.Errorf("row %d has no intent", index)
		}
	}
	for index := range closing {
		if index >= w.mark {
			t.Errorf("the mark is %d, below intent %d", w.mark, index)
		}
	}
}

// code is the code of an error that is a problem.
func code(err error) ca.Code {
	var p *ca.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}
