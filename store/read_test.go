// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"chancery/ca"
)

func TestFindTakesPublicNamesSerialsTailsAndNames(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		serial := func(c ca.Change, text ca.Serial) ca.Change {
			c.Certificate.Serial = text
			return c
		}
		other := serial(change(6, "c.lab.example"), "41aa00000000001234567890")
		other.Certificate.IssuerKey, other.Certificate.Authority = ca.Digest{8}, "issuing-g2"
		named := serial(change(7, "*.wild.example"), "01")
		named.Certificate.Common = "Hana Nováková"
		named.Certificate.Names = append(named.Certificate.Names, ca.Name{Type: ca.IP, Value: "2001:db8::1"}, ca.Name{Type: ca.Email, Value: "Hana@lab.example"})
		// The newest valid one is meant, and of those that ended the newest.
		ended, endedBefore := serial(change(10, "a.lab.example", "old.example"), "55"), serial(change(9, "old.example"), "54")
		ended.Certificate.NotAfter, endedBefore.Certificate.NotAfter = testNow.Add(-time.Hour), testNow.Add(-time.Hour)
		commit(t, s, 20,
			serial(change(4, "a.lab.example"), "41aa00000000001234567890"),
			serial(change(5, "a.lab.example", "b.lab.example"), "41bb0000000000cc34567890"),
			other, named,
			ended, endedBefore, serial(void(8, "a.lab.example"), "41ff0000000000000badcafe"))
		for ref, want := range map[string][]int64{
			"issuing-g1-41aa00000000001234567890":      {4},
			"issuing-g2-41AA:0000:0000:0012:3456:7890": {6},
			"41aa00000000001234567890":                 {6, 4},
			"…34567890":                                {6, 5, 4},
			"34:56:78:90":                              {6, 5, 4},
			"cc34567890":                               {5},
			"0badcafe":                                 {8},
			"4567890":                                  {},
			"1":                                        {7},
			"a.lab.example":                            {5},
			" A.Lab.Example ":                          {5},
			"*.wild.example":                           {7},
			"2001:0db8:0::1":                           {7},
			"hana@lab.example":                         {7},
			"HANA NOVÁKOVÁ":                            {7},
			"old.example":                              {10},
			"lab.example":                              {},
			"' OR 1=1 --":                              {},
			"":                                         {},
		} {
			found, err := s.Find(t.Context(), ref, "")
			if err != nil || !reflect.DeepEqual(indexes(found), want) {
				t.Errorf("%q finds %v, %v; want %v", ref, indexes(found), err, want)
			}
		}
	})
}

// An owner finds what is his by its name and serial, whatever others have of the same, and
// nothing of theirs; the certificates of authorities are everybody's.
func TestAnOwnerFindsHisOwnAndNothingOfOthers(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		theirs := func(c ca.Change) ca.Change {
			c.Certificate.Owner = "uid:7"
			return c
		}
		serial := func(c ca.Change, serial ca.Serial) ca.Change {
			c.Certificate.Serial = serial
			return c
		}
		authority := theirs(serial(change(3, "issuing.example"), "41ff000000000000badcafe0"))
		authority.Certificate.Kind = ca.CACertificate
		rows := []ca.Change{
			authority, serial(change(4, "a.example"), "41aa00000000001234567890"), theirs(serial(change(5, "a.example"), "41bb00000000001234567890")),
			theirs(serial(change(6, "b.example"), "1234567890")),
		}
		for n := range int64(maxFound + 1) { // more than are looked at
			rows = append(rows, theirs(change(100+n, "a.example")))
		}
		commit(t, s, 300, rows...)
		for ref, want := range map[string]map[string][]int64{
			"a.example":                {"": {100 + maxFound}, "uid:1000": {4}, "uid:7": {100 + maxFound}, "uid:8": {}},
			"b.example":                {"": {6}, "uid:1000": {}, "uid:7": {6}},
			"issuing.example":          {"": {3}, "uid:1000": {3}},
			"badcafe0":                 {"": {3}, "uid:1000": {3}},
			"34567890":                 {"": {6, 5, 4}, "uid:1000": {4}, "uid:7": {6, 5}},
			"1234567890":               {"": {6}, "uid:1000": {4}, "uid:7": {6}},
			"41bb00000000001234567890": {"": {5}, "uid:1000": {}, "uid:7": {5}},
			"issuing-g1-1234567890":    {"": {6}, "uid:1000": {4}, "uid:7": {6}},
		} {
			for owner, want := range want {
				found, err := s.Find(t.Context(), ref, owner)
				if err != nil || !reflect.DeepEqual(indexes(found), want) {
					t.Errorf("%q of %q finds %v, %v; want %v", ref, owner, indexes(found), err, want)
				}
			}
		}
	})
}

// R48: the request stays with the certificate it led to, byte for byte.
func TestR48_TheRequestIsKeptAsItCame(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		one := change(4, "a.lab.example")
		one.Request.CSR = []byte{0x30, 0x03, 0x02, 0x01, 0x00}
		commit(t, s, 20, one)
		if der, err := s.CSR(t.Context(), one.Request.ID); err != nil || !bytes.Equal(der, one.Request.CSR) {
			t.Errorf("the request is %x, %v", der, err)
		}
		if der, err := s.CSR(t.Context(), "none"); err != nil || der != nil {
			t.Errorf("a request that never was: %x, %v", der, err)
		}
	})
}

