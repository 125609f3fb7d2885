// SPDX-License-Identifier: Apache-2.0

package ca_test

import (
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"chancery/ca"
)

// FuzzTyped reads what strangers type at a look-up. Each number that is found is one, and is
// found again by itself, in decimal and as OpenSSL prints it; a fingerprint is the same in
// whichever way it is spelled, and is never a number.
func FuzzTyped(f *testing.F) {
	for _, seed := range []string{"", "0", "10", "serial=4100016B02", "Serial Number: 41:00:01", "0x41", "1449548920424947840317624513333486861982532210",
		"SHA256 Fingerprint=" + strings.Repeat("AB:", 31) + "AB", strings.Repeat("ab", 32), strings.Repeat("9", 50), strings.Repeat("0", 63) + "1", "…41"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all := ca.TypedSerials(text)
		if len(all) > 2 {
			t.Fatalf("%q means %d numbers", text, len(all))
		}
		for _, s := range all {
			if len(s.Bytes()) == 0 || len(s.Bytes()) > 20 {
				t.Fatalf("%q means %q", text, s)
			}
			decimal := new(big.Int).SetBytes(s.Bytes()).String()
			for _, again := range []string{string(s), "serial=" + strings.ToUpper(string(s)), decimal} {
				found := false
				for _, one := range ca.TypedSerials(again) {
					found = found || one == s
				}
				if !found {
					t.Fatalf("%q means %q, and %q does not", text, s, again)
				}
			}
		}
		sum, is := ca.ParseFingerprint(text)
		if !is {
			return
		}
		for _, s := range all { // a number with so many zeros before it
			if new(big.Int).SetBytes(s.Bytes()).Cmp(new(big.Int).SetBytes(sum[:])) != 0 {
				t.Fatalf("%q is a fingerprint, and the number %q", text, s)
			}
		}
		for _, again := range []string{hex.EncodeToString(sum[:]), "SHA256 Fingerprint=" + strings.ToUpper(hex.EncodeToString(sum[:]))} {
			if other, is := ca.ParseFingerprint(again); !is || other != sum {
				t.Fatalf("%q is %x, and %q is not", text, sum, again)
			}
		}
	})
}
