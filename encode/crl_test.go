// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/encode"
)

// reasons are all that an entry can give.
var reasons = []ca.Reason{ca.Unspecified, ca.KeyCompromise, ca.CACompromise, ca.AffiliationChanged, ca.Superseded,
	ca.CessationOfOperation, ca.PrivilegeWithdrawn, ca.AACompromise}

// list is a list of the authority with plain values.
func list(a ca.Authority) encode.List {
	return encode.List{Issuer: a, Number: 1_772_366_400_000, ThisUpdate: noon, NextUpdate: noon.AddDate(0, 0, 7)}
}

// entries are n entries with serial numbers as we make them and every reason.
func entries(n int) []ca.Entry {
	out := make([]ca.Entry, n)
	for i := range out {
		out[i] = ca.Entry{Serial: ca.Serial(fmt.Sprintf("410001%08x0102030405060708090a0b0c", i)),
			At: noon.Add(-time.Duration(i) * time.Second), Reason: reasons[i%len(reasons)]}
	}
	return out
}

// each gives the entries as often as it is asked.
func each(list []ca.Entry) func() iter.Seq2[ca.Entry, error] {
	return func() iter.Seq2[ca.Entry, error] {
		return func(yield func(ca.Entry, error) bool) {
			for _, e := range list {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func listTBS(t testing.TB, l encode.List, list []ca.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	size, err := l.TBS(&b, each(list))
	if err != nil {
		t.Fatal(err)
	}
	if size != int64(b.Len()) {
		t.Fatalf("the size is said to be %d and is %d", size, b.Len())
	}
	return b.Bytes()
}

// signList signs as the signer would and assembles the list.
func signList(t testing.TB, tbs []byte, keyType string) []byte {
	t.Helper()
	_, hash, err := encode.SignatureAlgorithm(keyType)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := crypto.SignMessage(keys()[keyType], rand.Reader, tbs, hash)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := encode.SignedCRL(&b, bytes.NewReader(tbs), int64(len(tbs)), keyType, sig); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// libraryList is the list in the library's words, signed by the library.
func libraryList(t testing.TB, l encode.List, list []ca.Entry) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: number(ca.Serial(fmt.Sprintf("%016x", l.Number))), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate}
	for _, e := range list {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: number(e.Serial), RevocationTime: e.At, ReasonCode: int(e.Reason)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, parse(t, l.Issuer.Certificate), keys()[l.Issuer.KeyType])
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// sameAsLibrary holds our bytes, and what the library reads in them, against its own.
func sameAsLibrary(t *testing.T, l encode.List, list []ca.Entry) {
	t.Helper()
	want, err := x509.ParseRevocationList(libraryList(t, l, list))
	if err != nil {
		t.Fatal(err)
	}
	tbs := listTBS(t, l, list)
	if !bytes.Equal(tbs, want.RawTBSRevocationList) {
		t.Fatalf("got\n%.2000x\nwant\n%.2000x", tbs, want.RawTBSRevocationList)
	}
	got, err := x509.ParseRevocationList(signList(t, tbs, l.Issuer.KeyType))
	if err != nil {
		t.Fatal(err)
	}
	if err := got.CheckSignatureFrom(parse(t, l.Issuer.Certificate)); err != nil {
		t.Error(err)
	}
	if got.Number.Int64() != l.Number || !got.ThisUpdate.Equal(l.ThisUpdate) || !got.NextUpdate.Equal(l.NextUpdate) ||
		!bytes.Equal(got.AuthorityKeyId, l.Issuer.SKI) || len(got.Extensions) != 2 || len(got.RevokedCertificateEntries) != len(list) {
		t.Errorf("the library reads something else: %+v", got)
	}
	for i, e := range got.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(number(list[i].Serial)) != 0 || !e.RevocationTime.Equal(list[i].At) || e.ReasonCode != int(list[i].Reason) {
			t.Fatalf("entry %d is read as %+v, not %+v", i, e, list[i])
		}
	}
}

// The library shares nothing with our encoder, and its lists have our form: the
// bytes must be the same. TI-01: the years around 2050 too. R29.
func TestListEqualsTheLibrarysBytes(t *testing.T) {
	for _, keyType := range keyTypes {
		root, a := issuing(t, keyType)
		for _, n := range []int{0, 1, 2, 4, 5, 1200} { // on both sides of each length of a header
			t.Run(fmt.Sprintf("%s/%d entries", keyType, n), func(t *testing.T) {
				sameAsLibrary(t, list(a), entries(n))
				sameAsLibrary(t, list(root), entries(n))
			})
		}
	}
	_, a := issuing(t, "ecdsa-p256")
	edge := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		name string
		turn func(*encode.List, *[]ca.Entry)
	}{
		{"times to 2049 are short", func(l *encode.List, e *[]ca.Entry) { l.NextUpdate = edge(2050).Add(-time.Second) }},
		{"times from 2050 are generalized", func(l *encode.List, e *[]ca.Entry) {
			l.ThisUpdate, l.NextUpdate = edge(2050), edge(2051)
			(*e)[1].At = edge(2050)
		}},
		{"times to 9999", func(l *encode.List, e *[]ca.Entry) { l.NextUpdate = edge(10000).Add(-time.Second) }},
		{"times from 1950", func(l *encode.List, e *[]ca.Entry) { l.ThisUpdate, (*e)[0].At = edge(1950), edge(1950) }},
		{"times of another zone", func(l *encode.List, e *[]ca.Entry) {
			l.ThisUpdate = l.ThisUpdate.In(time.FixedZone("east", 14*3600))
			(*e)[2].At = l.ThisUpdate
		}},
		{"the smallest number", func(l *encode.List, e *[]ca.Entry) { l.Number = 1 }},
		{"a number with its upper bit set", func(l *encode.List, e *[]ca.Entry) { l.Number = 0x80 }},
		{"the largest number", func(l *encode.List, e *[]ca.Entry) { l.Number = 1<<63 - 1 }},
		{"serial numbers of every length", func(l *encode.List, e *[]ca.Entry) {
			*e = nil
			for n := range 20 {
				*e = append(*e, ca.Entry{Serial: ca.Serial("01" + strings.Repeat("00", n)), At: noon},
					ca.Entry{Serial: ca.Serial("7f" + strings.Repeat("ff", n)), At: noon})
				if n < 19 {
					*e = append(*e, ca.Entry{Serial: ca.Serial("80" + strings.Repeat("00", n)), At: noon},
						ca.Entry{Serial: ca.Serial("ff" + strings.Repeat("ff", n)), At: noon})
				}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, e := list(a), entries(8)
			tt.turn(&l, &e)
			sameAsLibrary(t, l, e)
		})
	}
}

// Lists drawn at random, ours and the library's, are the same. The seed stands in
// the test's name, so a failure can be had again.
func TestAnyListEqualsTheLibrarysBytes(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	rounds := uint64(200)
	if os.Getenv("CHANCERY_SOAK") == "1" {
		rounds = 20_000
	}
	for seed := range rounds {
		r := mathrand.New(mathrand.NewPCG(seed, 5280))
		l := list(a)
		l.Number = r.Int64()>>r.IntN(62) | 1
		l.ThisUpdate = time.Unix(r.Int64N(2e9), 0)
		l.NextUpdate = l.ThisUpdate.Add(time.Duration(1+r.Int64N(1e9)) * time.Second)
		unique := make(map[string]bool)
		for range r.IntN(60) {
			octets := make([]byte, 1+r.IntN(20))
			for i := range octets {
				octets[i] = byte(r.Uint32())
			}
			if octets[0] &= 0x7f; octets[0] == 0 {
				octets[0] = 1
			}
			unique[strings.Repeat("00", 20-len(octets))+hex.EncodeToString(octets)] = true
		}
		var e []ca.Entry
		for serial := range unique {
			serial, err := ca.ParseSerial(serial)
			if err != nil {
				t.Fatal(err)
			}
			e = append(e, ca.Entry{Serial: serial, At: time.Unix(r.Int64N(4e9), 0), Reason: reasons[r.IntN(len(reasons))]})
		}
		slices.SortFunc(e, func(a, b ca.Entry) int { return number(a.Serial).Cmp(number(b.Serial)) })
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { sameAsLibrary(t, l, e) })
		if len(e) > 1 {
			i := r.IntN(len(e) - 1)
			e[i], e[i+1] = e[i+1], e[i]
			if _, err := l.TBS(io.Discard, each(e)); err == nil {
				t.Fatalf("seed %d: entries out of order were encoded", seed)
			}
		}
	}
}

// What cannot be said in a list is refused, never bent.
func TestListRefusesWhatCannotBeEncoded(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	entry := func(turn func(*ca.Entry)) func(*encode.List, []ca.Entry) {
		return func(_ *encode.List, e []ca.Entry) { turn(&e[1]) }
	}
	serial := func(s ca.Serial) func(*encode.List, []ca.Entry) { return entry(func(e *ca.Entry) { e.Serial = s }) }
	for _, tt := range []struct {
		name, fault string
		turn        func(*encode.List, []ca.Entry)
	}{
		{"number zero", "positive", func(l *encode.List, _ []ca.Entry) { l.Number = 0 }},
		{"a negative number", "positive", func(l *encode.List, _ []ca.Entry) { l.Number = -1 }},
		{"no next update", "not after", func(l *encode.List, _ []ca.Entry) { l.NextUpdate = time.Time{} }},
		{"the next update at the same second", "not after", func(l *encode.List, _ []ca.Entry) { l.NextUpdate = l.ThisUpdate }},
		{"this update within a second", "this update: the time is not in whole", func(l *encode.List, _ []ca.Entry) { l.ThisUpdate = noon.Add(1) }},
		{"the next within a second", "next update: the time is not in whole", func(l *encode.List, _ []ca.Entry) { l.NextUpdate = l.NextUpdate.Add(time.Millisecond) }},
		{"this update before 1950", "between 1950", func(l *encode.List, _ []ca.Entry) { l.ThisUpdate = time.Time{} }},
		{"the next after 9999", "between 1950", func(l *encode.List, _ []ca.Entry) { l.NextUpdate = noon.AddDate(8000, 0, 0) }},
		{"an issuer without a name", "no name", func(l *encode.List, _ []ca.Entry) { l.Issuer.Subject = []byte{0x30, 0} }},
		{"an issuer without key identifier", "identifier", func(l *encode.List, _ []ca.Entry) { l.Issuer.SKI = nil }},
		{"a key type we do not know", "algorithm", func(l *encode.List, _ []ca.Entry) { l.Issuer.KeyType = "dsa" }},
		{"a key type that is not the key's", "not of type", func(l *encode.List, _ []ca.Entry) { l.Issuer.KeyType = "ed25519" }},
		{"a serial number twice", "after", func(_ *encode.List, e []ca.Entry) { e[1].Serial = e[0].Serial }},
		{"serial numbers falling", "after", func(_ *encode.List, e []ca.Entry) { e[0], e[1] = e[1], e[0] }},
		{"text order instead of the order of numbers", "after", func(_ *encode.List, e []ca.Entry) {
			e[0].Serial, e[1].Serial = "0100", "02"
		}},
		{"no serial number", "1 to 20", serial("")},
		{"serial number zero", "zero", serial("00")},
		{"a serial number with a zero in front", "zero", serial("0041000000000102030405060708090a0b0c0d0e")},
		{"a serial number of 21 octets", "1 to 20", serial(ca.Serial(strings.Repeat("41", 21)))},
		{"a serial number of 20 octets that needs a sign", "sign", serial(ca.Serial(strings.Repeat("81", 20)))},
		{"an odd digit", "1 to 20", serial("41000")},
		{"no hex", "hex", serial("4g")},
		{"a sign in text", "hex", serial("-141")},
		{"an entry without a date", "between 1950", entry(func(e *ca.Entry) { e.At = time.Time{} })},
		{"a date within a second", "whole", entry(func(e *ca.Entry) { e.At = e.At.Add(time.Microsecond) })},
		{"a date after 9999", "between 1950", entry(func(e *ca.Entry) { e.At = noon.AddDate(8000, 0, 0) })},
		{"the reason nobody uses", "reason", entry(func(e *ca.Entry) { e.Reason = 7 })},
		{"removal, which deltas have", "reason", entry(func(e *ca.Entry) { e.Reason = 8 })},
		{"a reason beyond the last", "reason", entry(func(e *ca.Entry) { e.Reason = 11 })},
		{"a negative reason", "reason", entry(func(e *ca.Entry) { e.Reason = -1 })},
		{"a reason that an octet would cut to a good one", "reason", entry(func(e *ca.Entry) { e.Reason = 257 })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, e := list(a), entries(3)
			tt.turn(&l, e)
			size, err := l.TBS(io.Discard, each(e))
			if err == nil || size != 0 || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("size %d, error %v; want one that says %q", size, err, tt.fault)
			}
		})
	}
}

