// SPDX-License-Identifier: Apache-2.0

package strict

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

type doc struct {
	A int            `json:"a"`
	B string         `json:"b,omitempty"`
	M map[string]int `json:"m,omitempty"`
	L []doc          `json:"l,omitempty"`
}

// PR-04: the sockets' bodies are read by a strict schema.
func TestPR04_DecodeIsStrict(t *testing.T) {
	for _, tt := range []struct{ name, in, fault string }{
		{"a plain document passes", `{"a":1,"b":"x","m":{"k":1,"l":2}}`, ""},
		{"objects in an array may repeat keys of each other", `{"a":1,"l":[{"a":1},{"a":2}]}`, ""},
		{"braces and quotes inside strings are text", `{"a":1,"b":"\"},{\"a\\"}`, ""},
		{"a repeated key is refused", `{"a":1,"a":2}`, "twice"},
		{"a repeated key in another case is refused", `{"a":1,"A":2}`, "lower case"},
		{"a repeated key written with an escape is refused", `{"a":1,"\u0061":2}`, "twice"},
		{"a repeated map key is refused", `{"a":1,"m":{"k":1,"k":2}}`, "twice"},
		{"an unknown field is refused", `{"a":1,"z":2}`, "unknown field"},
		{"a wrong type is refused", `{"a":"1"}`, "a cannot be of the type string; it takes a whole number"},
		{"a wrong type of a list is refused", `{"a":1,"l":{}}`, "it takes an array"},
		{"another value is refused", `[]`, "the value cannot be of the type array; it takes an object"},
		{"a second value is refused", `{"a":1} {}`, "after the JSON value"},
		{"a cut document is refused", `{"a":1`, "too early"},
		{"nothing is refused", ``, "too early"},
		{"deep nesting is refused", strings.Repeat(`{"l":[`, 20) + strings.Repeat(`]}`, 20), "deeper"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode[doc]([]byte(tt.in))
			if tt.fault == "" && err != nil {
				t.Fatalf("refused: %v", err)
			}
			if tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
				t.Fatalf("got %v, want an error about %q", err, tt.fault)
			}
		})
	}
}

// FuzzDecode: whatever is accepted means the same after a round trip.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":"x","m":{"k":1},"l":[{"a":2}]}`))
	f.Add([]byte(`{"a":1,"A":2}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := Decode[doc](in)
		if err != nil {
			return
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		w, err := Decode[doc](again)
		if err != nil {
			t.Fatalf("%s became %s, which is refused: %v", in, again, err)
		}
		third, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again, third) {
			t.Fatalf("%s is not stable: %s, then %s", in, again, third)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	one := doc{A: 7, B: strings.Repeat("x", 600), M: map[string]int{"k": 1}}
	all := doc{L: make([]doc, 256)}
	for i := range all.L {
		all.L[i] = one
	}
	data, err := json.Marshal(all)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Decode[doc](data); err != nil {
			b.Fatal(err)
		}
	}
}
