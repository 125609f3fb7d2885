// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"chancery/ca"
)

// marked is the secret in the struct that somebody may print by mistake.
type marked struct {
	Pass  Secret
	Words Words
	Open  Opening
	inner Secret
}

func TestKY06_NothingPrintsASecret(t *testing.T) {
	const canary = "zoo canary"
	s, w := secret(canary), Words{secret(canary)}
	m := marked{Pass: s, Words: w, Open: Opening{Words: w, Passphrase: s}, inner: s}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b", "% x", "%p", "%T", "%t"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", w)
		fmt.Fprintf(&out, verb+"\n", m)
		fmt.Fprintf(&out, verb+"\n", &m)
		fmt.Fprintf(&out, verb+"\n", []Secret{s})
		fmt.Fprintf(&out, verb+"\n", fmt.Errorf("wrapped %v: %w", s, errors.New(w.String())))
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("message", "secret", s, "words", w, "all", m, "pointer", &m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	for _, form := range spellings([]byte(canary)) {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(form)) {
			at := strings.Index(strings.ToLower(out.String()), strings.ToLower(form))
			t.Errorf("the secret is printed as %q: %s", form, out.String()[max(0, at-80):at])
		}
	}
	if !strings.Contains(out.String(), redacted) {
		t.Error("nothing says that something is left out")
	}
}

// spellings are the ways in which fmt and json would print b.
func spellings(b []byte) []string {
	spaced := fmt.Sprintf("% x", b)
	list := strings.Trim(fmt.Sprint(b), "[]")
	return []string{string(b), hex.EncodeToString(b), spaced, list, strings.ReplaceAll(list, " ", ", "), "em9vIGNhbmFyeQ"}
}

func TestKY06_WipeReachesEveryCopy(t *testing.T) {
	b := []byte(goodPassphrase)
	s := NewSecret(b)
	other := s
	s.Wipe()
	if !bytes.Equal(b, make([]byte, len(b))) || !other.Empty() || other.Reveal() != nil {
		t.Error("a wiped secret is still there")
	}
	s.Wipe()
	Secret{}.Wipe()
	if !(Secret{}).Empty() || !(Words{}).Empty() {
		t.Error("the zero secret holds something")
	}
	w, err := NewWords(bytes.NewReader(make([]byte, wordsEntropy)))
	if err != nil {
		t.Fatal(err)
	}
	if w.Wipe(); !w.Empty() || w.Reveal() != "" {
		t.Error("wiped words are still there")
	}
	st, err := stretch([]byte("x"), FloorParams(), [saltSize]byte{})
	if err != nil {
		t.Fatal(err)
	}
	key := st.key.Reveal()
	if st.Wipe(); !bytes.Equal(key, make([]byte, keySize)) {
		t.Error("a wiped stretched secret is still there")
	}
}

func TestKY06_NoFileHoldsASecretInTheClear(t *testing.T) {
	f := newKeyring(t, goodPassphrase)
	seed := f.seal(t, "issuing", Authority).(ed25519.PrivateKey).Seed()
	logSeed := f.seal(t, "log", LogKey).(ed25519.PrivateKey).Seed()
	names, err := dirNames(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b := bytes.ToLower(readAll(t, f.path(name)))
		for _, secret := range [][]byte{[]byte(goodPassphrase), []byte(f.words.Reveal()), f.kek.Reveal(), f.stretched.key.Reveal(), seed, logSeed} {
			for _, form := range [][]byte{secret, []byte(hex.EncodeToString(secret))} {
				if bytes.Contains(b, bytes.ToLower(form)) {
					t.Errorf("%s holds a secret in the clear", name)
				}
			}
		}
	}
}

