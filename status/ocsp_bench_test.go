// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"chancery/ca"
	"chancery/encode"
	"chancery/internal/load"
	"chancery/internal/ocsp"
)

// rounds is how often the two take turns, each for a second.
const rounds = 5

// BenchmarkOCSPCached is what was kept, asked for over real sockets by 64 at once, as a part of
// what a handler gives that does nothing: of one certificate, and of a million at random.
func BenchmarkOCSPCached(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the front has it
	for _, certificates := range []int{1, 1_000_000} {
		b.Run(fmt.Sprint("certificates=", certificates), func(b *testing.B) {
			d := newDesk(b, "ecdsa-p256", "ecdsa-p256")
			d.kept = newAnswers(192 << 20)
			d.look(b.Context())
			requests := d.fill(b, certificates)
			count, octets, _ := d.kept.size()
			ours := serves(b, d.h)
			fixed := d.get(request(b, d.a, nil, ca.Serial(fmt.Sprintf("41%036x", 0)))).Body.Bytes()
			same := serves(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(fixed) }))
			nothing := serves(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("nothing")) }))
			before := d.counts.hits.Load()
			for b.Loop() {
				var shares, alike, rates []float64
				for range rounds {
					rate := func(address string) float64 {
						r, err := load.Rate(b.Context(), load.Plan{Address: address, Requests: requests, Connections: 64, For: time.Second})
						if err != nil {
							b.Fatal(err)
						}
						return r
					}
					r := rate(ours)
					rates, shares, alike = append(rates, r), append(shares, r/rate(nothing)), append(alike, r/rate(same))
				}
				slices.Sort(shares)
				slices.Sort(alike)
				slices.Sort(rates)
				b.ReportMetric(shares[rounds/2], "of-empty")
				b.ReportMetric(alike[rounds/2], "of-fixed")
				b.ReportMetric(rates[rounds/2], "answers/s")
			}
			if d.counts.hits.Load() == before || d.counts.signed.Load() > 0 {
				b.Error("they were not kept")
			}
			b.ReportMetric(float64(octets)/float64(count), "octets/answer")
		})
	}
}

// fill keeps an answer for each of so many certificates, and gives requests for some of
// them. The signatures are of the right length, and none: nobody verifies them here.
func (d *desk) fill(b *testing.B, certificates int) (requests [][]byte) {
	b.Helper()
	n, now := d.named.Load(), d.signing.now().UTC().Truncate(time.Second)
	signature := make([]byte, 71)
	pick := max(1, certificates/100_000)
	for i := range certificates {
		id, err := ocsp.CertID("sha1", d.a.Subject, d.a.SPKI, ca.Serial(fmt.Sprintf("41%036x", i)))
		if err != nil {
			b.Fatal(err)
		}
		tbs, err := encode.OCSPResponse{KeyHash: d.keyHash, ProducedAt: now, Singles: []ca.OCSPSingle{{CertID: id, ThisUpdate: now, NextUpdate: now.Add(24 * time.Hour)}}}.TBS()
		if err != nil {
			b.Fatal(err)
		}
		der, err := encode.SignedOCSP(tbs, d.by, signature, d.cert)
		if err != nil {
			b.Fatal(err)
		}
		d.kept.put(n, keyOf(n.find(&id), &id), 0, der)
		if i%pick == 0 {
			q, err := ocsp.Encode(ocsp.Request{IDs: []ca.CertID{id}})
			if err != nil {
				b.Fatal(err)
			}
			requests = append(requests, []byte("GET /ocsp/issuing-g1/"+ocsp.Path(q)+" HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		}
	}
	if count, _, _ := d.kept.size(); count != certificates {
		b.Fatalf("%d are kept", count)
	}
	mathrand.Shuffle(len(requests), func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
	return requests
}

// serves answers on a port of its own until the benchmark ends.
func serves(b *testing.B, h http.Handler) (address string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, h, slog.New(slog.DiscardHandler), time.Second) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return l.Addr().String()
}
