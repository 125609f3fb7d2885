// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"chancery/ca"
)

// keyed is what an idempotency key stands for.
type keyed struct {
	request     ca.Request
	certificate ca.Certificate
}

// Repeated implements Book.
func (w *world) Repeated(_ context.Context, door ca.Door, actor, key string) (*ca.Request, ca.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k, ok := w.keys[claimOf(ca.Request{Door: door, From: ca.Actor{ID: actor}, Key: key})]
	if !ok {
		return nil, ca.Certificate{}, nil
	}
	if at := w.rowOf(k.certificate.ID); at >= 0 {
		k.certificate = w.rows[at]
	}
	return &k.request, k.certificate, nil
}

// History implements Past.
func (w *world) History(_ context.Context, c ca.Certificate) (h ca.History, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.keys {
		if serial, ok := ca.RenewedSerial(k.request.Key); ok && serial == c.Serial {
			h.Renewals = append(h.Renewals, w.rows[w.rowOf(k.certificate.ID)])
		}
	}
	slices.SortFunc(h.Renewals, func(a, b ca.Certificate) int { return cmp.Compare(a.ID, b.ID) })
	return h, nil
}

// What was revoked or is held is handed out to nobody who sends the request again, whoever
// remembers it, nor does a dry run promise it. A hold that was taken back is none.
func TestWhatWasRevokedIsNotHandedOutAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []ca.Reason
		want  ca.Code
	}{
		{"revoked", []ca.Reason{ca.Superseded}, ca.E2111},
		{"held", []ca.Reason{ca.CertificateHold}, ca.E2111},
		{"released", []ca.Reason{ca.CertificateHold, ca.RemoveFromCRL}, ""},
	} {
		for _, memory := range []string{"the book", "the signer"} {
			t.Run(c.name+", "+memory, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					r, stop := running(w)
					defer stop()
					q, read := wishOf(1, "key")
					first, err := r.Submit(t.Context(), q, read)
					for _, why := range c.steps {
						if err == nil {
							_, err = r.Revoke(t.Context(), hana, first.Certificate.PublicName(), ca.Withdrawal{Reason: why})
						}
					}
					if err != nil {
						t.Fatal(err)
					}
					if q.ID = "request-again"; memory == "the signer" {
						w.mu.Lock()
						clear(w.keys)
						w.mu.Unlock()
					} else if _, err := r.Plan(t.Context(), q, read); code(err) != c.want {
						t.Errorf("a dry run: %v, want %q", err, c.want)
					}
					again, err := r.Submit(t.Context(), q, read)
					if code(err) != c.want || (err == nil) != (again.Certificate.ID == first.Certificate.ID) {
						t.Errorf("sent again: %v, %v, want %q", again.Certificate.ID, err, c.want)
					}
				})
			})
		}
	}
}

// A live certificate goes on being renewed after what it was renewed to was revoked: by a new
// certificate, which then is the one that the renewal stands for. A hold stays in the way.
func TestPF08_ARenewalDoesNotLeadToWhatWasRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := renewing(w)
		defer stop()
		r.o.Past = w
		old := issuedOne(t, r, 1)
		shows := hana
		shows.Shown = &old
		renew := func(id ca.RequestID) (ca.Certificate, error) {
			issued, err := r.Renew(t.Context(), shows, id, ca.Renewing{})
			return issued.Certificate, err
		}
		revoke := func(c ca.Certificate, why ca.Reason) {
			t.Helper()
			if _, err := r.Revoke(t.Context(), hana, c.PublicName(), ca.Withdrawal{Reason: why}); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[ca.ID]bool{}
		for range 3 {
			next, err := renew("request-a" + ca.RequestID(rune('0'+len(seen))))
			if err != nil || seen[next.ID] || next.Revoked != nil {
				t.Fatalf("renewal %d: %v, %v", len(seen), next.ID, err)
			}
			seen[next.ID] = true
			if again, err := renew("request-b" + ca.RequestID(rune('0'+len(seen)))); err != nil || again.ID != next.ID {
				t.Errorf("sent again: %v and not %v, %v", again.ID, next.ID, err)
			}
			revoke(next, ca.Superseded)
		}
		last, err := renew("request-c")
		if err != nil {
			t.Fatal(err)
		}
		revoke(last, ca.CertificateHold)
		if c, err := renew("request-d"); code(err) != ca.E2111 {
			t.Errorf("past a hold: %v, %v", c.ID, err)
		}
	})
}
