// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// A distinguished name is shown in the order in which it was typed, wherever it is shown,
// so that it can be typed again.
func TestADistinguishedNameIsShownAsItWasTyped(t *testing.T) {
	t.Parallel()
	const root, issuing = `C=DE,O=Lab\, Inc.,CN=Lab Root`, `C=DE,O=Lab\, Inc.,OU=Net,CN=Lab Issuing`
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	plan := h.done("init", "--names", "lab.example", "--root-subject", root, "--subject", issuing, "--recovery-file", h.file("words"), "--dry-run")
	if said := plan.out + plan.err; !strings.Contains(said, root) || !strings.Contains(said, issuing) {
		t.Errorf("the plan says\n%s", said)
	}
	h.done("init", "--names", "lab.example", "--root-subject", root, "--subject", issuing, "--recovery-file", h.file("words"))
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	h.write("issuing.pem", h.done("ca", "show", "issuing-g1", "-o", "pem").out)
	h.write("issuing.crl", h.done("crl", "show", "--ca", "issuing-g1", "-o", "pem").out)
	for want, lines := range map[string][]string{
		root: {"ca show root-g1", "show root.pem", "show issuing.pem"},
		issuing: {"ca show issuing-g1", "show issuing.pem", "show nas.pem", "show issuing.crl",
			"verify nas.pem --json", "ca create x-g1 --recovery-file words --subject " + strings.ReplaceAll(issuing, " ", "_") + "_2 --dry-run"},
	} {
		for _, line := range lines {
			args := strings.Fields(line)
			for i, a := range args {
				if a = strings.ReplaceAll(a, "_", " "); strings.HasSuffix(a, ".pem") || strings.HasSuffix(a, ".crl") {
					a = h.file(a)
				}
				args[i] = a
			}
			if s := h.done(args...); !strings.Contains(strings.ReplaceAll(s.out+s.err, `\\`, `\`), want) {
				t.Errorf("%s does not say %s:\n%s%s", line, want, s.out, s.err)
			}
		}
	}
}
