// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"math/big"
	"slices"
	"strings"
	"testing"
)

func TestASerialNumberIsReadAsProgramsPrintIt(t *testing.T) {
	t.Parallel()
	n, _ := new(big.Int).SetString("4100000ff1ce0badc0de0badc0de0badc0de0bad", 16)
	for text, want := range map[string][]Serial{
		"41:00 0F": {"41000f"}, "serial=41000F": {"41000f"}, " Serial Number: 41:00:0f ": {"41000f"}, "0x41000f": {"41000f"},
		n.String(): {"4100000ff1ce0badc0de0badc0de0badc0de0bad"}, "8705": {"8705", "2201"}, "1": {"01"}, "": nil, "0": nil, "nas.lab.example": nil,
		strings.Repeat("9", maxDecimal): nil, strings.Repeat("9", 1<<20): nil, "serial=": nil, "-1": nil, "41000f ": {"41000f"},
	} {
		if got := TypedSerials(text); !slices.Equal(got, want) {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
}
