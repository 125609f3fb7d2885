// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
	"chancery/policy"
)

// uniquely runs a registrar whose profile has the word of unique.
func uniquely(w *world, word string) (*Registrar, func()) {
	p := profile()
	p.Subject.CommonName, p.Unique = "supplied", word
	ctx, cancel := context.WithCancel(context.Background())
	r := w.registrar()
	r.o.Bundle = func([]byte) (map[string]ca.Profile, error) { return map[string]ca.Profile{"server": p}, nil }
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return r, func() { cancel(); <-ended }
}

// of is a request with a common name and a key.
func of(n int, owner, cn string, key byte, name string) (ca.Request, ca.CSR) {
	q, c := wishOf(n, "")
	q.From.ID = owner
	c.Subject, c.Key = ca.Subject{{OID: ca.OIDCommonName, Value: cn}}, ca.Digest{key}
	c.Names = []ca.Name{{Type: ca.DNS, Value: name + ".lab.example"}}
	return q, c
}

// R67, PF-07: what somebody else's live certificate has; a renewal of one's own is let
// be. The plan says the same as the request would get.
func TestR67_ASubjectOrKeyThatIsLiveIsRefused(t *testing.T) {
	const me, them = "uid:1000", "uid:1001"
	for _, c := range []struct {
		name, word      string
		owner, cn, host string
		key             byte
		want            ca.Code
	}{
		{"another name and key", policy.UniqueName, them, "www", "www", 2, ""},
		{"another's common name", policy.UniqueName, them, "nas", "www", 2, ca.E2125},
		{"another's common name, where nobody asks", policy.NotUnique, them, "nas", "www", 2, ""},
		{"one's own, with other names", policy.UniqueName, me, "nas", "www", 2, ca.E2125},
		{"a renewal", policy.UniqueName, me, "nas", "nas", 2, ""},
		{"a renewal with the same key", policy.UniqueSubject, me, "nas", "nas", 1, ""},
		{"PF-07: another's key", policy.NotUnique, them, "www", "www", 1, ca.E2210},
		{"one's own key for other names", policy.NotUnique, me, "www", "www", 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.accounts[1001] = []ca.Role{ca.Requester}
				r, stop := uniquely(w, c.word)
				defer stop()
				q, read := of(1, me, "nas", 1, "nas")
				first, err := r.Submit(t.Context(), q, read)
				if err != nil {
					t.Fatal(err)
				}
				q, read = of(2, c.owner, c.cn, c.key, c.host)
				if _, err := r.Plan(t.Context(), q, read); code(err) != c.want {
					t.Errorf("the plan is %v, want %q", err, c.want)
				}
				_, err = r.Submit(t.Context(), q, read)
				if code(err) != c.want {
					t.Errorf("the request gets %v, want %q", err, c.want)
				}
				var p *ca.Problem
				if errors.As(err, &p) && c.owner == them && strings.Contains(p.Detail+p.Fix+p.Why, first.Certificate.PublicName()) {
					t.Errorf("another owner's certificate is named: %+v", p)
				}
				if c.want == "" {
					return
				}
				// When the first is revoked, or has ended, the name is free.
				w.mu.Lock()
				for i := range w.rows {
					if w.rows[i].ID == first.Certificate.ID {
						w.rows[i].Revoked = &ca.Revoked{}
					}
				}
				w.mu.Unlock()
				q.ID = "again"
				if _, err := r.Submit(t.Context(), q, read); err != nil {
					t.Errorf("after the revocation: %v", err)
				}
				r.mu.Lock()
				defer r.mu.Unlock()
				if len(r.held) > 0 {
					t.Errorf("still held: %v", r.held)
				}
			})
		})
	}
}

// R67: of two at the same moment one is signed, and the other told to ask again; then it
// is refused.
func TestR67_OfTwoAtTheSameMomentOneIsSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.accounts[1001] = []ca.Role{ca.Requester}
		w.pause = time.Millisecond
		r, stop := uniquely(w, policy.UniqueName)
		defer stop()
		if _, err := r.Profiles(t.Context(), hana); err != nil { // waits for the first settling
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		codes := make([]ca.Code, 8)
		for i := range codes {
			wg.Go(func() {
				q, read := of(i+1, []string{"uid:1000", "uid:1001"}[i%2], "nas", byte(i+1), []string{"nas", "www"}[i%2])
				_, err := r.Submit(t.Context(), q, read)
				codes[i] = code(err)
			})
		}
		wg.Wait()
		w.mu.Lock()
		owners := map[string]bool{}
		for _, row := range w.rows {
			if row.Kind == ca.EndEntity {
				owners[row.Owner] = true
			}
		}
		w.mu.Unlock()
		if len(owners) != 1 {
			t.Errorf("certificates of one name have %d owners (%v)", len(owners), codes)
		}
		for _, c := range codes {
			if c != "" && c != ca.E2301 && c != ca.E2125 {
				t.Errorf("answered %v", codes)
			}
		}
	})
}

