// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"chancery/ca"
)

// PF-03, PF-04: forms of names and patterns.
func TestNames(t *testing.T) {
	ask := func(names ...ca.Name) func(*wish) { return func(w *wish) { w.csr.Names, w.csr.Subject = names, nil } }
	dns := func(v string) ca.Name { return ca.Name{Type: ca.DNS, Value: v} }
	ip := func(v string) ca.Name { return ca.Name{Type: ca.IP, Value: v} }
	email := func(v string) ca.Name { return ca.Name{Type: ca.Email, Value: v} }
	uri := func(v string) ca.Name { return ca.Name{Type: ca.URI, Value: v} }
	wild := func(name string) func(*wish) {
		return func(w *wish) { ask(dns(name))(w); w.profile.Names.Wildcards = true }
	}
	run(t, []trial{
		{"a whole name", ask(dns("lab.example")), "", ""},
		{"below", ask(dns("a.lab.example")), "", ""},
		{"far below", ask(dns("a.b.c.lab.example")), "", ""},
		{"as many as allowed", ask(dns("a.lab.example"), ip("10.1.2.3"), email("x@lab.example")), "", ""},
		{"one more than allowed", ask(dns("a.lab.example"), dns("b.lab.example"), dns("c.lab.example"), dns("d.lab.example")), ca.E2109, ""},
		{"PF-04: a neighbour that ends alike", ask(dns("evillab.example")), ca.E2107, "dns[0]"},
		{"PF-04: a name that begins alike", ask(dns("lab.example.evil.example")), ca.E2107, "dns[0]"},
		{"above", ask(dns("example")), ca.E2107, "dns[0]"},
		{"PF-03: the third name, second of its type", ask(dns("a.lab.example"), ip("10.1.2.3"), dns("evil.example")), ca.E2107, "dns[1]"},
		{"PF-04: capitals", ask(dns("A.lab.example")), ca.E2110, "dns[0]"},
		{"PF-04: a dot at the end", ask(dns("a.lab.example.")), ca.E2110, "dns[0]"},
		{"PF-04: NUL", ask(dns("a.lab.example\x00.evil.example")), ca.E2110, "dns[0]"},
		{"PF-04: the pattern itself, without wildcards", ask(dns("*.lab.example")), ca.E2107, "dns[0]"},
		{"a wildcard", wild("*.lab.example"), "", ""},
		{"a wildcard further below", wild("*.a.lab.example"), "", ""},
		{"PF-04: a wildcard above", wild("*.example.org"), ca.E2107, "dns[0]"},
		{"PF-04: a wildcard over a whole name's neighbours", func(w *wish) {
			wild("*.lab.example")(w)
			w.profile.Names.DNS = []string{"lab.example", "a.lab.example"}
		}, ca.E2107, "dns[0]"},
		{"PF-04: a wildcard within", wild("a.*.lab.example"), ca.E2110, "dns[0]"},
		{"PF-04: half a wildcard", wild("a*.lab.example"), ca.E2110, "dns[0]"},
		{"any name", func(w *wish) { ask(dns("a.anything.example"))(w); w.profile.Names.DNS = []string{"*"} }, "", ""},
		{"one address", ask(ip("192.0.2.7")), "", ""},
		{"the next address", ask(ip("192.0.2.8")), ca.E2107, "ip[0]"},
		{"an address in a prefix", ask(ip("fd12::1")), "", ""},
		{"an address outside", ask(ip("11.0.0.1")), ca.E2107, "ip[0]"},
		{"PF-04: a mapped address", ask(ip("::ffff:10.0.0.1")), ca.E2110, "ip[0]"},
		{"PF-04: an address in another spelling", ask(ip("FD00::1")), ca.E2110, "ip[0]"},
		{"PF-03: an address as a DNS name", ask(dns("10.0.0.1")), ca.E2110, "dns[0]"},
		{"mail of the domain", ask(email("hana@lab.example")), "", ""},
		{"a whole address", ask(email("ca@other.example")), "", ""},
		{"another address there", ask(email("cb@other.example")), ca.E2107, "email[0]"},
		{"mail of a domain below", ask(email("hana@a.lab.example")), ca.E2107, "email[0]"},
		{"mail of a neighbour", ask(email("hana@evillab.example")), ca.E2107, "email[0]"},
		{"a URI below", ask(uri("https://lab.example/a/b")), "", ""},
		{"a URI beside", ask(uri("https://lab.example/ab")), ca.E2107, "uri[0]"},
		{"a URI of another host", ask(uri("https://lab.example.evil.example/a/")), ca.E2107, "uri[0]"},
		{"a URI that climbs", ask(uri("https://lab.example/a/../b")), ca.E2110, "uri[0]"},
		{"a URI that climbs in disguise", ask(uri("https://lab.example/a/%2e%2e/b")), ca.E2110, "uri[0]"},
		{"PF-03: a type without patterns", func(w *wish) { ask(ip("10.0.0.1"))(w); w.profile.Names.IP = nil }, ca.E2107, "ip[0]"},
		{"PF-03: a type nobody knows", ask(ca.Name{Type: "upn", Value: "x@lab.example"}), ca.E2110, ""},
		{"no type", ask(ca.Name{Value: "a.lab.example"}), ca.E2110, ""},
	})
}

