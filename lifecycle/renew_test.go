// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// renewing is a registrar that reads the same request from every row.
func renewing(w *world) (*Registrar, func()) {
	r, stop := running(w)
	r.o.CSR = func([]byte) (ca.CSR, error) {
		_, c := wishOf(1, "")
		return c, nil
	}
	return r, stop
}

// renewal asks for the certificate of wish 1 with another key.
func renewal(old ca.Certificate) ca.Renewing {
	_, c := wishOf(1, "")
	c.Raw, c.Key = []byte("request 1 with another key"), ca.Digest{77}
	return ca.Renewing{Certificate: old.PublicName(), CSR: &c}
}

// PF-08: the owner and a CA administrator; the same names; nothing that is not good; the
// certificate stays the owner's.
func TestPF08_WhoMayRenewWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := renewing(w)
		defer stop()
		old := issuedOne(t, r, 1)
		refused := func(what string, who ca.Actor, q ca.Renewing, want ca.Code) {
			t.Helper()
			if _, err := r.Renew(t.Context(), who, "request-x", q); code(err) != want {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
		more := renewal(old)
		more.CSR.Names = append(more.CSR.Names, ca.Name{Type: ca.DNS, Value: "www.lab.example"})
		refused("a name more", hana, more, ca.E2204)
		refused("somebody without a role", peer(4711), renewal(old), ca.E1305)
		refused("nothing named or shown", hana, ca.Renewing{}, ca.E1305)
		long := renewal(old)
		long.Replaces, long.After = true, ca.MaxOverlap+1
		refused("an overlap of years", hana, long, ca.E1401)
		first, err := r.Renew(t.Context(), hana, "request-a", renewal(old))
		if err != nil || first.Certificate.Owner != old.Owner || first.Certificate.Profile != old.Profile || first.Certificate.ID == old.ID {
			t.Fatalf("renewed: %+v, %v", first.Certificate, err)
		}
		again, err := r.Renew(t.Context(), hana, "request-b", renewal(old))
		if err != nil || again.Certificate.ID != first.Certificate.ID || !again.Repeated {
			t.Errorf("the same again: %+v, %v", again.Certificate, err)
		}
		if w.rows[0].Revoked != nil {
			t.Error("the old one was revoked, which nobody asked for")
		}
		if _, err := r.Revoke(t.Context(), hana, old.PublicName(), ca.Withdrawal{Reason: ca.CertificateHold}); err != nil {
			t.Fatal(err)
		}
		other := renewal(old)
		other.Days = 3
		refused("one that is held", hana, other, ca.E2127)
		var p *ca.Problem
		if _, err := r.Renew(t.Context(), hana, "request-c", other); !errors.As(err, &p) || !strings.Contains(p.Fix, "chancery unhold "+old.PublicName()) || !strings.Contains(p.Fix, "--key-file") {
			t.Errorf("the way out of a hold: %v", err)
		}
	})
}

