// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/encode"
)

// extra are the extensions of a list beyond identifier and number, by encoding/asn1.
func extra(t testing.TB, l encode.List) (all []pkix.Extension) {
	t.Helper()
	type point struct {
		Name []asn1.RawValue `asn1:"tag:0"`
	}
	uri := func(s string) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(s)}
	}
	add := func(oid string, critical bool, value any) {
		der, err := asn1.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		id := asn1.ObjectIdentifier{2, 5, 29, 0}
		if _, err := fmt.Sscanf(oid, "2.5.29.%d", &id[3]); err != nil {
			t.Fatal(err)
		}
		all = append(all, pkix.Extension{Id: id, Critical: critical, Value: der})
	}
	if l.Base != 0 {
		add("2.5.29.27", true, l.Base)
	}
	if l.Point != "" {
		add("2.5.29.28", true, struct {
			Point point `asn1:"tag:0"`
		}{point{[]asn1.RawValue{uri(l.Point)}}})
	}
	if l.Authorities {
		add("2.5.29.28", true, struct {
			OnlyCA bool `asn1:"tag:2"`
		}{true})
	}
	if l.Freshest != "" {
		add("2.5.29.46", false, []struct {
			Point point `asn1:"tag:0"`
		}{{point{[]asn1.RawValue{uri(l.Freshest)}}}})
	}
	return all
}

// kinds are a list of each kind.
func kinds(a ca.Authority) map[string]encode.List {
	all := map[string]encode.List{}
	add := func(name string, turn func(*encode.List)) {
		l := list(a)
		turn(&l)
		all[name] = l
	}
	add("complete", func(l *encode.List) { l.Freshest = a.ListAddress(ca.DeltaList) })
	add("delta", func(l *encode.List) { l.Base = l.Number - 86_400_000 })
	add("delta of its own number", func(l *encode.List) { l.Base = l.Number })
	add("shard", func(l *encode.List) { l.Point = a.ListAddress(ca.ShardList(3)) })
	add("authorities", func(l *encode.List) { l.Authorities = true })
	return all
}

// The library and encoding/asn1 write each kind of list to the same bytes.
func TestEachKindOfListEqualsTheLibrarysBytes(t *testing.T) {
	for _, keyType := range keyTypes {
		_, a := issuing(t, keyType)
		for kind, l := range kinds(a) {
			for _, n := range []int{0, 1, 9} {
				t.Run(fmt.Sprintf("%s/%s/%d entries", keyType, kind, n), func(t *testing.T) {
					e := entries(n)
					if l.Base > 0 && n > 1 {
						e[1].Reason = ca.RemoveFromCRL
					}
					template := &x509.RevocationList{Number: big.NewInt(l.Number), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate, ExtraExtensions: extra(t, l)}
					for _, one := range e {
						template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
							SerialNumber: number(one.Serial), RevocationTime: one.At, ReasonCode: int(one.Reason)})
					}
					der, err := x509.CreateRevocationList(rand.Reader, template, parse(t, a.Certificate), keys()[keyType])
					if err != nil {
						t.Fatal(err)
					}
					want, err := x509.ParseRevocationList(der)
					if err != nil {
						t.Fatal(err)
					}
					if got := listTBS(t, l, e); !bytes.Equal(got, want.RawTBSRevocationList) {
						t.Fatalf("got\n%x\nwant\n%x", got, want.RawTBSRevocationList)
					}
				})
			}
		}
	}
}

func TestListRefusesToBeOfTwoKinds(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	for _, tt := range []struct {
		name, fault string
		turn        func(*encode.List)
	}{
		{"a delta of a shard", "one of these", func(l *encode.List) { l.Base, l.Point = 1, "http://pki.example/s.crl" }},
		{"a shard of authorities", "one of these", func(l *encode.List) { l.Authorities, l.Point = true, "http://pki.example/s.crl" }},
		{"a delta of a delta (RFC 5280 §5.2.6)", "one of these", func(l *encode.List) { l.Base, l.Freshest = 1, "http://pki.example/d.crl" }},
		{"a base above its number", "base", func(l *encode.List) { l.Base = l.Number + 1 }},
		{"a negative base", "base", func(l *encode.List) { l.Base = -1 }},
		{"a shard at an address over TLS", "address", func(l *encode.List) { l.Point = "https://pki.example/s.crl" }},
		{"a delta at an address with a space", "address", func(l *encode.List) { l.Freshest = "http://pki.example/d crl" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := list(a)
			tt.turn(&l)
			if _, err := l.TBS(io.Discard, each(nil)); err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("the error is %v, want one that says %q", err, tt.fault)
			}
		})
	}
	for kind, l := range kinds(a) {
		e := entries(2)
		e[0].Reason = ca.RemoveFromCRL
		if _, err := l.TBS(io.Discard, each(e)); (err == nil) != (l.Base > 0) {
			t.Errorf("%s: an entry that takes another back: %v", kind, err)
		}
	}
}

