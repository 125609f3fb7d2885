// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
)

// generations is the middle of two rollovers: two generations of a line below one
// root, and a third below the root to come. All three have clients out there.
func generations(t *testing.T) Files {
	t.Helper()
	w := newWorld(t)
	root1 := w.authority("root-g1", "ecdsa-p256", nil)
	g1 := w.authority("issuing-g1", "ecdsa-p384", root1)
	g2 := w.authority("issuing-g2", "rsa-2048", root1)
	root2 := w.authority("root-g2", "ecdsa-p521", nil)
	g3 := w.authority("issuing-g3", "ed25519", root2)

	f := Files{Host: host}
	f.Server, _ = w.holder(host, g1, "server")
	c1, _ := w.holder("client-of-g1", g1, "client")
	c2, _ := w.holder("client-of-g2", g2, "client")
	w.legacy = true
	c3, _ := w.holder("client-of-g3", g3, "client")
	f.Clients = []Holder{c1, c2, c3}
	revoked, serial := w.holder("revoked-of-g2", g2, "client")
	w.revoke(g2, serial, ca.KeyCompromise)
	held, serial := w.holder("held-of-g1", g1, "client")
	w.revoke(g1, serial, ca.CertificateHold)
	lost, serial := w.holder("revoked-of-g3", g3, "client")
	w.revoke(g3, serial, ca.Superseded)
	server, _ := w.holder("server-only", g1, "server")
	f.Refused = []Holder{revoked, held, lost, server}
	dir := t.TempDir()
	f.Bundle = w.file(filepath.Join(dir, "bundle.pem"), w.bundle())
	f.CRLs = w.file(filepath.Join(dir, "crls.pem"), w.crls())
	f.Stores = w.stores()
	return f
}

// Every server lets in the clients of every generation and nobody else (R7, its
// servers), and the bench itself would notice if it were not so.
func TestServersAndClientsMeetOnTheFilesOfThreeGenerations(t *testing.T) {
	t.Parallel()
	b := open(t, generations(t))
	all := b.sentences()
	for _, fault := range b.faults(all) {
		t.Error(fault)
	}
	// Each sentence turned round is a fault; of two servers, for speed.
	var untrue []sentence
	for _, s := range all {
		if s.server.name != daemons[0].name && !s.server.sql {
			continue
		}
		if s.want == admitted {
			s.want = refused
		} else {
			s.want = admitted
		}
		untrue = append(untrue, s)
	}
	if found := b.faults(untrue); len(found) != len(untrue) {
		t.Errorf("of %d sentences that are not true only %d were found:\n%s", len(untrue), len(found), strings.Join(found, "\n"))
	}
}
