// SPDX-License-Identifier: Apache-2.0

package strict

import (
	"errors"
	"testing"
)

func TestWhatIsLeftOutIsNoChoice(t *testing.T) {
	type inner struct {
		Reason string `json:"reason"`
	}
	type body struct {
		inner
		Days   int      `json:"days"`
		Names  []string `json:"names,omitempty"`
		Hidden string   `json:"-"`
	}
	for in, missing := range map[string]string{
		`{"reason":"x","days":0}`:              "",
		`{"reason":"","days":1,"names":["a"]}`: "",
		`{"days":1}`:                           "reason",
		`{"reason":null,"days":1}`:             "reason",
		`{"reason":"x"}`:                       "days",
		`{}`:                                   "reason",
		`null`:                                 "reason",
	} {
		_, err := Whole[body]([]byte(in))
		var m *MissingError
		if errors.As(err, &m) != (missing != "") || m != nil && m.Member != missing || m == nil && err != nil {
			t.Errorf("%s: %v, want missing %q", in, err, missing)
		}
	}
	if _, err := Whole[map[string]int]([]byte(`{}`)); err != nil {
		t.Error(err)
	}
	if _, err := Whole[body]([]byte(`{"reason":"x","days":1,"else":1}`)); err == nil {
		t.Error("an unknown member is taken")
	}
}