// Certificates name the shard that their serial number says, and nothing else changes.
func TestACertificateNamesItsShard(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	a.Shards = 8
	issuer, err := encode.NewIssuer(a)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		serial := ca.Serial(fmt.Sprintf("410001000000000102030405060708090a0b%02x", n))
		tbs, err := issuer.TBS(draft(t, "ecdsa-p256"), serial)
		if err != nil {
			t.Fatal(err)
		}
		got := parse(t, sign(t, tbs, "ecdsa-p256")).CRLDistributionPoints
		if want := fmt.Sprintf("http://pki.example:8080/pki/issuing-g1.s%d.crl", n%8); len(got) != 1 || got[0] != want {
			t.Errorf("%s names %v, not %s", serial, got, want)
		}
	}
}

// slowTBS writes a list the slow way: each element a slice in its parent's, all of it in
// memory. It shares nothing with the encoder.
func slowTBS(a ca.Authority, l encode.List, list []ca.Entry) []byte {
	element := func(tag byte, parts ...[]byte) []byte {
		body := bytes.Join(parts, nil)
		length := big.NewInt(int64(len(body))).Bytes()
		if len(body) < 128 {
			length = []byte{byte(len(body))}
		} else {
			length = append([]byte{0x80 | byte(len(length))}, length...)
		}
		return bytes.Join([][]byte{{tag}, length, body}, nil)
	}
	at := func(t time.Time) []byte { return element(0x17, []byte(t.UTC().Format("060102150405Z"))) }
	extension := func(last byte, value []byte) []byte {
		return element(0x30, element(0x06, []byte{0x55, 0x1d, last}), element(0x04, value))
	}
	all := make([][]byte, 0, len(list))
	for _, e := range list {
		serial, _ := hex.DecodeString(string(e.Serial)) // as entries makes them
		parts := [][]byte{element(0x02, serial), at(e.At)}
		if e.Reason != ca.Unspecified {
			parts = append(parts, element(0x30, extension(21, element(0x0a, []byte{byte(e.Reason)}))))
		}
		all = append(all, element(0x30, parts...))
	}
	ecdsaWithSHA256 := []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}
	return element(0x30, element(0x02, []byte{1}), element(0x30, element(0x06, ecdsaWithSHA256)), a.Subject, at(l.ThisUpdate), at(l.NextUpdate),
		element(0x30, all...), element(0xa0, element(0x30,
			extension(35, element(0x30, element(0x80, a.SKI))), extension(20, element(0x02, big.NewInt(l.Number).Bytes())),
			extension(46, element(0x30, element(0x30, element(0xa0, element(0xa0, element(0x86, []byte(l.Freshest))))))))))
}

// The list of a million entries is byte for byte that of the slow encoder, and OpenSSL
// reads it and accepts its signature. R86.
func TestAMillionEntriesEqualTheSlowEncodersBytes(t *testing.T) {
	t.Parallel()
	root, a := issuing(t, "ecdsa-p256")
	l := list(a)
	l.Freshest = a.ListAddress(ca.DeltaList)
	e := entries(million)
	tbs := listTBS(t, l, e)
	if !bytes.Equal(tbs, slowTBS(a, l, e)) {
		t.Fatal("the bytes differ")
	}
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	above := append(certificatePEM(a.Certificate), certificatePEM(root.Certificate)...)
	out, err := openSSL(t, nil, "crl", "-inform", "DER", "-in", file("crl", signList(t, tbs, "ecdsa-p256")), "-noout", "-crlnumber", "-CAfile", file("above", above))
	if err != nil || !strings.Contains(out, "verify OK") || !strings.Contains(out, fmt.Sprintf("%X", l.Number)) {
		t.Errorf("OpenSSL says %v:\n%.1000s", err, out)
	}
}
