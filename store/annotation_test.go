// SPDX-License-Identifier: Apache-2.0

package store

import (
	"reflect"
	"slices"
	"testing"

	"chancery/ca"
)

// What people say of a certificate comes with its row, is found by its tags, and is what
// the newest event says, in whatever order they come.
func TestAnAnnotationIsWhatTheNewestEventSays(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		one, two := change(1, "nas.lab.example"), change(2, "web.lab.example")
		commit(t, s, 3, one, two)
		annotate := func(event int64, contact string, tags ...string) ca.Change {
			return ca.Change{
				Event:     ca.Event{ID: ca.NewID(1, event), Kind: ca.EventAnnotated, By: "uid:1", At: testNow, About: "x", Leaf: []byte("leaf")},
				Annotated: &ca.Annotated{Certificate: one.Certificate.ID, Annotation: ca.Annotation{Contact: contact, Tags: tags}},
			}
		}
		says := func(want ca.Annotation) {
			t.Helper()
			c, _, err := s.Serial(t.Context(), one.Certificate.IssuerKey, one.Certificate.Serial)
			if err != nil || !reflect.DeepEqual(c.Annotation, want) {
				t.Errorf("%+v %v, want %+v", c.Annotation, err, want)
			}
			for _, tag := range []string{"web", "prod", "old"} {
				found, err := s.Certificates(t.Context(), ca.Filter{Tag: tag, Limit: 5, Now: testNow})
				has := len(found) == 1 && found[0].ID == one.Certificate.ID
				if is := slices.Contains(want.Tags, tag); err != nil || has != is || len(found) > 1 {
					t.Errorf("tag %s: %d rows, %v", tag, len(found), err)
				}
			}
		}
		says(ca.Annotation{})
		commit(t, s, 6, annotate(5, "hana", "prod", "web"))
		says(ca.Annotation{Contact: "hana", Tags: []string{"prod", "web"}})
		commit(t, s, 6, annotate(4, "late", "old")) // another node's, which was earlier
		says(ca.Annotation{Contact: "hana", Tags: []string{"prod", "web"}})
		commit(t, s, 7, annotate(6, "", "web"))
		says(ca.Annotation{Tags: []string{"web"}})
		commit(t, s, 8, annotate(7, ""))
		says(ca.Annotation{})
	})
}
