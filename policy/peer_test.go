// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"testing"

	"chancery/ca"
)

func TestPR03_TheBundleSaysWhatAnAccountMayDo(t *testing.T) {
	all := []ca.Role{ca.SystemAdmin, ca.CAAdmin, ca.SecurityAdmin, ca.Requester, ca.Auditor}
	solo := Bundle{Assurance: ca.Solo, UID: 1000, Accounts: map[int][]ca.Role{1000: all, 1001: {ca.Requester}}}
	rootMapped := Bundle{Assurance: ca.Solo, UID: 1000, Accounts: map[int][]ca.Role{1000: all, 0: {ca.SystemAdmin}}}
	apart := Bundle{Assurance: ca.Separated, UID: 1000, Accounts: map[int][]ca.Role{1000: {ca.SystemAdmin, ca.Requester}, 1001: {ca.CAAdmin}}}
	for _, c := range []struct {
		name string
		b    Bundle
		uid  int
		want []ca.Role
	}{
		{"who founded", solo, 1000, all},
		{"who is mapped", solo, 1001, []ca.Role{ca.Requester}},
		{"who is not", solo, 1002, nil},
		{"nobody", solo, -1, nil},
		{"root, which can become anybody", solo, 0, all},
		{"root, as it is mapped", rootMapped, 0, []ca.Role{ca.SystemAdmin}},
		{"root in a separated installation", apart, 0, []ca.Role{ca.SystemAdmin}},
		{"a system administrator there, nothing beside", apart, 1000, []ca.Role{ca.SystemAdmin}},
		{"any other there", apart, 1001, nil},
		{"root of the zero bundle", Bundle{}, 0, []ca.Role{ca.SystemAdmin}},
	} {
		if got := c.b.PeerRoles(c.uid); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	solo.PeerRoles(1001)[0] = ca.SecurityAdmin
	if !slices.Equal(solo.PeerRoles(1001), []ca.Role{ca.Requester}) {
		t.Error("a caller changed the policy in force")
	}
}
