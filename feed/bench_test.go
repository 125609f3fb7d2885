// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"iter"
	"math"
	mrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"chancery/ca"
	"chancery/encode"
	"chancery/feed"
	"chancery/feed/verify"
)

// million is how many certificates are live where feeds are measured.
const million = 1_000_000

// measured is a million live certificates, some of them revoked, in order.
func measured(revoked int) feed.Input {
	r := mrand.New(mrand.NewPCG(1, uint64(revoked)))
	live := make([]ca.Serial, million)
	for i := range live {
		live[i] = ours(r, horizon.Add(-time.Duration(r.IntN(90*24*3600))*time.Second))
	}
	slices.Sort(live) // all have 19 octets
	some := make([]ca.Serial, revoked)
	for i, at := range r.Perm(million)[:revoked] {
		some[i] = live[at]
	}
	slices.Sort(some)
	return feed.Input{Live: each(live), Revoked: each(some), Horizon: horizon, Seed: [32]byte{1}}
}

// crl is the size of a list of the same revocations, without its signature.
func crl(b *testing.B, revoked func() iter.Seq2[ca.Serial, error]) int64 {
	subject, err := asn1.Marshal(pkix.Name{CommonName: "Lab Issuing CA G1"}.ToRDNSequence())
	if err != nil {
		b.Fatal(err)
	}
	l := encode.List{
		Issuer: ca.Authority{Name: "issuing-g1", Subject: subject, KeyType: "ed25519", SPKI: quick(b).spki, SKI: make([]byte, 20)},
		Number: noon.UnixMilli(), ThisUpdate: noon, NextUpdate: noon.Add(7 * 24 * time.Hour),
	}
	size, err := l.TBS(io.Discard, func() iter.Seq2[ca.Entry, error] {
		return func(yield func(ca.Entry, error) bool) {
			for s := range revoked() {
				if !yield(ca.Entry{Serial: s, At: noon, Reason: ca.Superseded}, nil) {
					return
				}
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

// limit is the least octets in which so many of a million can be told: the binary
// logarithm of the number of such sets.
func limit(revoked int) float64 {
	lg := func(n int) float64 { v, _ := math.Lgamma(float64(n) + 1); return v }
	return (lg(million) - lg(revoked) - lg(million-revoked)) / math.Ln2 / 8
}

func BenchmarkBuild(b *testing.B) {
	for _, revoked := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(revoked), func(b *testing.B) {
			in := measured(revoked)
			b.ReportAllocs()
			var body []byte
			for b.Loop() {
				var err error
				if body, err = feed.Build(in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(body)+128), "octets")
			b.ReportMetric(float64(crl(b, in.Revoked)), "octets-of-list")
			b.ReportMetric(limit(revoked), "octets-at-least")
		})
	}
}

// BenchmarkDelta is a day over a million: one in ninety ended, as many are new, and
// one in a hundred of those that were revoked is revoked since.
func BenchmarkDelta(b *testing.B) {
	for _, revoked := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(revoked), func(b *testing.B) {
			i, in := quick(b), measured(revoked)
			body, err := feed.Build(in)
			if err != nil {
				b.Fatal(err)
			}
			if in.Base, err = feed.Parse(i.file(b, 1, body, nil), nil); err != nil {
				b.Fatal(err)
			}
			in.Live, in.Revoked = dayLater(in)
			for b.Loop() {
				if body, err = feed.Build(in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(body)+128), "octets")
		})
	}
}

func dayLater(in feed.Input) (live, revoked func() iter.Seq2[ca.Serial, error]) {
	r := mrand.New(mrand.NewPCG(7, 7))
	var all, some []ca.Serial
	gone := make(map[ca.Serial]bool)
	for s := range in.Live() {
		if r.IntN(90) > 0 {
			all = append(all, s)
		} else {
			gone[s] = true
		}
	}
	for s := range in.Revoked() {
		if !gone[s] {
			some = append(some, s)
		}
	}
	for range million / 90 {
		all = append(all, ours(r, horizon.Add(-time.Duration(r.IntN(24*3600))*time.Second)))
	}
	was := slices.Clone(some)
	for range len(some) / 100 {
		if s := all[r.IntN(len(all))]; !slices.Contains(was, s) && !slices.Contains(some[len(was):], s) {
			some = append(some, s)
		}
	}
	slices.Sort(all)
	slices.Sort(some)
	return each(all), each(some)
}

func BenchmarkStatus(b *testing.B) {
	in := measured(10_000)
	body, err := feed.Build(in)
	if err != nil {
		b.Fatal(err)
	}
	i := quick(b)
	file := i.file(b, 1, body, nil)
	f, err := feed.Parse(file, nil)
	if err != nil {
		b.Fatal(err)
	}
	v, err := verify.Open(file, i.spki, noon)
	if err != nil {
		b.Fatal(err)
	}
	serials := make([]ca.Serial, 0, million)
	for s := range in.Live() {
		serials = append(serials, s)
	}
	b.Run("builder", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			f.Status(serials[n%million])
		}
	})
	b.Run("verifier", func(b *testing.B) {
		octets := make([][]byte, len(serials))
		for n, s := range serials {
			octets[n] = s.Bytes()
		}
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			v.Status(octets[n%million])
		}
	})
}

// BenchmarkCheck is what the signer does with a feed before it signs, with a million
// live and 100 000 revoked.
func BenchmarkCheck(b *testing.B) {
	in := measured(100_000)
	body, err := feed.Build(in)
	if err != nil {
		b.Fatal(err)
	}
	f, err := feed.New(quick(b).head(1), body, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := f.Check(in.Revoked()); err != nil {
			b.Fatal(err)
		}
	}
}
