// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

// hana founded the world and may do everything. The others have a role each.
var hana = peer(1000)

func accounts() map[int][]ca.Role {
	return map[int][]ca.Role{
		1000: {ca.SystemAdmin, ca.CAAdmin, ca.SecurityAdmin, ca.Requester, ca.Auditor},
		1001: {ca.Requester}, 1002: {ca.CAAdmin}, 1003: {ca.SecurityAdmin}, 1004: {ca.SystemAdmin}, 1005: {ca.Auditor},
	}
}

// peer is an account as a local socket knows it.
func peer(uid int) ca.Actor {
	return ca.Actor{ID: fmt.Sprintf("uid:%d", uid), Method: "peer", UID: uid}
}

// calls are all that a door can ask, each of a certificate of hana's.
var calls = []string{"submit", "plan", "find another's", "list another's", "list all", "authorities", "profiles", "status"}

// call makes one of the calls, and says whether it told of a certificate.
func call(t *testing.T, r *Registrar, who ca.Actor, name, ref string) (told bool, err error) {
	t.Helper()
	ctx := t.Context()
	q, c := wishOf(who.UID, "")
	q.From = who
	switch name {
	case "submit":
		_, err = r.Submit(ctx, q, c)
	case "plan":
		_, err = r.Plan(ctx, q, c)
	case "find another's":
		_, err = r.Find(ctx, who, ref)
		told = err == nil
	case "list another's":
		_, err = r.List(ctx, who, ca.Filter{Owner: hana.ID, Limit: 9})
		told = err == nil
	case "list all":
		rows, e := r.List(ctx, who, ca.Filter{Limit: 9})
		for _, c := range rows {
			told = told || c.Owner == hana.ID
		}
		err = e
	case "authorities":
		_, err = r.Authorities(ctx, who)
	case "profiles":
		_, err = r.Profiles(ctx, who)
	case "status":
		_, err = r.Status(ctx, who)
	default:
		t.Fatal("no such call: " + name)
	}
	return told, err
}

// PR-03: the accounts the bundle maps, each as far as its roles reach, and nobody
// else. "+" is answered, "-" is E1305, "0" is answered as if what is another's did
// not exist.
func TestRO05_EveryCallByEveryAccount(t *testing.T) {
	for _, c := range []struct {
		assurance ca.Assurance
		who       ca.Actor
		may       string // in the order of calls
	}{
		//                        s p f l L a p s
		{ca.Solo, hana, "         + + + + + + + +"},
		{ca.Solo, peer(0), "      + + + + + + + +"}, // root, as the one that founded
		{ca.Solo, peer(1001), "   + + 0 - 0 + + +"}, // requester
		{ca.Solo, peer(1002), "   + + + + + + + +"}, // CA administrator
		{ca.Solo, peer(1003), "   - - - - - + + +"}, // security administrator
		{ca.Solo, peer(1004), "   - - - - - + + +"}, // system administrator
		{ca.Solo, peer(1005), "   - - + + + + + +"}, // auditor
		{ca.Solo, peer(1006), "   - - - - - - - -"}, // an account nobody mapped
		{ca.Solo, peer(-1), "     - - - - - - - -"},
		{ca.Solo, ca.Actor{}, "   - - - - - - - -"},
		{ca.Solo, ca.Actor{ID: hana.ID, Method: "token", UID: hana.UID}, "- - - - - - - -"}, // no peer
		// RO-07: there the kernel's word is good for the system administrator's rights.
		{ca.Separated, peer(0), "    - - - - - + + +"},
		{ca.Separated, peer(1001), " - - - - - - - -"},
		{ca.Separated, peer(1002), " - - - - - - - -"},
		{ca.Separated, peer(1003), " - - - - - - - -"},
		{ca.Separated, peer(1004), " - - - - - + + +"},
		{ca.Separated, peer(1005), " - - - - - - - -"},
	} {
		t.Run(fmt.Sprintf("%s %s %s", c.assurance, c.who.ID, c.who.Method), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := running(w)
				q, read := wishOf(1, "")
				first, err := r.Submit(t.Context(), q, read)
				if err != nil {
					t.Fatal(err)
				}
				stop()
				if w.assurance = c.assurance; c.assurance == ca.Separated {
					delete(w.accounts, hana.UID) // nobody may be all of these there
				}
				r, stop = running(w)
				synctest.Wait()
				cells := strings.Fields(c.may)
				if admitted := r.Admit(t.Context(), c.who) == nil; admitted != strings.Contains(c.may, "+") {
					t.Errorf("admitted: %v", admitted)
				}
				for i, name := range calls {
					rows, leaves := len(w.rows), len(w.leaves)
					told, err := call(t, r, c.who, name, first.Certificate.PublicName())
					var p *ca.Problem
					refused := errors.As(err, &p) && p.Code == ca.E1305 && p.Kind == ca.ForbiddenKind
					if refused && (p.Fix == "" || p.Why == "" && c.who.Method == "peer" || !strings.Contains(p.Detail+p.Why, c.who.ID)) {
						t.Errorf("%s is refused with %+v", name, p)
					}
					ok := false
					switch cells[i] {
					case "+":
						ok = err == nil && (told || !strings.Contains(name, "other"))
					case "-":
						ok = refused && !told
					case "0":
						ok = !told && (err == nil || code(err) == ca.E2101)
					}
					if !ok {
						t.Errorf("%s: the table says %s, it gave %v, told %v", name, cells[i], err, told)
					}
					if name != "submit" && (len(w.rows) != rows || len(w.leaves) != leaves) || refused && len(w.rows) != rows {
						t.Errorf("%s stored something", name)
					}
				}
				stop()
			})
		})
	}
}

