// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// TestChainsInEitherOrder: R24, R126.
func TestChainsInEitherOrder(t *testing.T) {
	t.Parallel()
	w := the()
	leaf := w.leaves["rsa"]
	rootKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	namesake := certificateFor("Root g1", nil, rootKey.Public(), rootKey).Raw // another key, the same name
	oldRoot := certificateFor("Root g0", nil, rootKey.Public(), rootKey)
	old := oldRoot.Raw
	cross := certificateFor("Root g1", oldRoot, must(x509.ParseCertificate(w.root)).PublicKey, rootKey).Raw
	for _, tt := range []struct {
		name        string
		given, want [][]byte
		fault       string
	}{
		{"in order", [][]byte{leaf, w.middle, w.root}, [][]byte{leaf, w.middle, w.root}, ""},
		{"the other way round", [][]byte{w.root, w.middle, leaf}, [][]byte{leaf, w.middle, w.root}, ""},
		{"mixed", [][]byte{w.middle, leaf, w.root}, [][]byte{leaf, w.middle, w.root}, ""},
		{"one twice", [][]byte{leaf, w.middle, leaf, w.middle}, [][]byte{leaf, w.middle}, ""},
		{"an authority's own", [][]byte{w.root, w.middle}, [][]byte{w.middle, w.root}, ""},
		{"the root alone", [][]byte{w.root}, [][]byte{w.root}, ""},
		{"a stranger's of the same name", [][]byte{leaf, w.middle, namesake}, nil, "not in the chain"},
		{"the intermediate is missing", [][]byte{leaf, w.root}, nil, "not in the chain"},
		{"two leaves", [][]byte{leaf, w.leaves["p256"], w.middle}, nil, "not in the chain"},
		{"over a cross-certificate", [][]byte{old, w.middle, cross, leaf}, [][]byte{leaf, w.middle, cross, old}, ""},
		{"two ways up at once", [][]byte{old, w.middle, w.root, cross, leaf}, nil, "not in the chain"},
		{"what is none", [][]byte{leaf, w.request}, nil, "damaged"},
		{"nothing", nil, nil, "no certificate"},
	} {
		got, err := Chain(tt.given)
		if tt.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.fault)
			}
			continue
		}
		if err != nil || !slices.EqualFunc(got, tt.want, bytes.Equal) {
			t.Errorf("%s: %d certificates in another order: %v", tt.name, len(got), err)
		}
	}
	many := make([][]byte, maxChain+1)
	for i := range many {
		many[i] = certificateFor("Root", nil, rootKey.Public(), rootKey).Raw
	}
	if _, err := Chain(many); codeOf(err) != ca.E2504 {
		t.Errorf("too many: %v", err)
	}
}

// TestServersGetNoRoot: R126.
func TestServersGetNoRoot(t *testing.T) {
	t.Parallel()
	w := the()
	leaf := w.leaves["rsa"]
	for name, tt := range map[string][2][][]byte{
		"a chain with its root":     {{leaf, w.middle, w.root}, {leaf, w.middle}},
		"a chain without":           {{leaf, w.middle}, {leaf, w.middle}},
		"an authority's own":        {{w.middle, w.root}, {w.middle}},
		"a self-signed certificate": {{w.root}, {w.root}},
		"nothing":                   {nil, nil},
	} {
		if got := WithoutRoot(tt[0]); !slices.EqualFunc(got, tt[1], bytes.Equal) {
			t.Errorf("%s: %d certificates, want %d", name, len(got), len(tt[1]))
		}
	}
}