// What is to be renewed soon and is not yet, or has been already, is not expiring.
func TestExpiringIsWhatShouldHaveBeenRenewed(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		rows := []ca.Change{change(1, "young.lab.example"), change(2, "due.lab.example"), change(3, "renewed.lab.example"), change(4, "renewed.lab.example"), change(5, "taken.lab.example"), change(6, "taken.lab.example"), change(7)}
		for i, life := range map[int][2]int{0: {-5, 25}, 1: {-61, 29}, 2: {-61, 29}, 4: {-61, 29}, 6: {-61, 29}} { // in days from now
			rows[i].Certificate.NotBefore, rows[i].Certificate.NotAfter = testNow.AddDate(0, 0, life[0]), testNow.AddDate(0, 0, life[1])
		}
		rows[5].Certificate.Owner = "uid:7" // somebody else's renews nothing
		commit(t, s, 8, rows...)
		f := ca.Filter{Status: "expiring", Now: testNow, Limit: 10}
		if n := counted(t, s, f); n != 3 {
			t.Errorf("counted while the names wait to be taken in: %d", n)
		}
		found, err := s.Certificates(t.Context(), f)
		if got := indexes(found); err != nil || !slices.Equal(slices.Sorted(slices.Values(got)), []int64{2, 5, 7}) {
			t.Errorf("expiring: %v, %v", got, err)
		}
		if n, err := s.Count(t.Context(), f); err != nil || n != 3 {
			t.Errorf("counted: %d, %v", n, err)
		}
	})
}

// counted asks the database as it stands, and takes nothing into its indexes first.
func counted(t *testing.T, s *Store, f ca.Filter) (n int) {
	t.Helper()
	q, err := s.engine.countQuery(f)
	if err == nil {
		err = s.reader.QueryRowContext(t.Context(), q.text.String(), s.engine.planned(q)...).Scan(&n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestListsFilterAndPageNewestFirst(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		rows := []ca.Change{
			change(1, "lab.example"), change(2, "www.lab.example", "w2.lab.example"), change(3, "notlab.example"),
			change(4, "x.y.lab.example"), void(5, "www.lab.example"), change(6, "*.lab.example"), change(7, "lab.example.org"),
		}
		rows[0].Certificate.NotAfter = testNow.Add(-time.Millisecond)
		rows[1].Certificate.NotAfter = testNow
		rows[2].Certificate.Authority, rows[2].Certificate.Profile, rows[2].Certificate.Owner = "issuing-g2", "person", "uid:7"
		commit(t, s, 8, rows...)
		soon := testNow.Add(time.Hour)
		for name, c := range map[string]struct {
			f    ca.Filter
			want []int64
		}{
			"all":       {ca.Filter{}, []int64{7, 6, 5, 4, 3, 2, 1}},
			"page":      {ca.Filter{After: ca.NewID(1, 6), Limit: 2}, []int64{5, 4}},
			"end":       {ca.Filter{After: ca.NewID(1, 1), Limit: 2}, []int64{}},
			"other log": {ca.Filter{After: ca.NewID(2, 0), Limit: 1}, []int64{7}},
			"name":      {ca.Filter{Name: "WWW.lab.example"}, []int64{5, 2}},
			"below":     {ca.Filter{Name: "*.Lab.example"}, []int64{6, 5, 4, 2}},
			"prefix":    {ca.Filter{Name: "WW*"}, []int64{5, 2}},
			"part":      {ca.Filter{Name: "*ab.exam*", Limit: 3}, []int64{7, 6, 5}},
			"authority": {ca.Filter{Authority: "issuing-g2"}, []int64{3}},
			"profile":   {ca.Filter{Profile: "person"}, []int64{3}},
			"owner":     {ca.Filter{Owner: "uid:7"}, []int64{3}},
			"expiring":  {ca.Filter{ExpiringBefore: soon, Now: testNow}, []int64{2}},
			"valid":     {ca.Filter{Status: "valid", Now: testNow}, []int64{7, 6, 4, 3, 2}},
			"expired":   {ca.Filter{Status: "expired", Now: testNow}, []int64{1}},
			"void":      {ca.Filter{Status: "void", Now: testNow}, []int64{5}},
			"many":      {ca.Filter{Name: "*.lab.example", Authority: "issuing-g1", Profile: "server", Owner: "uid:1000", Status: "valid", Now: testNow, Limit: 2}, []int64{6, 4}},
		} {
			found, err := s.Certificates(t.Context(), c.f)
			if err != nil || !reflect.DeepEqual(indexes(found), c.want) {
				t.Errorf("%s: %v, %v; want %v", name, indexes(found), err, c.want)
			}
		}
		var p *ca.Problem
		if _, err := s.Certificates(t.Context(), ca.Filter{Status: "fine"}); !errors.As(err, &p) || p.Field != "status" {
			t.Errorf("an unknown status gives %v", err)
		}
		n, err := s.Counts(t.Context(), testNow, nil)
		if want := (ca.Counts{Valid: 5, Expiring: 1, Expired: 1, Void: 1}); err != nil || n != want {
			t.Errorf("counts %+v, %v; want %+v", n, err, want)
		}
	})
}
