// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"fmt"
	"slices"
	"testing"
)

func TestAListScopeIsSaidAndReadInOneWay(t *testing.T) {
	for text, want := range map[string]ListScope{"complete": CompleteList, "delta": DeltaList, "arl": AuthorityList, "shard:0": "s0", "shard:127": "s127"} {
		got, err := ParseListScope(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is read as %q (%v) and said as %s", text, got, err, got)
		}
		name := ListName("issuing-g1", want)
		if authority, scope, ok := SplitListName(name); !ok || authority != "issuing-g1" || scope != want {
			t.Errorf("the name %s is of %s, %q: %t", name, authority, scope, ok)
		}
	}
	for _, text := range []string{"", "s", "shard:", "shard:128", "shard:-1", "shard:01", "shard:+1", "Delta", "s1.s1", "delta."} {
		if got, err := ParseListScope(text); err == nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
	for _, name := range []string{"", ".delta", "a.", "a.b", "a.s128", "a.delta.delta", "a.delta."} {
		if _, _, ok := SplitListName(name); ok {
			t.Errorf("%q is taken for the name of a list", name)
		}
	}
}

// RV-04: the random bits of a serial number choose the shard, once and for all.
func TestTheShardOfACertificateFollowsFromItsSerialNumber(t *testing.T) {
	a := Authority{Name: "issuing-g1", Kind: Issuing, CRL: "http://ca.example/pki/issuing-g1.crl", Shards: 16}
	for serial, want := range map[Serial]string{
		"410001000000000102030405060708090a0b0c": "http://ca.example/pki/issuing-g1.s12.crl",
		"41000100000000ffffffffffffffffffffffff": "http://ca.example/pki/issuing-g1.s15.crl",
		"01":                                     "http://ca.example/pki/issuing-g1.s1.crl",
		"800000000000000011":                     "http://ca.example/pki/issuing-g1.s1.crl",
	} {
		if got := a.ListAddress(ShardList(ShardOf(serial.Bytes(), a.Sharded()))); got != want {
			t.Errorf("%s names %s, not %s", serial, got, want)
		}
	}
	counts := make([]int, 7)
	for i := range 7000 {
		counts[ShardOf([]byte(fmt.Sprintf("%020d", i*7919)), 7)]++
	}
	if slices.Min(counts) < 500 {
		t.Errorf("the shards fill unevenly: %v", counts)
	}
	for _, one := range []Authority{
		{Name: "issuing-g1", Kind: Issuing, CRL: a.CRL, Shards: 1},
		{Name: "issuing-g1", Kind: Issuing, CRL: "http://old.example/crl.pem", Shards: 16},
		{Name: "issuing-g1", Kind: Issuing, Shards: 16},
	} {
		if one.Sharded() != 0 || len(one.ListScopes()) != 2 {
			t.Errorf("%+v has the lists %v", one, one.ListScopes())
		}
	}
	root := Authority{Name: "root-g1", Kind: Root, CRL: "http://ca.example/pki/root-g1.crl", Shards: 1}
	if got := root.ListScopes(); !slices.Equal(got, []ListScope{CompleteList, AuthorityList}) {
		t.Errorf("a root has the lists %v", got)
	}
	if got := a.ListScopes(); len(got) != 18 || got[0] != CompleteList || got[17] != "s15" {
		t.Errorf("an authority of 16 shards has the lists %v", got)
	}
}