// The second pass must be the first again: its size is in a header already.
func TestListRefusesASecondPassThatDiffers(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	broken := errors.New("the disk is gone")
	fail := func(yield func(ca.Entry, error) bool) { yield(ca.Entry{}, broken) }
	pass := func(e []ca.Entry) iter.Seq2[ca.Entry, error] { return each(e)() }
	turned := func(turn func(*ca.Entry)) iter.Seq2[ca.Entry, error] {
		e := entries(3)
		turn(&e[2])
		return pass(e)
	}
	for _, tt := range []struct {
		name          string
		first, second iter.Seq2[ca.Entry, error]
		want          error
	}{
		{"another serial number", pass(entries(3)), turned(func(e *ca.Entry) { e.Serial = "42" + e.Serial[2:] }), nil},
		{"another date", pass(entries(3)), turned(func(e *ca.Entry) { e.At = e.At.Add(time.Second) }), nil},
		{"another reason", pass(entries(3)), turned(func(e *ca.Entry) { e.Reason = ca.Superseded }), nil},
		{"one more", pass(entries(3)), pass(entries(4)), nil},
		{"one less", pass(entries(3)), pass(entries(2)), nil},
		{"some where none were", pass(nil), pass(entries(1)), nil},
		{"none where some were", pass(entries(1)), pass(nil), nil},
		{"an error at first", fail, pass(entries(1)), broken},
		{"an error later", pass(entries(1)), fail, broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			passes := []iter.Seq2[ca.Entry, error]{tt.first, tt.second}
			_, err := list(a).TBS(io.Discard, func() iter.Seq2[ca.Entry, error] {
				next := passes[0]
				passes = passes[1:]
				return next
			})
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("the error is %v, want %v", err, tt.want)
			}
		})
	}
}

