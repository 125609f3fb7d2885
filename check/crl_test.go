// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
)

// reasons are all that an entry can give.
var reasons = []ca.Reason{ca.Unspecified, ca.KeyCompromise, ca.CACompromise, ca.AffiliationChanged, ca.Superseded,
	ca.CessationOfOperation, ca.PrivilegeWithdrawn, ca.AACompromise}

// revoked are n entries in order, with serial numbers as we make them.
func revoked(n int) []ca.Entry {
	out := make([]ca.Entry, n)
	for i := range out {
		out[i] = ca.Entry{Serial: ca.Serial(fmt.Sprintf("410001%08x0102030405060708090a0b0c", i)),
			At: noon.Add(-time.Duration(i) * time.Second), Reason: reasons[i%len(reasons)]}
		if i%7 == 3 {
			out[i].InvalidSince = noon.AddDate(-i%40, 0, 0)
		}
	}
	return out
}

func each(list []ca.Entry) iter.Seq2[ca.Entry, error] {
	return func(yield func(ca.Entry, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// goodList is what a list of the entries is checked against.
func goodList(a ca.Authority, e []ca.Entry) check.List {
	return check.List{Issuer: a, Number: 1_772_366_400_000, ThisUpdate: noon, NextUpdate: noon.AddDate(0, 0, 7),
		Entries: int64(len(e)), Revoked: each(e)}
}

// listTBS is what the encoder makes of it.
func listTBS(t testing.TB, l check.List, e []ca.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	list := encode.List{Issuer: l.Issuer, Number: l.Number, ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate,
		Base: l.Base, Point: l.Point, Authorities: l.Authorities, Freshest: l.Freshest}
	if _, err := list.TBS(&b, func() iter.Seq2[ca.Entry, error] { return each(e) }); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func checkList(l check.List, tbs []byte) error {
	return check.CRL(bytes.NewReader(tbs), int64(len(tbs)), l)
}

// What the encoder writes passes: every key, every length of a header, every
// length of a serial number, both forms of time, and however the octets arrive.
func TestListsPass(t *testing.T) {
	for _, keyType := range keyTypes {
		root, a := issuing(t, keyType)
		for _, n := range []int{0, 1, 2, 4, 5, 1200, 5000} {
			e := revoked(n)
			for _, a := range []ca.Authority{root, a} {
				l := goodList(a, e)
				tbs := listTBS(t, l, e)
				if err := checkList(l, tbs); err != nil {
					t.Errorf("%s, %d entries: %v", keyType, n, err)
				}
				if err := check.CRL(iotest.OneByteReader(bytes.NewReader(tbs)), int64(len(tbs)), l); err != nil {
					t.Errorf("%s, %d entries, octet by octet: %v", keyType, n, err)
				}
				l.Revoked = nil
				if err := checkList(l, tbs); err != nil {
					t.Errorf("%s, %d entries, by their form: %v", keyType, n, err)
				}
			}
		}
	}
	_, a := issuing(t, "ecdsa-p256")
	var e []ca.Entry
	for n := range 20 {
		for _, first := range []string{"01", "7f", "80", "ff"} {
			if n < 19 || first < "80" {
				e = append(e, ca.Entry{Serial: ca.Serial(first + strings.Repeat("ff", n)), At: noon.AddDate(n*50, 0, 0)})
			}
		}
	}
	l := goodList(a, e)
	l.Number, l.NextUpdate = 1<<63-1, noon.AddDate(500, 0, 0)
	if err := checkList(l, listTBS(t, l, e)); err != nil {
		t.Error(err)
	}
}

// The list says what it should, in each field, or does not pass.
func TestListsThatSayOtherThanTheyShouldAreRefused(t *testing.T) {
	root, a := issuing(t, "ecdsa-p256")
	_, other := issuing(t, "ecdsa-p384")
	e := revoked(9)
	tbs := listTBS(t, goodList(a, e), e)
	entries := func(turn func([]ca.Entry) []ca.Entry) func(*check.List) {
		return func(l *check.List) { l.Revoked = each(turn(slices.Clone(e))) }
	}
	for _, tt := range []struct {
		name, fault string
		turn        func(*check.List)
	}{
		{"another number", "cRLNumber", func(l *check.List) { l.Number++ }},
		{"a number of another sign", "cRLNumber", func(l *check.List) { l.Number = -l.Number }},
		{"a delta wanted", "is missing", func(l *check.List) { l.Base = 1 }},
		{"a shard wanted", "is missing", func(l *check.List) { l.Point = "http://pki.example/s0.crl" }},
		{"authorities wanted", "is missing", func(l *check.List) { l.Authorities = true }},
		{"a delta beside it wanted", "is missing", func(l *check.List) { l.Freshest = "http://pki.example/d.crl" }},
		{"an older list", "times", func(l *check.List) { l.ThisUpdate = l.ThisUpdate.Add(time.Second) }},
		{"a longer life", "times", func(l *check.List) { l.NextUpdate = l.NextUpdate.Add(-time.Second) }},
		{"less than a second earlier", "times", func(l *check.List) { l.ThisUpdate = l.ThisUpdate.Add(1) }},
		{"one entry more", "entries", func(l *check.List) { l.Entries-- }},
		{"one entry less", "entries", func(l *check.List) { l.Entries++ }},
		{"another issuer", "issuer", func(l *check.List) { l.Issuer = root }},
		{"another key type", "issuer", func(l *check.List) { l.Issuer = other }},
		{"an issuer by another name", "certificate says", func(l *check.List) { l.Issuer.Subject = root.Subject }},
		{"another's key identifier", "certificate says", func(l *check.List) { l.Issuer.SKI = bytes.Repeat([]byte{1}, 20) }},
		{"another's key", "certificate says", func(l *check.List) { l.Issuer.SPKI = other.SPKI }},
		{"another digest of the key", "digest", func(l *check.List) { l.Issuer.Key[0]++ }},
		{"an issuer without certificate", "certificate", func(l *check.List) { l.Issuer.Certificate = nil }},
		{"an issuer that may not sign lists", "signs no lists", func(l *check.List) {
			leaf, err := x509.ParseCertificate(sign(t, good(t, "ecdsa-p256").tbs, "ecdsa-p256"))
			if err != nil {
				t.Fatal(err)
			}
			l.Issuer.Certificate, l.Issuer.Subject = leaf.Raw, leaf.RawSubject
			l.Issuer.SPKI, l.Issuer.SKI = leaf.RawSubjectPublicKeyInfo, leaf.SubjectKeyId
		}},
		{"an entry that should not be there", "number 9", entries(func(e []ca.Entry) []ca.Entry { return e[:8] })},
		{"an entry missing in the middle", "number 4", entries(func(e []ca.Entry) []ca.Entry { return slices.Delete(e, 3, 4) })},
		{"an entry missing at the end", "number 10", entries(func(e []ca.Entry) []ca.Entry { return append(e, revoked(10)[9]) })},
		{"another serial number", "number 3", entries(func(e []ca.Entry) []ca.Entry { e[2].Serial = "42" + e[2].Serial[2:]; return e })},
		{"another date", "number 3", entries(func(e []ca.Entry) []ca.Entry { e[2].At = noon; return e })},
		{"another reason", "number 1", entries(func(e []ca.Entry) []ca.Entry { e[0].Reason = ca.Superseded; return e })},
		{"no reason", "number 2", entries(func(e []ca.Entry) []ca.Entry { e[1].Reason = ca.Unspecified; return e })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := goodList(a, e)
			tt.turn(&l)
			if err := checkList(l, tbs); err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("the error is %v, want one that says %q", err, tt.fault)
			}
		})
	}
	broken := errors.New("the disk is gone")
	l := goodList(a, e)
	l.Revoked = func(yield func(ca.Entry, error) bool) { yield(ca.Entry{}, broken) }
	if err := checkList(l, tbs); !errors.Is(err, broken) {
		t.Errorf("the error of what should be there is lost: %v", err)
	}
	if err := check.CRL(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(tbs))), int64(len(tbs)), goodList(a, e)); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("the error of the reader is lost: %v", err)
	}
}