// R132: names without a public suffix, single labels and private addresses.
func TestR132_NamesOfPrivateNetworks(t *testing.T) {
	for _, n := range []ca.Name{{Type: ca.DNS, Value: "nas"}, {Type: ca.DNS, Value: "nas.lan"}, {Type: ca.DNS, Value: "nas.home.arpa"}, {Type: ca.DNS, Value: "db.corp.internal"},
		{Type: ca.IP, Value: "10.1.2.3"}, {Type: ca.IP, Value: "172.16.0.1"}, {Type: ca.IP, Value: "192.168.1.1"}, {Type: ca.IP, Value: "fd00::1"}, {Type: ca.Email, Value: "root@nas"}} {
		w := good()
		w.csr.Subject, w.csr.Names = nil, []ca.Name{n}
		w.profile.Names = ca.NameRules{Max: 1, DNS: []string{"nas", "*.lan", "*.home.arpa", "*.internal"}, IP: []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"}, Email: []string{"@nas"}}
		if err := Check(w.profile); err != nil {
			t.Fatal(err)
		}
		if _, err := w.vet(); err != nil {
			t.Errorf("%v: %v", n, err)
		}
	}
}

func TestHowFarAWildcardReachesIsTold(t *testing.T) {
	_, notices := draft(t, func(w *wish) {
		w.profile.Names.Wildcards, w.csr.Subject = true, nil
		w.csr.Names = []ca.Name{{Type: ca.DNS, Value: "*.lab.example"}}
	})
	if !says(notices, "*.lab.example stands for one label: a.lab.example, and neither a.b.lab.example nor lab.example itself") {
		t.Errorf("notices are %q", notices)
	}
}

// R53, R54: a request without names gets one of its common name where the profile says
// so, and is refused before anything is issued where not.
func TestPF02_EveryCertificateCarriesAName(t *testing.T) {
	none := func(cn string, from bool) func(*wish) {
		return func(w *wish) {
			w.csr.Names, w.profile.Names.FromCN = nil, from
			w.csr.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: cn}}
		}
	}
	run(t, []trial{
		{"no names, and no common name taken", none("nas.lab.example", false), ca.E2106, ""},
		{"no names and no common name", func(w *wish) { w.csr.Names, w.csr.Subject, w.profile.Names.FromCN = nil, nil, true }, ca.E2106, ""},
		{"the common name", none("nas.lab.example", true), "", ""},
		{"a common name that is a person", none("Hana Horn", true), ca.E2106, "subject.CN"},
		{"a common name that is an address", none("10.0.0.1", true), ca.E2106, "subject.CN"},
		{"a common name not allowed", none("evil.example", true), ca.E2107, "subject.CN"},
		{"a wildcard as common name", none("*.lab.example", true), ca.E2107, "subject.CN"},
	})
	d, notices := draft(t, none("NAS.lab.example", true))
	if len(d.Names) != 1 || d.Names[0] != (ca.Name{Type: ca.DNS, Value: "nas.lab.example"}) || !says(notices, "taken as the DNS name") {
		t.Errorf("names %v, notices %q", d.Names, notices)
	}
}
