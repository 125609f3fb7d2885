// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"testing"

	"chancery/access"
	"chancery/ca"
)

// PF-09: whoever enrols under a profile cannot change it.
func TestPF09_NoRequesterChangesAProfile(t *testing.T) {
	for _, a := range []access.Action{access.SignPolicy, access.DraftPolicy, access.Found} {
		if access.Allow([]ca.Role{ca.Requester}, a) == nil {
			t.Errorf("a requester may %s", a)
		}
	}
	// Who puts one in force does not ask for certificates by that role.
	if access.Allow([]ca.Role{ca.SecurityAdmin}, access.Submit) == nil {
		t.Error("a security administrator may submit")
	}
}
