// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// Which of several roots this computer shall trust is for the user to say: one from
// elsewhere may sign for anybody.
func TestOfSeveralRootsThoseThatAreNamedAreTrusted(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	nss := h.newNSS("nss")
	h.done("ca", "create", "lab-g1", "--root", "--yes", "--own-recovery-file", h.file("words2"))
	if s := h.refused("E1101", "trust", "install", "--dry-run", "--nss", nss); !strings.Contains(s.err, "root-g1, lab-g1") || !strings.Contains(s.err, "--all") {
		t.Errorf("%s", s.err)
	}
	for args, want := range map[string]int{"--all": 2, "--ca root-g1": 1, "--ca root-g1,lab-g1": 2, "--ca lab-g1 --ca root-g1": 2} {
		if got, _ := h.states(append([]string{"install", "--dry-run", "--nss", nss}, strings.Fields(args)...)...); len(got) != want {
			t.Errorf("%s: %v", args, got)
		}
	}
	h.refused("E2101", "trust", "install", "--nss", nss, "--yes", "--ca", "issuing-g1")
	h.refused("E1101", "trust", "install", "--nss", nss, "--yes", "--all", "--ca", "root-g1")
}

// After an authority was revoked, the refusal names the one that waits.
func TestWhoSignsNoMoreIsFollowedByWhoWaits(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	words := h.file("words")
	if s := h.types("ca", "revoke", "--help"); strings.Contains(s.out, "certificateHold") {
		t.Errorf("help offers a hold:\n%s", s.out)
	}
	h.refused("E2111", "ca", "revoke", "issuing-g1", "--reason", "certificateHold", "--confirm", "issuing-g1", "--recovery-file", words)
	h.done("ca", "rollover", "issuing-g1", "--recovery-file", words, "--yes")
	h.done("ca", "revoke", "issuing-g1", "--reason", "cACompromise", "--confirm", "issuing-g1", "--recovery-file", words)
	for _, args := range [][]string{{"issue", "nas.lab.example", "--dry-run"}, {"issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key")}} {
		if s := h.refused("E3004", args...); !strings.Contains(s.err, "chancery ca activate issuing-g2") {
			t.Errorf("%v: %s", args, s.err)
		}
	}
	if s := h.done("ca", "rollover", "issuing-g1", "--activate", "--yes"); strings.Contains(s.out, "issuing-g1 and issuing-g2") || strings.Contains(s.out, "retiring") {
		t.Errorf("%s", s.out)
	}
}

// A wish about an authority that is there is refused, since nobody would hear it.
func TestNoWishOfAnImportIsPassedOver(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	root := h.newElsewhere("lab-root")
	h.write("g2.csr", h.done("ca", "export-csr", "web-g1", "--subject", "O=Lab,CN=Lab Web CA G1", "--yes").out)
	good := root.signs("g2.csr", "g2.pem", "2000", "11", asAuthority)
	take := []string{"ca", "import-cert", "web-g1", good, "--chain", h.file("lab-root.pem"), "--above", "lab-root", "--yes"}
	h.refused("E1101", append(take, "--days", "10")...)
	h.done(append(take, "--for", "server")...)
	for _, wish := range []string{"--for client", "--line other", "--intermediate", "--standby", "--above other-root"} {
		if s := h.refused("E1101", append(take, strings.Fields(wish)...)...); !strings.Contains(s.err, "is there already") {
			t.Errorf("%s: %s", wish, s.err)
		}
	}
	h.refused("E2602", append(take, "--for", "server")...) // it has this certificate already
}

// What a new authority is for decides which profile is proposed; and its end is kept apart
// from its siblings', also when a rollover makes it.
func TestWhatIsProposedOfANewAuthorityHolds(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	words := h.file("words")
	if s := h.done("ca", "create", "web-g1", "--for", "server", "--recovery-file", words, "--yes"); !strings.Contains(s.out, "profile set server --lines web") {
		t.Errorf("%s", s.out)
	}
	if s := h.done("ca", "create", "code-g1", "--for", "codesign", "--recovery-file", words, "--yes"); strings.Contains(s.out, "profile set") {
		t.Errorf("%s", s.out)
	}
	h.done("ca", "rollover", "issuing-g1", "--recovery-file", words, "--yes")
	h.done("ca", "rollover", "web-g1", "--recovery-file", words, "--yes")
	ends := map[string]bool{}
	for _, name := range []string{"issuing-g1", "issuing-g2", "web-g1", "web-g2", "code-g1"} {
		var one ca.Authority
		if err := json.Unmarshal([]byte(h.done("ca", "show", name, "--json").out), &one); err != nil {
			t.Fatal(err)
		}
		for end := range ends {
			at, err := time.Parse(time.RFC3339, end)
			if err != nil || one.NotAfter.Sub(at).Abs() < 13*24*time.Hour {
				t.Errorf("%s ends on %s, and another on %s", name, one.NotAfter, end)
			}
		}
		ends[one.NotAfter.Format(time.RFC3339)] = true
	}
	if s := h.done("crl", "show", "--ca", "web-g1", "-o", "text"); !strings.HasPrefix(s.out, "Certificate Revocation List (CRL):") {
		t.Errorf("%s", s.out)
	}
}

// Who imports a root hears exactly what its certificate lacks, and nothing that only an
// authority below another could do.
func TestWhatARootLacksIsNamed(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	for extension, want := range map[string]string{
		"basicConstraints=critical,CA:TRUE":                                "has no key usage",
		"basicConstraints=critical,CA:FALSE":                               "CA:FALSE",
		"subjectKeyIdentifier=hash":                                        "no basic constraints",
		"basicConstraints=CA:TRUE":                                         "not critical",
		"basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign":     "lacks keyCertSign",
		"basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign": "lacks cRLSign",
	} {
		h.write("root.cnf", "[req]\ndistinguished_name=d\n[d]\n[x]\n"+extension+"\n")
		h.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch", "-keyout", "er.key", "-out", "er.pem",
			"-subj", "/O=Elsewhere/CN=ER", "-days", "3000", "-config", "root.cnf", "-extensions", "x")
		s := h.refused("E2602", "ca", "import-cert", "er-g1", h.file("er.pem"), "--key", h.file("er.key"), "--none-revoked", "--recovery-file", h.file("words"), "--yes")
		if !strings.Contains(s.err, want) || strings.Contains(s.err, "--resign") || !strings.Contains(s.err, "openssl req -x509") {
			t.Errorf("%s:\n%s", extension, s.err)
		}
	}
}

// A request without a name for it is not called like an authority from elsewhere.
func TestARequestIsNotCalledLikeAStranger(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	root := h.newElsewhere("lab-root")
	h.write("g2.csr", h.done("ca", "export-csr", "web-g1", "--subject", "O=Web Trust,CN=Web", "--yes").out)
	if s := h.done("ca", "export-csr", "web-g1", "--yes"); !strings.Contains(s.err, "O=lab.example") || !strings.Contains(s.err, "--subject") {
		t.Errorf("%s", s.err)
	}
	h.done("ca", "import-cert", "web-g1", root.signs("g2.csr", "g2.pem", "2000", "11", asAuthority), "--chain", h.file("lab-root.pem"), "--above", "lab-root", "--yes")
	if s := h.done("ca", "export-csr", "other-g1", "--yes"); !strings.Contains(s.err, "O=lab.example") || strings.Contains(s.err, "Elsewhere") {
		t.Errorf("%s", s.err)
	}
	if s := h.done("ca", "export-csr", "web-g1", "--yes"); !strings.Contains(s.err, "O=Web Trust") {
		t.Errorf("%s", s.err)
	}
}
