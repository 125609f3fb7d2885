// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"testing"

	"chancery/ca"
)

func TestWhatABundleChangesIsTold(t *testing.T) {
	before := Bundle{
		Version: 1, Accounts: map[int][]ca.Role{0: {ca.Auditor}, 7: {ca.Requester}},
		Profiles: []Document{{Name: "server", Document: "a"}, {Name: "client", Document: "b"}},
		Grants:   []Grant{{To: "uid:7", Profiles: []string{"server"}, DNS: []string{"a.example"}}},
		SignIns:  []SignIn{{Key: ca.Digest{1}, UID: 7}}, RefusedKeys: []ca.Digest{{2}}, Exceptions: []string{"old"},
	}
	after := Bundle{
		Version: 2, Accounts: map[int][]ca.Role{0: {ca.Auditor, ca.Requester}},
		Profiles: []Document{{Name: "server", Document: "c"}, {Name: "device", Document: "b"}},
		Grants:   []Grant{{To: "uid:7", Profiles: []string{"server"}, DNS: []string{"a.example", "b.example"}}},
		SignIns:  []SignIn{{Issuer: ca.Digest{3}, Serial: "0a", UID: 7}}, RefusedKeys: []ca.Digest{{2}, {4}}, OCSPByAuthority: []string{"issuing-g1"}, Exceptions: []string{"old"},
	}
	want := []string{
		"account 0 has auditor, requester", "account 7 has no role any more",
		"profile client removed", "profile device added", "profile server changed",
		"grant to uid:7 of a.example for server removed", "grant to uid:7 of a.example, b.example for server added",
		"sign-in by the certificate 0a of " + ca.Digest{3}.String() + " for account 7 added", "sign-in by the key " + ca.Digest{1}.String() + " for account 7 removed",
		"refused key " + ca.Digest{4}.String() + " added", "OCSP of issuing-g1 by its own key added",
	}
	if got := Changes(before, after); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if got := Changes(before, before); len(got) != 0 {
		t.Errorf("of nothing: %q", got)
	}
}
