// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/client"
	"chancery/internal/csr"
	"chancery/policy"
	"chancery/signer/wire"
)

// asked has the signer judge a request that no front has: by the rules that know
// nothing of the chain.
func (h hand) asked(path, authority string) ca.Answer {
	h.t.Helper()
	l := layout{h.dir}
	var all []ca.Authority
	var profiles []ca.Profile
	err := call(h.t.Context(), l.socket("admin"), func(ctx context.Context, k *client.Client) (err error) {
		if all, err = k.Authorities(ctx); err == nil {
			profiles, err = k.Profiles(ctx)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	der, err := csr.Decode(file)
	if err != nil {
		h.t.Fatal(err)
	}
	parsed, err := csr.Parse(der)
	if err != nil {
		h.t.Fatal(err)
	}
	p := profiles[slices.IndexFunc(profiles, func(p ca.Profile) bool { return p.Name == "server" })]
	a := all[slices.IndexFunc(all, func(a ca.Authority) bool { return a.Name == authority })]
	q := ca.Request{
		ID: ca.RequestID("asked-" + rand.Text()), Door: ca.DoorCLI, From: ca.Actor{ID: "uid:0", Method: "peer"}, Profile: p.Name, Digest: p.Digest, CSR: der, At: time.Now(),
	}
	cleared, err := policy.Vet(policy.Rules{Profile: p, Authority: a}, q, parsed.CSR, time.Now())
	if err != nil {
		h.t.Fatalf("without its chain: %v", err)
	}
	b := &bridge{client: wire.Dial(dialPath(l.socket("sign"))), boot: rand.Text()}
	var s ca.Status
	if err := json.Unmarshal([]byte(h.done("status", "--json").out), &s); err != nil {
		h.t.Fatal(err)
	}
	// The front takes the session back within a second.
	for range 20 {
		if _, err := b.Hello(h.t.Context(), s.DatabaseID, s.Mark); err != nil {
			h.t.Fatal(err)
		}
		answers, err := b.Sign(h.t.Context(), []policy.Cleared{cleared})
		if err == nil {
			return answers[0]
		}
	}
	h.t.Fatal("the signer does not judge")
	return ca.Answer{}
}

// PF-05, PF-06: what a dry run promises the signer keeps: the constraints and the
// earliest end of the whole chain are known to the front as well.
func TestPF05_PF06_ADryRunKnowsTheWholeChain(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	words := h.file("words")
	h.done("ca", "create", "issuing-g2", "--names", "dns:nas.lab.example", "--yes", "--recovery-file", words)
	h.done("ca", "activate", "issuing-g2", "--yes")
	h.done("ca", "renew", "root-g1", "--days", "40", "--confirm", "root-g1", "--yes", "--recovery-file", words)
	h.serve()
	web, nas := h.request("web.lab.example"), h.request("nas.lab.example")
	said := h.refused("E2114", "sign", web, "--dry-run")
	a := h.asked(web, "issuing-g2")
	if a.Problem == nil || a.Problem.Code != ca.E2114 {
		t.Fatalf("the signer says %+v", a.Problem)
	}
	for _, part := range []string{a.Problem.Detail, a.Problem.Why, a.Problem.Fix} {
		if !strings.Contains(said.err, part) {
			t.Errorf("the dry run does not say %q as the signer does: %s%s", part, said.out, said.err)
		}
	}

	var plan ca.Plan
	if err := json.Unmarshal([]byte(h.done("sign", nas, "--dry-run", "--json").out), &plan); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(h.done("sign", nas).out))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode([]byte(h.done("ca", "show", "root-g1", "-o", "pem").out))
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Draft.NotAfter.Equal(leaf.NotAfter) || !leaf.NotAfter.Equal(root.NotAfter) || len(plan.Notices) == 0 {
		t.Errorf("the plan ends %v (%q), the certificate %v, the root %v", plan.Draft.NotAfter, plan.Notices, leaf.NotAfter, root.NotAfter)
	}
}
