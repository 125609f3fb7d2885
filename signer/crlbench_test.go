// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// BenchmarkLists makes lists of an authority with 100 shards, and reads them to their ends:
// all of them, the complete one with delta and a changed shard, and these without it. Of
// every size 10 000 are on the delta; of a million as many are on each shard. Held is what
// the heap grows by while they are made.
func BenchmarkLists(b *testing.B) {
	for _, n := range []int{0, 10_000, 100_000, 1_000_000} {
		for name, part := range map[string]ca.ListPart{"all": ca.AllLists, "changed": ca.ChangedLists, "news": ca.NewsLists} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) { lists(b, n, part) })
		}
	}
}

func lists(b *testing.B, n int, part ca.ListPart) {
	c := ceremonial(b)
	q := c.creation("issuing-g2", "root-g1", ca.Issuing)
	q.Shards = 100
	c.creates(q)
	h := c.hello(0)
	c.set(h, ca.ListWish{Authority: "issuing-g2"}) // the base of the delta
	c.Grow("issuing-g2", n)
	c.set(h, ca.ListWish{Authority: "issuing-g2", Published: c.Newest("issuing-g2")})
	runtime.GC()
	var before, during runtime.MemStats
	runtime.ReadMemStats(&before)
	held, octets := uint64(0), int64(0)
	b.ReportAllocs()
	for b.Loop() {
		c.Touch("issuing-g2")
		c.Rest()
		all, err := c.MakeLists(h.Number, ca.ListWish{Authority: "issuing-g2", Part: part, Published: c.Newest("issuing-g2")})
		if err != nil {
			b.Fatal(err)
		}
		octets = 0
		for _, one := range all {
			size, err := one.WriteTo(io.Discard)
			if err != nil {
				b.Fatal(err)
			}
			octets += size
		}
		runtime.ReadMemStats(&during)
		held = max(held, during.HeapInuse-min(during.HeapInuse, before.HeapInuse))
		if err := all.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(held)/1e6, "MB-held")
	b.ReportMetric(float64(octets)/1e6, "MB-lists")
}

// BenchmarkRevoke takes a step where nothing was revoked before, and where a million were;
// meanwhile lists are made all the time, or none.
func BenchmarkRevoke(b *testing.B) {
	for _, n := range []int{0, 1_000_000} {
		for _, busy := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/lists=%t", n, busy), func(b *testing.B) {
				s, _, h := founded(b)
				s.Grow("issuing-g1", n)
				p := profiles(b, h)["server"]
				one := s.issued(h, wish(1, csrBy(b, "a.lab.example", p256...), p))
				ended := make(chan struct{})
				stop := make(chan struct{})
				go func() {
					defer close(ended)
					for busy {
						select {
						case <-stop:
							return
						default:
							s.Rest()
							s.set(h, ca.ListWish{Authority: "issuing-g1"})
						}
					}
				}()
				why := []ca.Reason{ca.CertificateHold, ca.RemoveFromCRL}
				var took []time.Duration
				step := 0
				for b.Loop() {
					if step == 240 { // a certificate has at most 250
						step = 0
						one = s.issued(h, wish(len(took)+2, csrBy(b, "a.lab.example", p256...), p))
					}
					at := time.Now()
					if a := s.revoke(h, one, step+1, why[step%2]); a.Problem != nil && !strings.Contains(a.Problem.Detail, "minute") {
						b.Fatal(a.Problem)
					}
					step++
					took = append(took, time.Since(at))
				}
				close(stop)
				<-ended
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
			})
		}
	}
}