// RO-06: what is one's own is found and listed, and nothing besides.
func TestARequesterSeesTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		q, c := wishOf(1, "")
		if _, err := r.Submit(t.Context(), q, c); err != nil {
			t.Fatal(err)
		}
		amira := peer(1001)
		q, c = wishOf(2, "")
		q.From = amira
		own, err := r.Submit(t.Context(), q, c)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := r.Find(t.Context(), amira, own.Certificate.PublicName()); err != nil || found.Certificate.ID != own.Certificate.ID {
			t.Errorf("their own is found as %+v, %v", found.Certificate, err)
		}
		// Both certificates end alike, and only one of them is there for a requester.
		if found, err := r.Find(t.Context(), amira, ""); err != nil || found.Certificate.ID != own.Certificate.ID {
			t.Errorf("what hana's is called too is found as %+v, %v", found.Certificate, err)
		}
		for _, owner := range []string{"", amira.ID} {
			if rows, err := r.List(t.Context(), amira, ca.Filter{Owner: owner, Limit: 9}); err != nil || len(rows) != 1 || rows[0].ID != own.Certificate.ID {
				t.Errorf("the list is %+v, %v", rows, err)
			}
		}
	})
}

// RO-03: a role that is withdrawn is gone with the next session, which the signer
// forces when it takes a new policy.
func TestAWithdrawnRoleIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		synctest.Wait()
		if err := r.Admit(t.Context(), peer(1001)); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.stale = true
		w.accounts = map[int][]ca.Role{1000: {ca.Auditor}}
		w.mu.Unlock()
		time.Sleep(2 * probePause)
		if err := r.Admit(t.Context(), peer(1001)); code(err) != ca.E1305 {
			t.Errorf("an account whose role was withdrawn gets %v", err)
		}
		if _, err := call(t, r, hana, "submit", ""); code(err) != ca.E1305 {
			t.Errorf("a role that was withdrawn is still good: %v", err)
		}
	})
}

// While the signer has not said which policy is in force, those who hold the files
// read and learn why; nobody else is let in, and nobody has anything signed.
func TestWithoutAPolicyOnlyTheFilesOwnersRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.die["hello"] = 1 << 30
		r, stop := running(w)
		defer stop()
		for _, who := range []ca.Actor{hana, peer(0)} {
			if s, err := r.Status(t.Context(), who); err != nil || s.Problem == nil {
				t.Errorf("%s: %v", who.ID, err)
			}
			if _, err := r.List(t.Context(), who, ca.Filter{Limit: 1}); err != nil {
				t.Errorf("%s: %v", who.ID, err)
			}
			if _, err := call(t, r, who, "submit", ""); code(err) != ca.E1201 {
				t.Errorf("%s submits: %v", who.ID, err)
			}
		}
		for _, name := range calls {
			if _, err := call(t, r, peer(1001), name, "x"); code(err) != ca.E1201 {
				t.Errorf("%s by another account: %v", name, err)
			}
		}
		if err := r.Admit(t.Context(), peer(1001)); code(err) != ca.E1201 {
			t.Errorf("another account is admitted: %v", err)
		}
	})
}