// Fields that our encoder cannot write wrong are bent by hand: each replacement
// keeps the length, so that only the field is wrong.
func TestListsOfAnotherFormAreRefused(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	e := []ca.Entry{{Serial: "0102", At: noon}, {Serial: "0103", At: noon, Reason: ca.KeyCompromise}}
	l := goodList(a, e)
	l.Revoked = nil
	tbs := listTBS(t, l, e)
	for _, tt := range []struct{ name, old, new, fault string }{
		{"version 1", "\x02\x01\x01", "\x02\x01\x00", "version"},
		{"version 3", "\x02\x01\x01", "\x02\x01\x02", "version"},
		{"a negative serial number", "\x02\x02\x01\x03", "\x02\x02\x81\x03", "negative"},
		{"a serial number in a longer form", "\x02\x02\x01\x03", "\x02\x02\x00\x03", "shortest"},
		{"serial number zero", "\x02\x02\x01\x02", "\x02\x02\x00\x00", "shortest"},
		{"a serial number twice", "\x02\x02\x01\x03", "\x02\x02\x01\x02", "after"},
		{"serial numbers falling", "\x02\x02\x01\x03", "\x02\x02\x01\x01", "after"},
		{"unspecified written out", "\x0a\x01\x01", "\x0a\x01\x00", "reason"},
		{"reason 7", "\x0a\x01\x01", "\x0a\x01\x07", "reason"},
		{"removal", "\x0a\x01\x01", "\x0a\x01\x08", "reason"},
		{"reason 11", "\x0a\x01\x01", "\x0a\x01\x0b", "reason"},
		{"a reason as an INTEGER", "\x0a\x01\x01", "\x02\x01\x01", "reason"},
		{"an invalidity date's name", "\x55\x1d\x15", "\x55\x1d\x18", "reason"},
		{"the 31st of February", "260301", "260231", "exist"},
		{"a delta's indicator for the number", "\x55\x1d\x14", "\x55\x1d\x1b", "cRLNumber"},
		{"a scope for the number", "\x55\x1d\x14", "\x55\x1d\x1c", "cRLNumber"},
		{"another's extension for the key's", "\x55\x1d\x23", "\x55\x1d\x14", "authorityKey"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := bytes.LastIndex(tbs, []byte(tt.old))
			if i < 0 || tt.old == "\x02\x01\x01" {
				i = bytes.Index(tbs, []byte(tt.old))
			}
			if i < 0 {
				t.Fatal("there is no such field")
			}
			bent := slices.Concat(tbs[:i], []byte(tt.new), tbs[i+len(tt.old):])
			if err := checkList(l, bent); err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("the error is %v, want one that says %q", err, tt.fault)
			}
		})
	}
}

