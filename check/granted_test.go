// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"bytes"
	"encoding/asn1"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
)

// PF-09, SG-02: whatever a profile and a draft agree on, these never stand in what is
// signed on the front's word: not by the encoder, and not by the last look.
func TestPF09_NoGrantMakesAnAuthorityOrAnyPurpose(t *testing.T) {
	for name, oid := range map[string]string{
		"name constraints": "2.5.29.30", "policy constraints": "2.5.29.36", "any policy inhibited": "2.5.29.54", "policy mappings": "2.5.29.33",
		"a second basic constraints": "2.5.29.19", "the old basic constraints": "2.5.29.10", "a second key usage": "2.5.29.15", "a second extended key usage": "2.5.29.37",
		"second names": "2.5.29.17", "a second subject key identifier": "2.5.29.14", "application policies": "1.3.6.1.4.1.311.21.10", "a template": "1.3.6.1.4.1.311.20.2",
		"a directory's identity": "1.3.6.1.4.1.311.25.2", "Netscape's type": "2.16.840.1.113730.1.1", "nobody asks for status": "1.3.6.1.5.5.7.48.1.5",
		"proxies": "1.3.6.1.5.5.7.1.14", "where the issuer is": "1.3.6.1.5.5.7.1.1", "poison": "1.3.6.1.4.1.11129.2.4.3", "timestamps": "1.3.6.1.4.1.11129.2.4.2",
		"addresses": "1.3.6.1.5.5.7.1.7", "networks": "1.3.6.1.5.5.7.1.8",
	} {
		t.Run(name, func(t *testing.T) {
			w := extended(t, "ecdsa-p256")
			// The encoder is made to write it under a number that it knows, and the number is
			// put right afterwards.
			own := w.draft.Extensions[0]
			w.draft.Extensions = []ca.Extension{{OID: oid, Value: []byte{0x30, 0}}}
			w.profile.Extensions.Add, w.profile.Extensions.Take = w.profile.Extensions.Add[1:], []string{oid}
			issuer, err := encode.NewIssuer(w.authority)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := issuer.TBS(w.draft, w.serial); err == nil {
				t.Error("the encoder writes it")
			}
			w.draft.Extensions[0].OID = own.OID
			root := tree(t, build(t, w))
			list := root.kids[len(root.kids)-1].kids[0]
			last := list.kids[len(list.kids)-1]
			id, err := asn1.Marshal(oidOf(t, oid))
			if err != nil {
				t.Fatal(err)
			}
			last.kids[0] = leafNode(6, id[2:]...)
			w.draft.Extensions[0].OID = oid
			if w.check(root.der()) == nil || check.NeverCA(root.der()) == nil {
				t.Error("the check passes it")
			}
		})
	}
}

func oidOf(t *testing.T, text string) (id asn1.ObjectIdentifier) {
	t.Helper()
	for part := range strings.SplitSeq(text, ".") {
		n := 0
		for _, c := range part {
			n = 10*n + int(c-'0')
		}
		id = append(id, n)
	}
	return id
}

// The name of a subject: fields of the profile alone, the authority's own where they
// must match, in the profile's order unless it is the request's.
func TestLeafHoldsTheSubjectAgainstTheProfile(t *testing.T) {
	field := func(oid, value string) ca.Attribute { return ca.Attribute{OID: oid, Value: value} }
	for _, tt := range []struct {
		name    string
		rules   ca.SubjectRules
		subject ca.Subject
		passes  bool
	}{
		{"two units", ca.SubjectRules{Unit: "optional"}, ca.Subject{field(ca.OIDUnit, "a"), field(ca.OIDUnit, "b")}, true},
		{"two organizations", ca.SubjectRules{Organization: "optional"}, ca.Subject{field(ca.OIDOrganization, "a"), field(ca.OIDOrganization, "b")}, false},
		{"in order", ca.SubjectRules{Unit: "optional", Title: "optional"}, ca.Subject{field(ca.OIDUnit, "a"), field(ca.OIDTitle, "b")}, true},
		{"out of order", ca.SubjectRules{Unit: "optional", Title: "optional"}, ca.Subject{field(ca.OIDTitle, "b"), field(ca.OIDUnit, "a")}, false},
		{"in the request's order", ca.SubjectRules{Unit: "optional", Title: "optional", Preserve: true}, ca.Subject{field(ca.OIDTitle, "b"), field(ca.OIDUnit, "a")}, true},
		{"as the authority's", ca.SubjectRules{CommonName: "match"}, ca.Subject{field(ca.OIDCommonName, "Lab Issuing G1")}, true},
		{"not as the authority's", ca.SubjectRules{CommonName: "match"}, ca.Subject{field(ca.OIDCommonName, "Lab Issuing G2")}, false},
		{"an address that is a name", ca.SubjectRules{Email: "copy"}, ca.Subject{field(ca.OIDEmail, "hana@lab.example")}, true},
		{"an address that is none", ca.SubjectRules{Email: "copy"}, ca.Subject{field(ca.OIDEmail, "root@lab.example")}, false},
		{"an address that was to be moved", ca.SubjectRules{Email: "move"}, ca.Subject{field(ca.OIDEmail, "hana@lab.example")}, false},
		{"a field without a rule", ca.SubjectRules{Email: "copy"}, ca.Subject{field("2.5.4.65", "x")}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := good(t, "ecdsa-p256")
			w.profile.Subject, w.draft.Subject = tt.rules, tt.subject
			if err := w.check(build(t, w)); (err == nil) != tt.passes {
				t.Errorf("gave %v", err)
			}
		})
	}
}

// Extensions of a hundred names and more of a profile stay within the bound (LN-01), and
// what does not is refused.
func TestLN01_ExtensionsCountWithinTheBound(t *testing.T) {
	w := extended(t, "ecdsa-p256")
	issuer, err := encode.NewIssuer(w.authority)
	if err != nil {
		t.Fatal(err)
	}
	big := append([]byte{4, 0x82, 0x40, 0}, bytes.Repeat([]byte{1}, 0x4000)...)
	w.draft.Extensions[0].Value = big
	if tbs, err := issuer.TBS(w.draft, w.serial); err == nil {
		t.Errorf("%d octets were written", len(tbs))
	}
}
