// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/config"
	"chancery/policy"
)

// cluster are the profiles of the Kubernetes set, by name.
func cluster(t *testing.T) map[string]ca.Profile {
	t.Helper()
	documents, err := policy.ShippedSet("kubernetes", []string{"lab.example", "*.lab.example"})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]ca.Profile{}
	for _, d := range documents {
		p, err := policy.Load([]byte(d.Document), config.Profile)
		if err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		out[d.Name] = p
	}
	return out
}

// judged asks for a subject and names under a profile, with grants for them or without.
func judged(p ca.Profile, subject ca.Subject, names []ca.Name, granted bool) (ca.Draft, error) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	q := ca.Request{ID: "r", Door: ca.DoorCLI, From: ca.Actor{ID: "uid:1", Method: "peer", UID: 1}, Profile: p.Name, Digest: p.Digest, CSR: []byte("r"), At: now}
	c := ca.CSR{Raw: q.CSR, SPKI: []byte("k"), Key: ca.Digest{1}, KeyType: "ecdsa-p256", Bits: 256, Subject: subject, Names: names}
	rules := policy.Rules{Profile: p, Authority: ca.Authority{
		Name: "issuing-g1", Line: p.Line, Kind: ca.Issuing, State: ca.Active, Use: policy.ShippedUse("kubernetes"), NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(5, 0, 0),
	}}
	if granted {
		rules.Grants = []policy.Grant{{To: "uid:1", Profiles: []string{p.Name}, DNS: []string{"*"}, IP: []string{"0.0.0.0/0"}, Email: []string{"@lab.example"}}}
	}
	cleared, err := policy.Vet(rules, q, c, now)
	if err != nil {
		return ca.Draft{}, err
	}
	return cleared.Draft(), nil
}

func named(subject ...string) (s ca.Subject) {
	for i, oid := range []string{ca.OIDCommonName, ca.OIDOrganization} {
		if subject[i] != "" {
			s = append(s, ca.Attribute{OID: oid, Value: subject[i]})
		}
	}
	return s
}

func hostsOf(values string) (out []ca.Name) {
	for v := range strings.FieldsSeq(values) {
		t := ca.DNS
		switch {
		case strings.Contains(v, "@"):
			t = ca.Email
		case strings.HasPrefix(v, "10.") || strings.HasPrefix(v, "127."):
			t = ca.IP
		}
		out = append(out, ca.Name{Type: t, Value: v})
	}
	return out
}

// Each row of the tables of "PKI certificates and requirements" of Kubernetes' documentation
// has its profile, which gives the common name, the group and the purposes of the row. Where
// the page leaves the name to us, administrators are told apart by their addresses; where it
// has clients without names, theirs is that of their machine.
func TestEachCertificateOfAKubernetesClusterHasItsProfile(t *testing.T) {
	const machine = "cp1.lab.example"
	all := cluster(t)
	seen := map[string]bool{"server": true, "client": true} // of ingresses, and of whoever bindings name
	for _, row := range []struct{ profile, cn, o, kind, hosts string }{
		{"etcd", "kube-etcd", "", "server client", machine + " 10.0.0.5 localhost 127.0.0.1"},
		{"etcd-peer", "kube-etcd-peer", "", "server client", machine + " 10.0.0.5 localhost 127.0.0.1"},
		{"etcd-healthcheck", "kube-etcd-healthcheck-client", "", "client", machine},
		{"etcd-client", "kube-apiserver-etcd-client", "", "client", machine},
		{"apiserver", "kube-apiserver", "", "server", machine + " 10.0.0.5 10.96.0.1 kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster kubernetes.default.svc.cluster.local"},
		{"kubelet-client", "kube-apiserver-kubelet-client", "kubeadm:cluster-admins", "client", machine},
		{"front-proxy", "front-proxy-client", "", "client", machine},
		{"admin", "hana@lab.example", "kubeadm:cluster-admins", "client", "hana@lab.example"},
		{"super-admin", "hana@lab.example", "system:masters", "client", "hana@lab.example"},
		{"node", "system:node:n1.lab.example", "system:nodes", "client", "n1.lab.example"},
		{"controller-manager", "system:kube-controller-manager", "", "client", machine},
		{"scheduler", "system:kube-scheduler", "", "client", machine},
	} {
		p, ok := all[row.profile]
		seen[row.profile] = true
		if !ok {
			t.Errorf("there is no profile %s", row.profile)
			continue
		}
		d, err := judged(p, named(row.cn, row.o), hostsOf(row.hosts), true)
		if err != nil || d.Subject.Get(ca.OIDCommonName) != row.cn || d.Subject.Get(ca.OIDOrganization) != row.o || strings.Join(d.Use, " ") != row.kind || !slices.Equal(d.Names, hostsOf(row.hosts)) {
			t.Errorf("%s gives %v, %v for %q, %v", row.profile, d.Subject, d.Use, d.Names, err)
		}
		var refused *ca.Problem
		if _, err := judged(p, named(row.cn, row.o), hostsOf(row.hosts), false); row.kind != "server" && (!errors.As(err, &refused) || refused.Code != ca.E2124) {
			t.Errorf("%s asks for no grant: %v", row.profile, err)
		}
	}
	for name := range all {
		if !seen[name] {
			t.Errorf("profile %s is for no certificate of the page", name)
		}
	}
}

// PF-09: nobody becomes a part of the cluster, or a member of its groups, by asking for it.
func TestPF09_NobodyWithoutAGrantIsAPartOfTheCluster(t *testing.T) {
	for name, p := range cluster(t) {
		for _, cn := range []string{"system:node:n1.lab.example", "system:kube-scheduler", "n1.lab.example", "hana@lab.example", ""} {
			for _, o := range []string{"system:masters", "system:nodes", ""} {
				d, err := judged(p, named(cn, o), hostsOf(map[bool]string{true: cn, false: "n1.lab.example"}[strings.Contains(cn, "@")]), false)
				if err == nil && (strings.Contains(d.Subject.String(), "system:") || d.Subject.Get(ca.OIDOrganization) != "") {
					t.Errorf("%s gives %v to whoever asked for %q of %q", name, d.Subject, cn, o)
				}
			}
		}
	}
}

// A node is called by its own name; a kubelet's request without alternative names is taken.
func TestANodeIsCalledByItsName(t *testing.T) {
	p := cluster(t)["node"]
	for _, c := range []struct {
		cn, names string
		want      ca.Code
	}{
		{"system:node:n1.lab.example", "", ""},
		{"system:node:N1.lab.example", "n1.lab.example", ""},
		{"system:node:n2.lab.example", "n1.lab.example", ca.E2120},
		{"n1.lab.example", "n1.lab.example", ca.E2120},
		{"system:node:", "n1.lab.example", ca.E2120},
		{"system:node:system:node:n1.lab.example", "n1.lab.example", ca.E2120},
		{"system:node:n1.other.example", "", ca.E2107},
	} {
		d, err := judged(p, named(c.cn, "system:nodes"), hostsOf(c.names), true)
		var refused *ca.Problem
		errors.As(err, &refused)
		if (err == nil) != (c.want == "") || refused != nil && refused.Code != c.want || err == nil && d.Subject.Get(ca.OIDCommonName) != "system:node:n1.lab.example" {
			t.Errorf("%q with %q: %v, %v", c.cn, c.names, d.Subject, err)
		}
	}
}
