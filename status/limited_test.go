// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestR92_ListsAreForThoseNetworksAndClientsAlone(t *testing.T) {
	t.Parallel()
	o := newOutfit(t, nil)
	o.puts("issuing-g1")
	o.puts("issuing-g1.delta")
	known := &x509.Certificate{Raw: []byte("known")}
	l := &Limit{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}, State: filepath.Join(t.TempDir(), "refused.json"),
		Client: func(r *http.Request) bool { return bytes.Equal(r.TLS.PeerCertificates[0].Raw, known.Raw) }, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	door := l.Guard(o.door)
	for _, tt := range []struct {
		name, from, path string
		client           *x509.Certificate
		want             int
	}{
		{"from a network that may", "10.1.2.3:5", "/pki/issuing-g1.crl", nil, 200},
		{"the same, as an address of IPv6", "[::ffff:10.1.2.3]:5", "/pki/issuing-g1.crl", nil, 200},
		{"of IPv6, with a zone", "[2001:db8::1%eth0]:5", "/pki/issuing-g1.delta.crl", nil, 200},
		{"from elsewhere", "192.0.2.1:5", "/pki/issuing-g1.crl", nil, 403},
		{"a delta from elsewhere", "192.0.2.1:5", "/pki/issuing-g1.delta.crl", nil, 403},
		{"a feed from elsewhere", "192.0.2.1:5", "/pki/issuing-g1" + feedEnd, nil, 403},
		{"with the dot in hexadecimal", "192.0.2.1:5", "/pki/issuing-g1%2Ecrl", nil, 403},
		{"through another folder", "192.0.2.1:5", "/pki/x/../issuing-g1.crl", nil, 403},
		{"from an address that nobody can read", "@", "/pki/issuing-g1.crl", nil, 403},
		{"with a client certificate that may", "192.0.2.2:5", "/pki/issuing-g1.crl", known, 200},
		{"with another", "192.0.2.2:5", "/pki/issuing-g1.crl", &x509.Certificate{Raw: []byte("revoked")}, 403},
		{"a certificate, for everybody", "192.0.2.1:5", "/pki/root-g1.crt", nil, 200},
		{"a bundle, for everybody", "192.0.2.1:5", "/pki/bundle.pem", nil, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tt.path, nil)
			r.RemoteAddr = tt.from
			r.Header.Set("X-Forwarded-For", "10.1.2.3")
			r.Header.Set("Forwarded", "for=10.1.2.3")
			if tt.client != nil {
				r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{tt.client}}
			}
			w := httptest.NewRecorder()
			door.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("%d, want %d", w.Code, tt.want)
			}
			cache := w.Header().Get("Cache-Control")
			switch {
			case tt.want == 403 && (cache != "no-store" || !strings.Contains(w.Body.String(), "OCSP is open to everybody: ask /ocsp/issuing-g1")):
				t.Errorf("the refusal is %s, %q", w.Body, cache)
			case tt.want == 200 && strings.HasSuffix(tt.path, ".crl") && !strings.HasPrefix(cache, "private"):
				t.Errorf("caches are told %q", cache)
			}
		})
	}
	refused, err := ReadRefused(l.State)
	if err != nil || len(refused) != 3 || refused[0].Source != "192.0.2.1/32" {
		t.Errorf("refused were %+v, %v", refused, err)
	}
}