// What a wish holds is given back when its requester gives up.
func TestAWishThatIsGivenUpHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.accounts[1001] = []ca.Role{ca.Requester}
		w.pause = time.Second
		r, stop := uniquely(w, policy.UniqueName)
		defer stop()
		if _, err := r.Profiles(t.Context(), hana); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		q, read := of(1, "uid:1000", "nas", 1, "nas")
		if _, err := r.Submit(ctx, q, read); code(err) != ca.E2301 {
			t.Errorf("given up, and answered %v", err)
		}
		time.Sleep(time.Minute)
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.held) > 0 {
			t.Errorf("still held: %v", r.held)
		}
	})
}

// forgery is a registrar for which request 2 is a copy of a public key without a signature,
// which the signer refuses. It tells how often a signature was verified.
func forgery(w *world) (r *Registrar, stop func(), verified *atomic.Int64) {
	forged, _ := wishOf(2, "")
	refused := ca.Invalid(ca.E2203, "the request's signature does not verify", "")
	w.accounts[1001] = []ca.Role{ca.Requester}
	w.refuse[forged.ID] = refused
	verified = new(atomic.Int64)
	w.proof = func(der []byte) error {
		if verified.Add(1); bytes.Equal(der, forged.CSR) {
			return refused
		}
		return nil
	}
	r, stop = uniquely(w, policy.NotUnique)
	return r, stop, verified
}

// PF-07: whoever has only copied a public key learns nothing by asking for it: taken or not,
// the plan and the answer are the same. A signature is verified where a key is taken alone.
func TestPF07_ACopiedKeyTellsNothing(t *testing.T) {
	const me, them = "uid:1000", "uid:1001"
	answers := map[string]string{}
	for name, key := range map[string]byte{"taken": 1, "free": 8} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			r, stop, verified := forgery(w)
			defer stop()
			q, c := of(1, me, "nas", 1, "nas")
			if _, err := r.Submit(t.Context(), q, c); err != nil {
				t.Fatal(err)
			}
			if n := verified.Load(); n != 0 {
				t.Errorf("a key that nobody has: %d signatures verified", n)
			}
			q, c = of(2, them, "www", key, "www")
			if _, err := r.Plan(t.Context(), q, c); err != nil {
				t.Errorf("%s: the plan is %v", name, err)
			}
			_, err := r.Submit(t.Context(), q, c)
			if code(err) != ca.E2203 {
				t.Errorf("%s: %v", name, err)
			}
			answers[name] = fmt.Sprint(err)
			if n := verified.Load(); (n > 0) != (name == "taken") {
				t.Errorf("%s: %d signatures verified", name, n)
			}
			q, c = of(3, them, "www", 1, "www")
			if _, err := r.Submit(t.Context(), q, c); code(err) != ca.E2210 {
				t.Errorf("with a signature: %v", err)
			}
		})
	}
	if answers["taken"] != answers["free"] {
		t.Errorf("the answers tell: %q", answers)
	}
}

// PF-07: a request that copies a key keeps its holder waiting at no time, nor does the
// holder's tell it that there is one; of two that prove possession the second waits.
func TestPF07_ACopiedKeyBlocksNobody(t *testing.T) {
	const me, them = "uid:1000", "uid:1001"
	for _, c := range []struct {
		name          string
		first, second int
		want          ca.Code
	}{
		{"the copy is first", 2, 1, ""},
		{"the copy is second", 1, 2, ca.E2203},
		{"both prove possession", 1, 3, ca.E2301},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.pause = time.Second
				r, stop, _ := forgery(w)
				defer stop()
				if _, err := r.Profiles(t.Context(), hana); err != nil { // waits for the first settling
					t.Fatal(err)
				}
				ended := make(chan error)
				q, read := of(c.first, me, "nas", 1, "nas")
				go func() { _, err := r.Submit(t.Context(), q, read); ended <- err }()
				synctest.Wait() // it is at the signer
				next, read := of(c.second, them, "www", 1, "www")
				if _, err := r.Submit(t.Context(), next, read); code(err) != c.want {
					t.Errorf("the second gets %v, want %q", err, c.want)
				}
				if err := <-ended; (err == nil) != (c.first == 1) {
					t.Errorf("the first gets %v", err)
				}
				r.mu.Lock()
				defer r.mu.Unlock()
				if len(r.held) > 0 {
					t.Errorf("still held: %v", r.held)
				}
			})
		})
	}
}