// A full disk, wherever it becomes full.
type fullDisk struct{ room int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.room -= len(b); d.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestListTellsOfAFullDisk(t *testing.T) {
	_, a := issuing(t, "ed25519")
	e := entries(3000) // more than a buffer
	tbs := listTBS(t, list(a), e)
	for room := 0; room < len(tbs); room += 997 {
		if _, err := list(a).TBS(&fullDisk{room}, each(e)); !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("with room for %d of %d octets the error is %v", room, len(tbs), err)
		}
	}
	whole := signList(t, tbs, "ed25519")
	for room := 0; room < len(whole); room += 997 {
		if err := encode.SignedCRL(&fullDisk{room}, bytes.NewReader(tbs), int64(len(tbs)), "ed25519", make([]byte, 64)); !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("with room for %d of %d octets the error is %v", room, len(whole), err)
		}
	}
}

// What is put together is all of the list, and nothing else.
func TestSignedCRLRefusesHalfOfAList(t *testing.T) {
	_, a := issuing(t, "ed25519")
	tbs, sig := listTBS(t, list(a), entries(3)), make([]byte, 64)
	for _, tt := range []struct {
		name, keyType string
		size          int
		sig           []byte
	}{
		{"too short", "ed25519", len(tbs) + 1, sig},
		{"too long", "ed25519", len(tbs) - 1, sig},
		{"empty", "ed25519", 0, sig},
		{"negative", "ed25519", -1, sig},
		{"larger than any", "ed25519", 1 << 31, sig},
		{"not signed", "ed25519", len(tbs), nil},
		{"by a key we do not know", "dsa", len(tbs), sig},
	} {
		if err := encode.SignedCRL(io.Discard, bytes.NewReader(tbs), int64(tt.size), tt.keyType, tt.sig); err == nil {
			t.Errorf("a list %s was put together", tt.name)
		}
	}
}

// A million entries must not cost a million of anything.
func TestListAllocatesNothingForAnEntry(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	cost := func(n int) float64 {
		e := each(entries(n))
		return testing.AllocsPerRun(5, func() {
			if _, err := list(a).TBS(io.Discard, e); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := cost(1), cost(10_000); many > few+100 { // the frame's vary with the order of a map
		t.Errorf("%v allocations for 10 000 entries, %v for one", many, few)
	}
}
