// SPDX-License-Identifier: Apache-2.0

package strict

import (
	"errors"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Common string `json:"common_name"`
}

type outer struct {
	inner
	Name  string           `json:"name"`
	Deep  *inner           `json:"deep,omitempty"`
	All   []inner          `json:"all"`
	Named map[string]inner `json:"named"`
	At    time.Time        `json:"at"`
	None  string           `json:"-"`
}

// An unknown member is named with the way to it, and with the one that was most likely meant.
func TestAnUnknownMemberIsNamedWithTheNearest(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"nmae":"x"}`:                                "nmae name",
		`{"common_nam":"x"}`:                          "common_nam common_name",
		`{"deep":{"comon_name":"x"}}`:                 "deep.comon_name common_name",
		`{"all":[{"common_name":"x"},{"name":"x"}]}`:  "all[1].name ",
		`{"named":{"a":{"common_name":"x","b":"y"}}}`: "named.a.b ",
		`{"At":"2026-01-01T00:00:00Z","-":1}`:         "- ",
	} {
		_, err := Decode[outer]([]byte(in))
		var got *UnknownError
		if !errors.As(err, &got) || got.Member+" "+got.Near != want || len(got.Known) == 0 || !strings.Contains(got.Error(), got.Member) {
			t.Errorf("%s: %v %+v", in, err, got)
		}
	}
	if got := strings.Join(Members[outer](), " "); got != "all at common_name deep name named" {
		t.Errorf("the members are %s", got)
	}
}