// Trees that no length betrays, each wrong in one thing that only one rule sees.
func TestListsBuiltByHandAreRefused(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	const entries, tail = 5, 6 // where they stand
	serial := func(list *node, i int, octets ...byte) { list.kids[entries].kids[i].kids[0].body = octets }
	number := func(list *node, octets ...byte) { list.kids[tail].kids[0].kids[1].kids[1].kids[0].body = octets }
	for _, tt := range []struct {
		name, fault string
		turn        func(*node, *check.List)
	}{
		{"serial number zero", "zero", func(n *node, _ *check.List) { serial(n, 0, 0) }},
		{"a serial number of 21 octets", "20 octets", func(n *node, _ *check.List) { serial(n, 1, bytes.Repeat([]byte{1}, 21)...) }},
		{"a serial number of 21 octets with its sign", "20 octets", func(n *node, _ *check.List) {
			serial(n, 1, append([]byte{0}, bytes.Repeat([]byte{0x80}, 20)...)...)
		}},
		{"a shorter serial number behind a longer", "after", func(n *node, _ *check.List) { serial(n, 1, 0x7f) }},
		{"a next update before this one", "not after", func(n *node, l *check.List) {
			n.kids[3], n.kids[4] = n.kids[4], n.kids[3]
			l.ThisUpdate, l.NextUpdate = l.NextUpdate, l.ThisUpdate
		}},
		{"number zero", "cRLNumber", func(n *node, l *check.List) { l.Number = 0; number(n, 0) }},
		{"a number that wraps to a negative one", "cRLNumber", func(n *node, l *check.List) {
			l.Number = -1
			number(n, 0, 255, 255, 255, 255, 255, 255, 255, 255)
		}},
		{"a number that wraps to a smaller one", "cRLNumber", func(n *node, l *check.List) {
			l.Number = 1
			number(n, 1, 0, 0, 0, 0, 0, 0, 0, 1)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := []ca.Entry{{Serial: "0102", At: noon}, {Serial: "0103", At: noon}}
			l := goodList(a, e)
			l.Revoked = nil
			root := tree(t, listTBS(t, l, e))
			if err := checkList(l, root.der()); err != nil {
				t.Fatal(err)
			}
			tt.turn(root, &l)
			if err := checkList(l, root.der()); err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("the error is %v, want one that says %q", err, tt.fault)
			}
		})
	}
}

