// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/encode"
)

// What a case's verdicts are made of: who accepts the leaf. Us is our policy, O
// OpenSSL's strict verification, X crypto/x509, G GnuTLS. The letters that are
// missing refuse. Wherever Us stands, O stands too, and X but for directory names,
// whose constraints crypto/x509 refuses altogether. Of those, and of URIs, GnuTLS
// passes over permitted subtrees and refuses whatever is below excluded ones; and it
// takes IPv4 and IPv6 for two types.
var eachVerifier = []struct {
	spaces, subject, names string
	accept                 string
	why                    string // where we are stricter than OpenSSL
}{
	{"dns:lab.example", "O=Lab", "dns:lab.example", "Us O X G", ""},
	{"dns:lab.example", "O=Lab", "dns:a.b.lab.example", "Us O X G", ""},
	{"dns:lab.example", "O=Lab", "dns:notlab.example", "", ""},
	{"dns:lab.example", "O=Lab", "dns:nas.lab.example dns:evil.test", "", ""},
	{"dns:lab.example", "O=Lab", "dns:*.lab.example", "Us O X G", ""},
	{"dns:www.lab.example", "O=Lab", "dns:*.lab.example", "", ""},
	{"dns:lab.example", "O=Lab", "ip:10.0.0.7", "Us O X G", ""},
	{"dns:lab.example", "O=Lab,CN=www.evil.test", "ip:10.0.0.7", "X", ""},
	{"dns:lab.example", "O=Lab,CN=www.evil.test", "dns:nas.lab.example", "", "a common name that looks like a host counts beside DNS names too: old programs look at it"},
	{"!dns:secret.lab.example", "O=Lab", "dns:nas.lab.example", "Us O X G", ""},
	{"!dns:secret.lab.example", "O=Lab", "dns:a.secret.lab.example", "", ""},
	{"!dns:secret.lab.example", "O=Lab", "dns:*.lab.example", "", "a wildcard that stands for an excluded name is refused"},
	{"!dns:a.secret.lab.example", "O=Lab", "dns:*.lab.example", "", "a wildcard above an excluded name at any depth is refused: some let * match several labels"},
	{"!dns:", "O=Lab", "dns:lab.example", "", ""},
	{"!dns:", "O=Lab", "ip:10.0.0.7", "Us O X G", ""},
	{"email:@lab.example", "O=Lab", "email:hana@lab.example", "Us O X G", ""},
	{"email:@lab.example", "O=Lab", "email:hana@sub.lab.example", "X", ""},
	{"email:.lab.example", "O=Lab", "email:hana@sub.lab.example", "Us O X G", ""},
	{"email:.lab.example", "O=Lab", "email:hana@lab.example", "", ""},
	{"email:hana@lab.example", "O=Lab", "email:hana@lab.example", "Us O X G", ""},
	{"email:hana@lab.example", "O=Lab", "email:Hana@lab.example", "", ""},
	{"email:@lab.example", "emailAddress=hana@lab.example", "dns:nas.lab.example", "Us O X G", ""},
	{"email:@lab.example", "emailAddress=hana@evil.test", "dns:nas.lab.example", "X", ""},
	{"!email:root@lab.example", "O=Lab", "email:hana@lab.example", "Us O X G", ""},
	{"!email:root@lab.example", "O=Lab", "email:root@lab.example", "", ""},
	{"!email:root@lab.example", "O=Lab", "email:ROOT@lab.example", "", "an excluded mailbox is excluded in capitals too: receivers seldom tell them apart"},
	{"!email:@evil.test", "O=Lab", "email:a@sub.evil.test", "", "an excluded host covers those below it, as crypto/x509 has it"},
	{"uri:lab.example", "O=Lab", "uri:https://lab.example/a", "Us O X G", ""},
	{"uri:lab.example", "O=Lab", "uri:https://lab.example:8443/a", "Us O X G", ""},
	{"uri:lab.example", "O=Lab", "uri:https://www.lab.example/a", "X G", ""},
	{"uri:.lab.example", "O=Lab", "uri:https://www.lab.example/a", "Us O X G", ""},
	{"uri:.lab.example", "O=Lab", "uri:https://lab.example/a", "G", ""},
	{"uri:lab.example", "O=Lab", "uri:https://10.0.0.1/", "G", ""},
	{"!uri:secret.lab.example", "O=Lab", "uri:https://secret.lab.example/x", "", ""},
	{"!uri:secret.lab.example", "O=Lab", "uri:https://lab.example/x", "Us O X", ""},
	{"!uri:secret.lab.example", "O=Lab", "uri:https://secret.lab.example/x:y", "", "OpenSSL ends a host at the first colon, wherever it stands: such URIs are refused"},
	{"!uri:secret.lab.example", "O=Lab", "uri:https://10.0.0.1/", "", "a URI with an address for a host cannot be compared (RFC 5280 §4.2.1.10)"},
	{"dns:lab.example", "O=Lab", "uri:https://10.0.0.1/", "", "crypto/x509 refuses such a URI below constraints of any type"},
	{"ip:10.0.0.0/8", "O=Lab", "ip:10.255.255.255", "Us O X G", ""},
	{"ip:10.0.0.0/8", "O=Lab", "ip:11.0.0.0", "", ""},
	{"ip:10.0.0.0/8", "O=Lab", "ip:fd00::1", "G", ""},
	{"ip:fd00::/9", "O=Lab", "ip:fd7f::1", "Us O X G", ""},
	{"ip:fd00::/9", "O=Lab", "ip:fd80::1", "", ""},
	{"!ip:10.1.0.0/16", "O=Lab", "ip:10.2.0.0", "Us O X G", ""},
	{"!ip:10.1.0.0/16", "O=Lab", "ip:10.1.2.3", "", ""},
	{"ip:0.0.0.0/0 & !ip:10.0.0.0/8", "O=Lab", "ip:192.0.2.1", "Us O X G", ""},
	{"dn:C=DE,O=Lab", "C=DE,O=Lab,CN=nas", "dns:nas.lab.example", "Us O G", ""},
	{"dn:C=DE,O=Lab", "C=DE,O=LAB,CN=nas", "dns:nas.lab.example", "Us O G", ""},
	{"dn:C=DE,O=Lab", "C=DE,O=Laboratory", "dns:nas.lab.example", "G", ""},
	{"dn:C=DE,O=Lab", "O=Lab,C=DE", "dns:nas.lab.example", "G", ""},
	{"dn:C=DE,O=Lab", "C=DE", "dns:nas.lab.example", "G", ""},
	{"dn:C=DE,O=Lab", "", "dns:nas.lab.example", "Us O G", ""},
	{"dn:O=Büro", "O=Büro", "dns:nas.lab.example", "Us O G", ""},
	{"dn:O=Büro", "O=BÜRO", "dns:nas.lab.example", "G", ""},
	{"!dn:O=Büro", "O=BÜRO", "dns:nas.lab.example", "", "letters beyond ASCII are one in either case (RFC 5280 §7.1), which OpenSSL does not know"},
	{"!dn:O=Evil  Corp", "O=evil corp,CN=x", "dns:nas.lab.example", "", ""},
	{"!dn:O=Evil", "O=Lab", "dns:nas.lab.example", "Us O", ""},
}

