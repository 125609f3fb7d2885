// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"strings"
	"testing"
)

func TestAFingerprintIsReadAsPeopleCopyIt(t *testing.T) {
	t.Parallel()
	const digits = "7f3a91c25e08b6d41a770c9e42f188307f3a91c25e08b6d41a770c9e42f18830"
	var colons, fours []string
	for i := 0; i < len(digits); i += 2 {
		colons = append(colons, digits[i:i+2])
	}
	for i := 0; i < len(digits); i += 4 {
		fours = append(fours, strings.ToUpper(digits[i:i+4]))
	}
	for name, text := range map[string]string{
		"digits": digits, "in capitals": strings.ToUpper(digits), "Firefox's": strings.ToUpper(strings.Join(colons, ":")), "on two lines": digits[:32] + "\n\t " + digits[32:] + "\n",
		"with blanks that do not break": strings.Join(colons, "\u00a0"), "OpenSSL's": "sha256 Fingerprint=" + strings.Join(colons, ":"), "OpenSSL's of before": "SHA256 Fingerprint=" + strings.Join(colons, ":"),
		"Java's": "SHA256: " + strings.Join(colons, ":"), "ours": strings.Join(fours, " ") + " (SHA-256)",
	} {
		if sum, is := ParseFingerprint(text); !is || sum.String() != digits {
			t.Errorf("%s: %v %s", name, is, sum)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "a SHA-1": digits[:40], "a digit less": digits[1:], "two more": digits + "00", "a name": "nas.lab.example", "another letter": "g" + digits[1:], "much": strings.Repeat(" ", 300) + digits,
	} {
		if _, is := ParseFingerprint(text); is {
			t.Errorf("%s is taken for one", name)
		}
	}
}
