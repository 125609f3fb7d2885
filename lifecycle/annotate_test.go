// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"chancery/ca"
)

// What people say of a certificate is its owner's to change, and a CA administrator's; the
// log has who did it and the digest, and no word of it. Of two at once both are heard.
func TestWhoMayAnnotateWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		c := issuedOne(t, r, 1)
		contact := "hana@lab.example"
		change := ca.AnnotationChange{Contact: &contact}
		seen := func(ca.Issued) error { return nil }
		for uid, want := range map[int]ca.Code{1001: ca.E2101, 1003: ca.E1305, 1004: ca.E1305, 1005: ca.E1305} {
			if _, err := r.Annotate(t.Context(), peer(uid), c.PublicName(), change, seen); code(err) != want {
				t.Errorf("uid %d: %v, want %s", uid, err, want)
			}
		}
		leaves := len(w.leaves)
		stale := ca.Conflict(ca.E1401, "changed", "look")
		for name, err := range map[string]error{
			"plan": second(r.PlanAnnotate(t.Context(), hana, c.PublicName(), change, seen)), "nothing": second(r.Annotate(t.Context(), hana, c.PublicName(), ca.AnnotationChange{}, seen)),
			"stale": second(r.Annotate(t.Context(), hana, c.PublicName(), change, func(ca.Issued) error { return stale })),
		} {
			if want := map[string]ca.Code{"plan": "", "nothing": ca.E1401, "stale": ca.E1401}[name]; code(err) != want || w.rows[0].Contact != "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		i, err := r.Annotate(t.Context(), hana, c.PublicName(), change, seen)
		if err != nil || i.Certificate.Contact != contact || w.rows[0].Contact != contact {
			t.Fatalf("%+v %v", i.Certificate.Annotation, err)
		}
		told := 0
		for _, e := range w.events {
			if e.Kind == ca.EventAnnotated {
				told++
				if e.By != hana.ID || e.About != c.PublicName()+" "+i.Certificate.Annotation.Digest().String() || strings.Contains(string(e.Leaf), contact) {
					t.Errorf("the event is %+v", e)
				}
			}
		}
		if _, err := r.Annotate(t.Context(), hana, c.PublicName(), change, seen); err != nil || told != 1 {
			t.Errorf("the same again: %v, %d events", err, told)
		}
		// Each sees what the other left.
		var all sync.WaitGroup
		for _, tag := range []string{"web", "prod"} {
			all.Go(func() {
				var have []string
				tags := []string{}
				_, err := r.Annotate(t.Context(), peer(1002), c.PublicName(), ca.AnnotationChange{Tags: &tags}, func(i ca.Issued) error {
					have = i.Certificate.Tags
					tags = append(append(tags, have...), tag)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := strings.Join(w.rows[0].Tags, " "); got != "prod web" || w.rows[0].Contact != contact {
			t.Errorf("tags are %s, contact %s", got, w.rows[0].Contact)
		}
		if len(w.leaves) <= leaves {
			t.Error("nothing is on the log")
		}
	})
}

func second(_ ca.Issued, err error) error { return err }

// annotate takes an annotation into its row; the caller holds mu.
func (w *world) annotate(a *ca.Annotated) {
	if a == nil {
		return
	}
	if i := w.rowOf(a.Certificate); i >= 0 {
		w.rows[i].Annotation = a.Annotation
	}
}