// PF-05, R16: each type with leaves that are accepted and refused, by us and by
// three verifiers; and each of our rules beyond OpenSSL's.
func TestPF05_EachVerifier(t *testing.T) {
	for _, tool := range []string{"openssl", "certtool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatal(tool + " is not installed: make test says what installs it")
		}
	}
	dir := t.TempDir()
	issuer, err := encode.NewIssuer(newChain(t, [3][]string{}).certs[2])
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range eachVerifier {
		name := fmt.Sprintf("%s: %s %s", tt.spaces, tt.subject, tt.names)
		c := newChain(t, [3][]string{{}, {}, strings.Split(tt.spaces, " & ")})
		l := newLeaf(t, issuer, tt.subject, strings.Fields(tt.names)...)
		writePEM(t, filepath.Join(dir, fmt.Sprintf("leaf-%d.pem", i)), l.der)
		var got []string
		err := c.verdict(l)
		if err == nil {
			got = append(got, "Us")
		} else if p := (*ca.Problem)(nil); !errors.As(err, &p) || p.Code != ca.E2114 || p.Field == "" || p.Fix == "" || !ca.PlainText(p.Detail+p.Why+p.Fix) {
			t.Errorf("%s: is refused with %+v", name, err)
		}
		openssl := c.openssl(t, dir, []int{i})[i]
		if openssl {
			got = append(got, "O")
		}
		if c.library(t, l) == nil {
			got = append(got, "X")
		}
		if c.gnutls(t, dir, l) {
			got = append(got, "G")
		}
		all := strings.Join(got, " ")
		if tt.why == "" && all != tt.accept || tt.why != "" && (err == nil || !openssl) {
			t.Errorf("%s: accepted by %q, want %q %s", name, all, tt.accept, tt.why)
		}
	}
}
