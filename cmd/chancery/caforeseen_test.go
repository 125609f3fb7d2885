// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// T-03: no plan is shown that the signer would refuse, and no words are asked for; what a
// dry run passes is done by the same command.
func TestT03_APlanIsShownOnlyOfWhatTheSignerWouldDo(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	words := h.file("words")
	h.done("ca", "create", "issuing-g2", "--recovery-file", words, "--yes")
	h.done("ca", "create", "middle-g1", "--intermediate", "--path-length", "1", "--recovery-file", words, "--yes")
	root := h.newElsewhere("lab-root")
	h.write("g3.csr", h.done("ca", "export-csr", "issuing-g3", "--subject", "O=Lab,CN=Lab Issuing CA G3", "--yes").out)
	good := root.signs("g3.csr", "g3.pem", "2000", "31", asAuthority)
	leaf := root.signs("g3.csr", "leaf.pem", "2000", "32", "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\n")
	before := h.done("ca", "list", "--json").out
	planned := func(s said) bool { return strings.Contains(s.err, "  + ") || strings.Contains(s.err, "  ~ ") }
	for line, code := range map[string]string{
		"ca create issuing-g2 --dry-run":                                                  "E2601",
		"ca create a-g1 --subject CN=x --parent issuing-g1 --dry-run":                     "E2601",
		"ca create b-g1 --parent middle-g1 --intermediate --dry-run":                      "E2601",
		"ca create a-g1 --path-length 3 --dry-run":                                        "E2601",
		"ca create a-g1 --root --key ed25519 --hash sha512 --dry-run":                     "E2601",
		"ca create a-g1 --org " + strings.Repeat("x", 65) + " --dry-run":                  "E2120",
		"ca renew issuing-g1 --days 9 --dry-run":                                          "E2601",
		"ca renew issuing-g1 --days 9":                                                    "E2601",
		"ca renew nobody --dry-run":                                                       "E2101",
		"ca cross issuing-g1 --by middle-g1 --dry-run":                                    "E2601",
		"ca activate issuing-g1 --dry-run":                                                "E2603",
		"ca activate root-g1":                                                             "E2603",
		"ca retire root-g1 --dry-run":                                                     "E2603",
		"ca retire issuing-g1 --confirm issuing-g1":                                       "E2603",
		"ca import-cert issuing-g3 " + good + " --dry-run":                                "E2602",
		"ca import-cert issuing-g3 " + leaf + " --chain " + h.file("lab-root.pem"):        "E2602",
		"ca import-cert issuing-g3 " + leaf + " --resign middle-g1 --days 9000 --dry-run": "E2601",
	} {
		if s := h.refused(code, strings.Fields(line)...); planned(s) {
			t.Errorf("%s shows a plan first:\n%s", line, s.err)
		}
	}
	for _, line := range []string{
		"ca create a-g1 --for client", "ca renew issuing-g1", "ca activate issuing-g2", "ca retire issuing-g2",
		"ca import-cert issuing-g3 " + good + " --chain " + h.file("lab-root.pem") + " --above lab-root",
		"ca import-cert issuing-g3 " + leaf + " --resign root-g1 --for server",
	} {
		if s := h.done(append(strings.Fields(line), "--dry-run")...); !planned(s) || !strings.Contains(s.out, "nothing was ") {
			t.Errorf("%s:\n%s%s", line, s.out, s.err)
		}
	}
	if after := h.done("ca", "list", "--json").out; after != before {
		t.Errorf("something came of a dry run:\n%s", after)
	}
}
