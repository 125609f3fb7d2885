// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"errors"
	"strings"
	"testing"
)

func TestNewName(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, tt := range []struct {
		name string
		t    NameType
		in   string
		want string // "" means refused
	}{
		{"a host passes", DNS, "nas.lab.example", "nas.lab.example"},
		{"capitals become small", DNS, "NAS.Lab.Example", "nas.lab.example"},
		{"one label passes", DNS, "localhost", "localhost"},
		{"a wildcard with two labels passes", DNS, "*.lab.example", "*.lab.example"},
		{"a wildcard with one label is refused", DNS, "*.example", ""},
		{"a wildcard alone is refused", DNS, "*", ""},
		{"a wildcard within is refused", DNS, "a.*.example", ""},
		{"a part wildcard is refused", DNS, "w*.lab.example", ""},
		{"two wildcards are refused", DNS, "*.*.lab.example", ""},
		{"an empty name is refused", DNS, "", ""},
		{"a trailing dot is refused", DNS, "nas.lab.example.", ""},
		{"a leading dot is refused", DNS, ".lab.example", ""},
		{"an empty label is refused", DNS, "a..example", ""},
		{"a wildcard dot alone is refused", DNS, "*.", ""},
		{"a label of 63 passes", DNS, long + ".example", long + ".example"},
		{"a label of 64 is refused", DNS, long + "a.example", ""},
		{"254 characters are refused", DNS, long + "." + long + "." + long + "." + long[:62] + "a", ""},
		{"an underscore is refused", DNS, "_dmarc.lab.example", ""},
		{"a space is refused", DNS, "a b.example", ""},
		{"NUL is refused", DNS, "nas.lab.example\x00.evil.example", ""},
		{"CRLF is refused", DNS, "nas.lab.example\r\nX: y", ""},
		{"a leading hyphen is refused", DNS, "-a.example", ""},
		{"a trailing hyphen is refused", DNS, "a-.example", ""},
		{"an address as DNS is refused", DNS, "10.0.0.1", ""},
		{"a numeric last label is refused", DNS, "nas.123", ""},
		{"a U-label is refused", DNS, "bücher.example", ""},
		{"an A-label passes", DNS, "xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"an A-label of Chinese passes", DNS, "xn--fiq228c.example", "xn--fiq228c.example"},
		{"an A-label that hides ASCII is refused", DNS, "xn--abc-.example", ""},
		{"an A-label that does not decode is refused", DNS, "xn--a.example", ""},
		{"an A-label that overflows is refused", DNS, "xn--9999999999.example", ""},
		{"a reserved label is refused", DNS, "ab--cd.example", ""},
		{"IPv4 passes", IP, "10.0.0.7", "10.0.0.7"},
		{"IPv6 becomes short", IP, "FD00:0:0::7", "fd00::7"},
		{"mapped IPv4 is refused", IP, "::ffff:10.0.0.7", ""},
		{"a zone is refused", IP, "fe80::1%eth0", ""},
		{"octal IPv4 is refused", IP, "010.0.0.1", ""},
		{"an address passes, the domain small", Email, "Hana.K@Lab.Example", "Hana.K@lab.example"},
		{"two at signs are refused", Email, "a@b@c.example", ""},
		{"no local part is refused", Email, "@lab.example", ""},
		{"a quoted local part is refused", Email, `"a b"@lab.example`, ""},
		{"a list is refused", Email, "a@x.example,b@lab.example", ""},
		{"a wildcard domain is refused", Email, "a@*.lab.example", ""},
		{"CRLF in an address is refused", Email, "a\r\nb@lab.example", ""},
		{"a dot at the end is refused", Email, "a.@lab.example", ""},
		{"a SPIFFE id passes", URI, "spiffe://lab.example/ns/web", "spiffe://lab.example/ns/web"},
		{"a relative URI is refused", URI, "/ns/web", ""},
		{"an opaque URI is refused", URI, "urn:uuid:1", ""},
		{"user information is refused", URI, "https://u:p@lab.example/", ""},
		{"a climbing path is refused", URI, "https://lab.example/a/../b", ""},
		{"a hidden climbing path is refused", URI, "https://lab.example/a/%2e%2e/b", ""},
		{"a hidden climbing slash is refused", URI, "https://lab.example/a%2f..%2fb", ""},
		{"a fragment is refused", URI, "https://lab.example/#x", ""},
		{"a newline in a URI is refused", URI, "https://lab.example/\n", ""},
		{"another type is refused", "upn", "hana@lab.example", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NewName(tt.t, tt.in)
			if tt.want == "" {
				var p *Problem
				if !errors.As(err, &p) || p.Code != E2110 {
					t.Fatalf("got %v, %v; want a problem E2110", got, err)
				}
				if !PlainText(p.Detail) {
					t.Errorf("the detail carries control characters: %q", p.Detail)
				}
				return
			}
			if err != nil || got != (Name{tt.t, tt.want}) {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestPlainText(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "Lab": true, "Büro Zürich": true, "研究室": true, "می‌خواهم": true,
		"a\x00b": false, "a\r\nb": false, "a\tb": false, "a\x7f": false, "a\u0085b": false,
		"a\u202eb": false, "a\u2066b": false, "a\u200fb": false, "a\u2028b": false, "\ufeffa": false, "a\xff": false,
		"a\ufffe": false,
	} {
		if got := PlainText(s); got != want {
			t.Errorf("PlainText(%q) = %v, want %v", s, got, want)
		}
	}
}

// A name in canonical form stays as it is: two readers never differ.
func FuzzNewName(f *testing.F) {
	for _, s := range []string{"nas.lab.example", "*.A.example", "xn--bcher-kva.example", "::1", "a@B.example", "spiffe://a/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []NameType{DNS, IP, Email, URI} {
			n, err := NewName(kind, s)
			if err != nil {
				continue
			}
			if again, err := NewName(kind, n.Value); err != nil || again != n {
				t.Errorf("%v became %v, %v", n, again, err)
			}
			if !PlainText(n.Value) {
				t.Errorf("%q is not plain", n.Value)
			}
		}
	})
}