func TestKY06_TheWaitDoublesFromOneSecondToFifteenMinutes(t *testing.T) {
	now := newClock().now()
	var b backoff
	for try := range freeTries {
		if err := b.allow(now); err != nil {
			t.Fatalf("try %d has to wait: %v", try+1, err)
		}
		b.failed(now)
	}
	for try, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900} {
		want *= time.Second
		p := wantProblem(t, b.allow(now), ca.E3002, ca.BusyKind)
		if try == 0 && p.Why != "5 tries in a row were wrong" {
			t.Errorf("the reason is %q", p.Why)
		}
		if b.allow(now.Add(want-time.Nanosecond)) == nil {
			t.Fatalf("after %d wrong tries the wait is shorter than %v", freeTries+try, want)
		}
		now = now.Add(want)
		if err := b.allow(now); err != nil {
			t.Fatalf("after %d wrong tries the wait is longer than %v: %v", freeTries+try, want, err)
		}
		b.failed(now)
	}
	b.succeeded()
	if b.allow(now) != nil || b != (backoff{}) {
		t.Error("a right try does not end the wait")
	}
}

func TestKY06_AClockSetBackLocksOutNoLongerThanTheLongestWait(t *testing.T) {
	now := newClock().now()
	b := backoff{wrong: 20, until: now.Add(longest)}
	past := now.AddDate(-10, 0, 0)
	if b.allow(past) == nil {
		t.Fatal("the wait ended when the clock was set back")
	}
	if err := b.allow(past.Add(longest)); err != nil {
		t.Fatalf("fifteen minutes later: %v", err)
	}
}

func TestKY06_AfterFiveWrongTriesEvenTheRightSecretWaits(t *testing.T) {
	f := newKeyring(t, goodPassphrase)
	f = f.reopen(t)
	// Five wrong tries, all at once: none may get ahead of the count.
	const parallel = 8
	problems := make([]error, parallel)
	var wg sync.WaitGroup
	for i := range parallel {
		wg.Go(func() { problems[i] = f.UnlockPassphrase(secret("a wrong passphrase of length"), testLog) })
	}
	wg.Wait()
	kinds := map[ca.Kind]int{}
	for _, err := range problems {
		var p *ca.Problem
		if !errors.As(err, &p) || p.Code != ca.E3002 {
			t.Fatalf("a wrong try gave %v", err)
		}
		kinds[p.Kind]++
	}
	if kinds[ca.RefusedKind] != freeTries || kinds[ca.BusyKind] != parallel-freeTries {
		t.Fatalf("of %d tries at once the kinds are %v", parallel, kinds)
	}
	wantProblem(t, f.UnlockPassphrase(secret(goodPassphrase), testLog), ca.E3002, ca.BusyKind)
	wantProblem(t, f.UnlockWords(f.words, testLog), ca.E3002, ca.BusyKind)
	if !f.Sealed() {
		t.Fatal("the keyring is open")
	}
	f.clock.forward(firstWait)
	if err := f.UnlockPassphrase(secret(goodPassphrase), testLog); err != nil {
		t.Fatalf("after the wait: %v", err)
	}
	// The count starts anew.
	wantProblem(t, f.UnlockPassphrase(secret("a wrong passphrase of length"), testLog), ca.E3002, ca.RefusedKind)
	if err := f.UnlockPassphrase(secret(goodPassphrase), testLog); err != nil {
		t.Fatalf("after one wrong try: %v", err)
	}
}

// What is not the secret's fault costs no try: a damaged disk must not lock the
// owner out.
func TestKY06_DamageIsNoWrongTry(t *testing.T) {
	f := newKeyring(t, goodPassphrase)
	f = f.reopen(t)
	if err := os.Remove(f.path("kek.key")); err != nil {
		t.Fatal(err)
	}
	for range freeTries + 1 {
		wantProblem(t, f.UnlockPassphrase(secret(goodPassphrase), testLog), ca.E1102, ca.NotFoundKind)
	}
	if f.backoff != (backoff{}) {
		t.Fatalf("the wait is %+v", f.backoff)
	}
}

func TestALockedSecretHasItsOwnPage(t *testing.T) {
	s, err := lockedSecret(keySize)
	if err != nil {
		t.Fatal(err)
	}
	copy(s.Reveal(), rootA)
	if !bytes.Equal(s.Reveal(), rootA) || cap(s.Reveal()) != keySize {
		t.Error("the page does not hold what was put there, or lends more than asked for")
	}
	s.Wipe()
	if _, err := lockedSecret(os.Getpagesize() + 1); err == nil {
		t.Error("more than a page was given out")
	}
}