// PF-08: a subject is the same however it is spelled (RFC 5280 §7.1), alternative names in
// any order; any other value, order of fields or name is a new request.
func TestPF08_ARenewalComparesNamesAsVerifiersDo(t *testing.T) {
	const o, cn = ca.OIDOrganization, ca.OIDCommonName
	www, nas := ca.Name{Type: ca.DNS, Value: "www.lab.example"}, ca.Name{Type: ca.DNS, Value: "nas.lab.example"}
	first := ca.CSR{Subject: ca.Subject{{OID: o, Value: "Lab One"}, {OID: cn, Value: "nas.lab.example", Type: ca.PrintableString}}, Names: []ca.Name{www, nas}}
	for _, c := range []struct {
		name  string
		s     ca.Subject
		names []ca.Name
		same  bool
	}{
		{"in another string type", ca.Subject{{OID: o, Value: "Lab One", Type: ca.UTF8String}, {OID: cn, Value: "nas.lab.example", Type: ca.UTF8String}}, first.Names, true},
		{"in another case, with more space", ca.Subject{{OID: o, Value: "LAB  one"}, {OID: cn, Value: "NAS.lab.example"}}, first.Names, true},
		{"names in another order", first.Subject, []ca.Name{nas, www}, true},
		{"another value", ca.Subject{{OID: o, Value: "Lab Two"}, first.Subject[1]}, first.Names, false},
		{"a field in another's place", ca.Subject{first.Subject[1], first.Subject[0]}, first.Names, false},
		{"a field less", first.Subject[1:], first.Names, false},
		{"a name less", first.Subject, first.Names[:1], false},
		{"a name twice in place of two", first.Subject, []ca.Name{nas, nas}, false},
	} {
		if err := sameWish(first, ca.CSR{Subject: c.s, Names: c.names}); (err == nil) != c.same {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// R80: the new certificate and the revocation of the old one are acknowledged together;
// whoever dies on the way, the old one is never revoked without the new one, and asking
// again completes it, with one new certificate.
func TestR80_RenewAndRevokeAreOneAct(t *testing.T) {
	for _, point := range []string{"", "sign before final", "sign after final", "settle before", "revoke before", "revoke after", "commit before", "commit after", "commit late", "hello"} {
		t.Run(point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := renewing(w)
				old := issuedOne(t, r, 1)
				other := issuedOne(t, r, 2)
				whole := func(when string) {
					t.Helper()
					w.mu.Lock()
					defer w.mu.Unlock()
					var was, now ca.Certificate
					for _, c := range w.rows {
						if c.ID == old.ID {
							was = c
						} else if c.ID != other.ID && c.Kind == ca.EndEntity {
							now = c
						}
					}
					if was.Revoked != nil && now.ID == 0 {
						t.Errorf("%s: the old one is revoked and there is no new one", when)
					}
				}
				w.mu.Lock()
				w.die[point] = 1
				commits := w.commits
				w.mu.Unlock()
				q := renewal(old)
				q.Replaces = true
				issued, err := r.Renew(t.Context(), hana, "request-a", q)
				whole("after the first call")
				if point == "" && (err != nil || w.commits != commits+1) {
					t.Errorf("%v; %d transactions for both rows", err, w.commits-commits)
				}
				for try := 0; err != nil && try < 5; try++ {
					time.Sleep(5 * probePause)
					if code(err) != ca.E2301 {
						t.Fatalf("it ended with %v", err)
					}
					issued, err = r.Renew(t.Context(), hana, "request-b", q)
					whole("after asking again")
				}
				if err != nil {
					t.Fatal(err)
				}
				inBook(t, w, issued)
				time.Sleep(5 * probePause)
				// The answer may have been lost: the same again gives the same, and anything else is no
				// renewal of what is revoked.
				if again, err := r.Renew(t.Context(), hana, "request-c", q); err != nil || again.Certificate.ID != issued.Certificate.ID {
					t.Errorf("asked once more: %+v, %v", again.Certificate, err)
				}
				longer := q
				longer.Days = 3
				if _, err := r.Renew(t.Context(), hana, "request-d", longer); code(err) != ca.E2127 {
					t.Errorf("for another life: %v", err)
				}
				stop()
				if v := w.rows[0].Revoked; v == nil || v.Reason != ca.Superseded || w.rows[0].Steps != 1 {
					t.Errorf("acknowledged, and the old one stands as %+v", v)
				}
				valid := 0
				for _, c := range w.rows {
					if c.Kind == ca.EndEntity && c.Revoked == nil && c.ID != other.ID {
						valid++
					}
				}
				if valid != 1 {
					t.Errorf("%d new certificates", valid)
				}
				_, stop = renewing(w)
				synctest.Wait()
				stop()
				w.agree(t)
			})
		})
	}
}

// Two that replace the same at once: it is revoked once, and each is answered.
func TestTwoRenewalsOfOneCertificateRevokeItOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pause = time.Millisecond
		r, stop := renewing(w)
		defer stop()
		old := issuedOne(t, r, 1)
		done := make(chan error, 2)
		for i := range 2 {
			q := renewal(old)
			q.Replaces, q.CSR.Raw, q.CSR.Key = true, []byte{byte(i)}, ca.Digest{byte(80 + i)}
			go func() {
				_, err := r.Renew(t.Context(), hana, ca.RequestID([]string{"request-a", "request-b"}[i]), q)
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil && code(err) != ca.E2127 {
				t.Error(err)
			}
		}
		revoked := 0
		for i := range w.leaves {
			if w.leaf(int64(i)).Kind == audit.Revoked {
				revoked++
			}
		}
		if revoked != 1 || w.rows[0].Steps != 1 {
			t.Errorf("%d REVOKED leaves, step %d", revoked, w.rows[0].Steps)
		}
	})
}

// R80: what is to be revoked later is on the log, and is revoked after restarts too, by
// whoever planned it, once.
func TestR80_AnOverlapEndsAfterRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := renewing(w)
		old := issuedOne(t, r, 1)
		q := renewal(old)
		q.Replaces, q.After = true, 7*24*time.Hour
		if _, err := r.Renew(t.Context(), hana, "request-a", q); err != nil {
			t.Fatal(err)
		}
		for _, until := range []time.Duration{24 * time.Hour, 5 * 24 * time.Hour, 24*time.Hour + time.Minute} {
			stop()
			time.Sleep(until)
			if w.rows[0].Revoked != nil {
				t.Fatal("it was revoked too early")
			}
			r, stop = renewing(w)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan bool)
			go func() { r.Displace(ctx, time.Minute); close(ended) }()
			time.Sleep(3 * time.Minute)
			cancel()
			<-ended
		}
		stop()
		if v := w.rows[0].Revoked; v == nil || v.Reason != ca.Superseded || w.rows[0].Steps != 1 {
			t.Errorf("after the overlap it stands as %+v", v)
		}
	})
}
