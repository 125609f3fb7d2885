// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"bytes"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/encode"
	"chancery/internal/hierarchy"
	"chancery/policy"
)

// anchored makes an issuing authority without constraints of its own below one that has
// them; vetted by our policy, or as it was asked for.
func anchored(t *testing.T, vetted bool) ca.Authority {
	t.Helper()
	c := newChain(t, [3][]string{{}, {"dns:lab.example", "!dns:secret.lab.example"}, {}})
	up := c.certs[1]
	up.Constraints = c.limit
	d := hierarchy.RootDraft(t, "ecdsa-p256")
	d.Subject = ca.Subject{{OID: ca.OIDCountry, Value: "DE"}, {OID: ca.OIDOrganization, Value: "Lab"}, {OID: ca.OIDCommonName, Value: "Lab issuing-g1"}}
	d.Serial, d.PathLen, d.Use, d.Issuer = "41"+ca.Serial(strings.Repeat("7", 36)), 0, []string{"server", "client"}, &up
	d.NotBefore, d.NotAfter = today(), today().AddDate(0, 6, 0)
	if vetted {
		var err error
		if d, _, err = policy.VetAuthority(d, "ecdsa-p256", today()); err != nil {
			t.Fatal(err)
		}
	}
	return hierarchy.Authority(t, "issuing-g1", "ecdsa-p256", d)
}

// R16, PF-05: who holds the issuing authority for an anchor, and nothing above it, refuses
// a leaf outside the constraints above it, whoever misuses its key: OpenSSL, which curl
// asks too, GnuTLS and Go. Without what is inherited they accept it. Java never looks at
// the constraints of an anchor, which only a bundle of roots helps against.
func TestR16_PF05_AnchorsObeyWhatStandsAboveThem(t *testing.T) {
	var java []string
	for _, vetted := range []bool{false, true} {
		a := anchored(t, vetted)
		issuer, err := encode.NewIssuer(a)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		anchor := writePEM(t, filepath.Join(dir, "anchor.pem"), a.Certificate)
		for name, allowed := range map[string]bool{"nas.lab.example": true, "evil.test": false, "a.secret.lab.example": false} {
			l := newLeaf(t, issuer, "O=Lab", "dns:"+name)
			leaf := writePEM(t, filepath.Join(dir, name+".pem"), l.der)
			for tool, args := range map[string][]string{
				"openssl":  {"verify", "-x509_strict", "-partial_chain", "-CAfile", anchor, leaf},
				"certtool": {"--verify", "--load-ca-certificate", anchor, "--infile", leaf},
			} {
				out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
				if _, exited := err.(*exec.ExitError); err != nil && !exited {
					t.Fatal(err)
				}
				if accepts := err == nil && !bytes.Contains(out, []byte("Not verified")); accepts != (allowed || !vetted) {
					t.Errorf("%s below an anchor that inherits %v: %s accepts %v\n%s", name, vetted, tool, accepts, out)
				}
			}
			if accepts := inGo(t, a, l); accepts != (allowed || !vetted) {
				t.Errorf("%s below an anchor that inherits %v: crypto/x509 accepts %v", name, vetted, accepts)
			}
			own := filepath.Join(dir, "java-"+name)
			if err := os.Mkdir(own, 0o700); err != nil {
				t.Fatal(err)
			}
			writePEM(t, filepath.Join(own, "leaf.pem"), l.der)
			writePEM(t, filepath.Join(own, "middle.pem"))
			writePEM(t, filepath.Join(own, "root.pem"), a.Certificate)
			java = append(java, own)
		}
	}
	for i, accepts := range javaVerdicts(t, java) {
		if !accepts {
			t.Errorf("Java refuses %s: it looks at the constraints of anchors after all, and docs/name-constraints.md says that it does not", java[i])
		}
	}
}

func inGo(t *testing.T, anchor ca.Authority, l leaf) bool {
	t.Helper()
	a, err1 := x509.ParseCertificate(anchor.Certificate)
	leaf, err2 := x509.ParseCertificate(l.der)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: pool})
	return err == nil
}