// The size belongs to the list: neither more nor less of the reader is taken.
func TestListsOfAnotherSizeAreRefused(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	for _, n := range []int{0, 1, 300} {
		e := revoked(n)
		l := goodList(a, e)
		tbs := listTBS(t, l, e)
		for _, size := range []int{-1 << 62, -1, 0, 1, len(tbs) - 1, len(tbs) + 1, 1 << 40} {
			if check.CRL(bytes.NewReader(tbs), int64(size), l) == nil {
				t.Errorf("%d octets pass as %d", len(tbs), size)
			}
		}
		if check.CRL(bytes.NewReader(append(tbs, 0)), int64(len(tbs)), l) == nil {
			t.Error("a list with an octet behind it passes")
		}
		root := tree(t, tbs)
		root.kids = append(root.kids, leafNode(5))
		if long := root.der(); check.CRL(bytes.NewReader(long[:len(long)-2]), int64(len(long)), l) == nil {
			t.Error("a list whose header counts two octets that never come passes")
		}
	}
	// A length says four gigabytes, and nothing is allocated for it.
	huge := io.MultiReader(strings.NewReader("\x30\x84\xff\xff\xff\xf9"), strings.NewReader("\x30\x84\xff\xff\xff\xf3"))
	if check.CRL(huge, 1<<32-1, goodList(a, nil)) == nil {
		t.Error("a header alone passes")
	}
}

// A million entries must not cost a million of anything.
func TestCRLAllocatesNothingForAnEntry(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	cost := func(n int) float64 {
		e := revoked(n)
		l := goodList(a, e)
		tbs := listTBS(t, l, e)
		return testing.AllocsPerRun(5, func() {
			if err := checkList(l, tbs); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := cost(10), cost(10_000); many > few {
		t.Errorf("%v allocations for 10 000 entries, %v for ten", many, few)
	}
}

// BenchmarkCRL is the walk over a million entries, each held against what it
// should be; BenchmarkParseRevocationList the library's parser.
func BenchmarkCRL(b *testing.B) {
	_, a := issuing(b, "ecdsa-p256")
	e := revoked(1_000_000)
	l := goodList(a, e)
	tbs := listTBS(b, l, e)
	b.ReportAllocs()
	for b.Loop() {
		if err := checkList(l, tbs); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseRevocationList(b *testing.B) {
	_, a := issuing(b, "ecdsa-p256")
	e := revoked(1_000_000)
	der := wholeList(b, listTBS(b, goodList(a, e), e), "ecdsa-p256")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x509.ParseRevocationList(der); err != nil {
			b.Fatal(err)
		}
	}
}

// wholeList puts a signature of no worth behind a list, for the library to read it.
func wholeList(t testing.TB, tbs []byte, keyType string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode.SignedCRL(&b, bytes.NewReader(tbs), int64(len(tbs)), keyType, []byte{0x30, 0}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
