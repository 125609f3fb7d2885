// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"encoding/json"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/softkey"
)

const (
	passphrase = "seven lanterns over quiet harbour"
	mistyped   = "seven lanterns over loud harbour"
)

// A sealedSite is an installation with a passphrase after a crash: its keys are
// sealed, and one intent is open.
type sealedSite struct {
	*site
	session ca.Session
	words   string
	open    ca.Answer  // what the intent's certificate had become
	next    ca.Request // a wish for later
}

func sealed(t *testing.T, clock func() time.Time) sealedSite {
	t.Helper()
	s := start(t, t.TempDir())
	f := founding(t)
	f.Passphrase = passphrase
	if _, err := s.Found(f, os.Getuid()); err != nil {
		t.Fatal(err)
	}
	h := s.hello(0)
	next := wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])
	image, open := s.imageAtSigning(h, next)
	again := unopened(image)
	again.Now = clock
	if err := again.Open(); err != nil {
		t.Fatal(err)
	}
	s = running(t, again)
	next.ID = wish(2, nil, ca.Profile{}).ID
	return sealedSite{s, s.hello(0), f.Words, open, next}
}

// steps are the KEY leaves about locks, unlocks and tries.
func (s *site) steps() (all []signer.KeyBody) {
	s.t.Helper()
	for _, r := range s.leaves() {
		l, err := audit.ParseLeaf(r.Leaf)
		if err != nil {
			s.t.Fatal(err)
		}
		var b signer.KeyBody
		if l.Kind != audit.Key {
			continue
		}
		if err := json.Unmarshal(r.Body, &b); err != nil {
			s.t.Fatal(err)
		}
		if b.Step != "made" {
			all = append(all, b)
		}
	}
	return all
}

// R30: with a passphrase a restart leaves the keys sealed. The signer still says
// hello, settles and appends what the front reports; it signs nothing.
func TestKY07_ASealedSignerAppendsAndSettlesAndSignsNothing(t *testing.T) {
	s := sealed(t, time.Now)
	h, r := s.session, s.next
	refused := func() {
		t.Helper()
		var p *ca.Problem
		if _, err := s.Issue(h.Number, []ca.Request{r}); !errors.As(err, &p) || p.Code != ca.E3001 || p.Kind != ca.LockedKind {
			t.Errorf("a sealed signer was asked to sign: %v", err)
		}
	}
	if !h.Sealed {
		t.Error("hello does not say that the keys are sealed")
	}
	refused()
	if p, err := s.Append(signer.FrontEvent{Session: h.Number, Event: ca.EventBody{Kind: "login", By: "uid:1000"}}); err != nil || p.Index == 0 {
		t.Errorf("an event of the front: %+v, %v", p, err)
	}
	if n := s.count(audit.FrontEvent); n != 1 {
		t.Errorf("%d events are on the log", n)
	}
	if err := s.Settle(h.Number, []ca.Settlement{{Index: s.open.Index, Act: ca.SettleFinal, DER: s.open.DER}}); err != nil {
		t.Errorf("settle: %v", err)
	}
	out, err := s.Outcome(h.Number, []ca.RequestID{s.open.Request, r.ID})
	if err != nil || string(out[0].DER) != string(s.open.DER) || out[1].Problem.Code != ca.E2101 {
		t.Errorf("outcome: %v, %v", out, err)
	}
	var p *ca.Problem
	if _, err := s.Unlock(signer.Unlocking{}); !errors.As(err, &p) || p.Code != ca.E3001 {
		t.Errorf("no passphrase: %v", err)
	}
	for name, secret := range map[string]signer.Unlocking{"the passphrase": {Passphrase: passphrase}, "the recovery words": {Words: s.words}} {
		refused()
		if st, err := s.Unlock(secret); err != nil || st.Sealed {
			t.Fatalf("%s: %v", name, err)
		}
		s.issued(h, r)
		if st, err := s.Lock(); err != nil || !st.Sealed {
			t.Fatal(err)
		}
		r.ID = wish(3, nil, ca.Profile{}).ID
	}
	refused()
	if n := s.count(audit.Intent); n != 5 { // root, issuing, the open one, and one after each unlock
		t.Errorf("%d intents", n)
	}
}

// KY-06: every wrong try is on the log, and the waits between them bound what
// tries can add to it.
func TestKY06_WrongTriesAreLoggedAndSpacedOut(t *testing.T) {
	var ahead atomic.Int64
	s := sealed(t, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	other, err := softkey.NewWords(zeros{})
	if err != nil {
		t.Fatal(err)
	}
	wrong := []signer.Unlocking{{Passphrase: mistyped}, {Words: other.Reveal()}, {Passphrase: mistyped}, {Passphrase: mistyped}, {Passphrase: mistyped}}
	for n, u := range wrong {
		if _, err := s.Unlock(u); !signer.WrongSecret(err) {
			t.Fatalf("wrong try %d: %v", n+1, err)
		}
	}
	var p *ca.Problem
	for range 3 { // the wait is on: even the right secret is not looked at
		if _, err := s.Unlock(signer.Unlocking{Passphrase: passphrase}); !errors.As(err, &p) || p.Code != ca.E3002 || p.Kind != ca.BusyKind {
			t.Fatalf("a sixth try at once: %v", err)
		}
	}
	if _, err := s.Unlock(signer.Unlocking{Words: "twelve words"}); !errors.As(err, &p) || p.Kind != ca.InvalidKind {
		t.Errorf("what cannot be words: %v", err)
	}
	if len(s.steps()) != len(wrong) {
		t.Fatalf("%d leaves for %d wrong tries: %+v", len(s.steps()), len(wrong), s.steps())
	}
	for n, b := range s.steps() {
		want := softkey.ByPassphrase
		if wrong[n].Words != "" {
			want = softkey.ByWords
		}
		if b.Step != "refused" || b.Method != want {
			t.Errorf("leaf of try %d: %+v", n+1, b)
		}
	}
	ahead.Add(int64(time.Second)) // the first wait
	if _, err := s.Unlock(signer.Unlocking{Passphrase: mistyped}); !signer.WrongSecret(err) {
		t.Fatal(err)
	}
	ahead.Add(int64(time.Second)) // the second is twice as long
	if _, err := s.Unlock(signer.Unlocking{Words: s.words}); !errors.As(err, &p) || p.Kind != ca.BusyKind {
		t.Errorf("a second after the sixth wrong try: %v", err)
	}
	ahead.Add(int64(time.Second))
	if _, err := s.Unlock(signer.Unlocking{Words: s.words}); err != nil {
		t.Fatal(err)
	}
	all := s.steps()
	if len(all) != len(wrong)+2 || all[len(all)-1].Step != "unlocked" {
		t.Errorf("the log has %+v", all)
	}
	s.issued(s.session, s.next)
}

// zeros makes recovery words that are not the founding's.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
