// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"errors"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/wire"
)

// net/http swallows a handler's panic and goes on. The signer must not: its state
// is one that nobody has thought of, and the next start recovers.
func TestPR07_APanicInAHandlerEndsTheProcess(t *testing.T) {
	r, h := founded(t)
	b, err := policy.ParseBundle(h.Policy)
	if err != nil {
		t.Fatal(err)
	}
	b.Version++
	next, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	r.panics.Store(true)
	var p *ca.Problem
	if _, err := wire.Dial(r.ceremony).SetPolicy(t.Context(), signer.PolicyChange{Document: next}); !errors.Is(err, wire.ErrUnknown) || errors.As(err, &p) {
		t.Errorf("the caller was told %v", err)
	}
	select {
	case err := <-r.fatal:
		if !strings.Contains(err.Error(), "a profile nobody thought of") || !strings.Contains(err.Error(), "SetPolicy") {
			t.Errorf("the process's last words do not say what happened, and where: %v", err)
		}
	default:
		t.Error("the process goes on")
	}
	if len(r.fatal) > 0 {
		t.Errorf("one panic, and then: %v", <-r.fatal)
	}
}

// What a caller does wrong is no reason to end.
func TestPR07_ARefusalEndsNothing(t *testing.T) {
	r, _ := founded(t)
	var p *ca.Problem
	if _, err := wire.Dial(r.ceremony).SetPolicy(t.Context(), signer.PolicyChange{Document: []byte("{")}); !errors.As(err, &p) {
		t.Errorf("a bundle that is none: %v", err)
	}
	if len(r.fatal) > 0 {
		t.Errorf("the process ends: %v", <-r.fatal)
	}
}

// KY-06: wrong tries to unlock are in the process's log, and no secret with them.
func TestKY06_AWrongTryIsInTheProcesssLog(t *testing.T) {
	const wrong = "seven lanterns over loud harbour"
	r, h := foundedWith(t, "seven lanterns over quiet harbour")
	c := wire.Dial(r.ceremony)
	if _, err := c.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	var p *ca.Problem
	for range 5 {
		if _, err := c.Unlock(t.Context(), signer.Unlocking{Passphrase: wrong}); !errors.As(err, &p) || p.Code != ca.E3002 {
			t.Fatalf("a wrong passphrase: %v", err)
		}
	}
	for range 3 {
		if _, err := c.Unlock(t.Context(), signer.Unlocking{Passphrase: wrong}); !errors.As(err, &p) || p.Kind != ca.BusyKind {
			t.Fatalf("a sixth try at once: %v", err)
		}
	}
	if n := strings.Count(r.log.String(), "a try to unlock the keys was refused"); n != 5 || strings.Contains(r.log.String(), wrong) {
		t.Errorf("%d lines for 5 tries:\n%s", n, r.log)
	}
	// KY-07: the front's socket goes on with sealed keys, and is refused one thing.
	front := wire.Dial(r.sign)
	if _, err := front.Append(t.Context(), signer.FrontEvent{Session: h.Number, Event: ca.EventBody{Kind: "login"}}); err != nil {
		t.Errorf("an event of the front: %v", err)
	}
	again, err := front.Hello(t.Context(), signer.Hello{Protocol: signer.Protocol, Boot: "front", Database: database})
	if err != nil || !again.Sealed {
		t.Errorf("hello says sealed: %v, %v", again.Sealed, err)
	}
	if _, err := front.Issue(t.Context(), again.Number, nil); !errors.As(err, &p) || p.Code != ca.E3001 {
		t.Errorf("sealed, and asked to sign: %v", err)
	}
}
