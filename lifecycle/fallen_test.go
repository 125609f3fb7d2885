// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"
	"testing"
	"time"

	"chancery/ca"
)

// What is below a revoked authority is to be replaced, for as long as that one could have
// something valid below it.
func TestBK06_OnlyGenerationsThatHaveNotEndedAreCounted(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	one := func(name, parent string, end time.Time) ca.Authority {
		return ca.Authority{Name: name, Parent: parent, Kind: ca.Issuing, Key: ca.Digest{1}, NotAfter: end}
	}
	root, middle := one("root-g1", "root-g1", now.AddDate(9, 0, 0)), one("middle-g1", "root-g1", now.AddDate(2, 0, 0))
	middle.Revoked = []ca.AuthorityRevocation{{By: "root-g1"}}
	all := []ca.Authority{root, middle, one("a-g1", "middle-g1", now), one("b-g1", "middle-g1", now.Add(-time.Second)), one("c-g1", "root-g1", now.AddDate(1, 0, 0))}
	if got, want := toReplace(all, now), []string{"a-g1", "middle-g1"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
