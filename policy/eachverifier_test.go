// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"chancery/ca"
	"chancery/encode"
)

// What a case's verdicts are made of: who accepts the leaf. Us is our policy, O
// OpenSSL's strict verification, X crypto/x509, G GnuTLS, J Java, N NSS. The letters
// that are missing refuse. Wherever Us stands, O, J and N stand too, and X but for
// directory names, whose constraints crypto/x509 refuses altogether. Of those, and of
// URIs, GnuTLS passes over permitted subtrees and refuses whatever is below excluded
// ones; and it takes IPv4 and IPv6 for two types.
var eachVerifier = []struct {
	spaces, subject, names string
	accept                 string
	why                    string // where we are stricter than OpenSSL
}{
	{"dns:lab.example", "O=Lab", "dns:lab.example", "Us O X G J N", ""},
	{"dns:lab.example", "O=Lab", "dns:a.b.lab.example", "Us O X G J N", ""},
	{"dns:lab.example", "O=Lab", "dns:notlab.example", "", ""},
	{"dns:lab.example", "O=Lab", "dns:nas.lab.example dns:evil.test", "", ""},
	{"dns:lab.example", "O=Lab", "dns:*.lab.example", "Us O X G J N", ""},
	{"dns:www.lab.example", "O=Lab", "dns:*.lab.example", "", ""},
	{"dns:lab.example", "O=Lab", "ip:10.0.0.7", "Us O X G J N", ""},
	{"dns:lab.example", "O=Lab,CN=www.evil.test", "ip:10.0.0.7", "X N", ""},
	{"dns:lab.example", "O=Lab,CN=www.evil.test", "dns:nas.lab.example", "", "a common name that looks like a host counts beside DNS names too: old programs look at it"},
	{"!dns:secret.lab.example", "O=Lab", "dns:nas.lab.example", "Us O X G J N", ""},
	{"!dns:secret.lab.example", "O=Lab", "dns:a.secret.lab.example", "", ""},
	{"!dns:secret.lab.example", "O=Lab", "dns:*.lab.example", "", "a wildcard that stands for an excluded name is refused"},
	{"!dns:a.secret.lab.example", "O=Lab", "dns:*.lab.example", "", "a wildcard above an excluded name at any depth is refused: some let * match several labels"},
	{"!dns:", "O=Lab", "dns:lab.example", "", ""},
	{"!dns:", "O=Lab", "ip:10.0.0.7", "Us O X G J N", ""},
	{"email:@lab.example", "O=Lab", "email:hana@lab.example", "Us O X G J N", ""},
	{"email:@lab.example", "O=Lab", "email:hana@sub.lab.example", "X", ""},
	{"email:.lab.example", "O=Lab", "email:hana@sub.lab.example", "Us O X G J N", ""},
	{"email:.lab.example", "O=Lab", "email:hana@lab.example", "", ""},
	{"email:hana@lab.example", "O=Lab", "email:hana@lab.example", "Us O X G J N", ""},
	{"email:hana@lab.example", "O=Lab", "email:Hana@lab.example", "J N", ""},
	{"email:@lab.example", "emailAddress=hana@lab.example", "dns:nas.lab.example", "Us O X G J N", ""},
	{"email:@lab.example", "emailAddress=hana@evil.test", "dns:nas.lab.example", "X J", ""},
	{"!email:root@lab.example", "O=Lab", "email:hana@lab.example", "Us O X G J N", ""},
	{"!email:root@lab.example", "O=Lab", "email:root@lab.example", "", ""},
	{"!email:root@lab.example", "O=Lab", "email:ROOT@lab.example", "", "an excluded mailbox is excluded in capitals too: receivers seldom tell them apart"},
	{"!email:@evil.test", "O=Lab", "email:a@sub.evil.test", "", "an excluded host covers those below it, as crypto/x509 has it"},
	{"uri:lab.example", "O=Lab", "uri:https://lab.example/a", "Us O X G J N", ""},
	{"uri:lab.example", "O=Lab", "uri:https://lab.example:8443/a", "Us O X G J N", ""},
	{"uri:lab.example", "O=Lab", "uri:https://www.lab.example/a", "X G", ""},
	{"uri:.lab.example", "O=Lab", "uri:https://www.lab.example/a", "Us O X G J N", ""},
	{"uri:.lab.example", "O=Lab", "uri:https://lab.example/a", "G", ""},
	{"uri:lab.example", "O=Lab", "uri:https://10.0.0.1/", "G", ""},
	{"!uri:secret.lab.example", "O=Lab", "uri:https://secret.lab.example/x", "", ""},
	{"!uri:secret.lab.example", "O=Lab", "uri:https://lab.example/x", "Us O X J N", ""},
	{"!uri:secret.lab.example", "O=Lab", "uri:https://secret.lab.example/x:y", "", "OpenSSL ends a host at the first colon, wherever it stands: such URIs are refused"},
	{"!uri:secret.lab.example", "O=Lab", "uri:https://10.0.0.1/", "", "a URI with an address for a host cannot be compared (RFC 5280 §4.2.1.10)"},
	{"dns:lab.example", "O=Lab", "uri:https://10.0.0.1/", "", "crypto/x509 refuses such a URI below constraints of any type"},
	{"ip:10.0.0.0/8", "O=Lab", "ip:10.255.255.255", "Us O X G J N", ""},
	{"ip:10.0.0.0/8", "O=Lab", "ip:11.0.0.0", "", ""},
	{"ip:10.0.0.0/8", "O=Lab", "ip:fd00::1", "G", ""},
	{"ip:fd00::/9", "O=Lab", "ip:fd7f::1", "Us O X G J N", ""},
	{"ip:fd00::/9", "O=Lab", "ip:fd80::1", "", ""},
	{"!ip:10.1.0.0/16", "O=Lab", "ip:10.2.0.0", "Us O X G J N", ""},
	{"!ip:10.1.0.0/16", "O=Lab", "ip:10.1.2.3", "", ""},
	{"ip:0.0.0.0/0 & !ip:10.0.0.0/8", "O=Lab", "ip:192.0.2.1", "Us O X G J N", ""},
	{"dn:C=DE,O=Lab", "C=DE,O=Lab,CN=nas", "dns:nas.lab.example", "Us O G J N", ""},
	{"dn:C=DE,O=Lab", "C=DE,O=LAB,CN=nas", "dns:nas.lab.example", "Us O G J N", ""},
	{"dn:C=DE,O=Lab", "C=DE,O=Laboratory", "dns:nas.lab.example", "G", ""},
	{"dn:C=DE,O=Lab", "O=Lab,C=DE", "dns:nas.lab.example", "G", ""},
	{"dn:C=DE,O=Lab", "C=DE", "dns:nas.lab.example", "G N", ""},
	{"dn:C=DE,O=Lab", "", "dns:nas.lab.example", "Us O G J N", ""},
	{"dn:O=Büro", "O=Büro", "dns:nas.lab.example", "Us O G J N", ""},
	{"dn:O=Büro", "O=BÜRO", "dns:nas.lab.example", "G J", ""},
	{"!dn:O=Büro", "O=BÜRO", "dns:nas.lab.example", "", "letters beyond ASCII are one in either case (RFC 5280 §7.1), which OpenSSL does not know"},
	{"!dn:O=Evil  Corp", "O=evil corp,CN=x", "dns:nas.lab.example", "", ""},
	{"!dn:O=Evil", "O=Lab", "dns:nas.lab.example", "Us O J N", ""},
}

// PF-05, R16: each type with leaves that are accepted and refused, by us and by
// five verifiers; and each of our rules beyond OpenSSL's.
func TestPF05_EachVerifier(t *testing.T) {
	for _, tool := range []string{"openssl", "certtool", "java", "vfychain"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatal(tool + " is not installed: make test says what installs it")
		}
	}
	issuer, err := encode.NewIssuer(newChain(t, [3][]string{}).certs[2])
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	chains, leaves, dirs := make([]*chain, len(eachVerifier)), make([]leaf, len(eachVerifier)), make([]string, len(eachVerifier))
	for i, tt := range eachVerifier {
		c, l := newChain(t, [3][]string{{}, {}, strings.Split(tt.spaces, " & ")}), newLeaf(t, issuer, tt.subject, strings.Fields(tt.names)...)
		chains[i], leaves[i], dirs[i] = c, l, filepath.Join(dir, strconv.Itoa(i))
		if err := os.Mkdir(dirs[i], 0o700); err != nil {
			t.Fatal(err)
		}
		writePEM(t, filepath.Join(dirs[i], "leaf.pem"), l.der)
		writePEM(t, filepath.Join(dirs[i], "leaf-0.pem"), l.der)
		writePEM(t, filepath.Join(dirs[i], "middle.pem"), c.certs[2].Certificate, c.certs[1].Certificate)
		writePEM(t, filepath.Join(dirs[i], "root.pem"), c.certs[0].Certificate)
	}
	java := javaVerdicts(t, dirs)
	verdicts := make([]string, len(dirs))
	refused := make([]error, len(dirs))
	g := errgroup.Group{}
	g.SetLimit(4)
	for i, c := range chains {
		g.Go(func() error {
			var got []string
			for _, one := range []struct {
				name string
				ok   bool
			}{{"O", c.openssl(t, dirs[i], []int{0})[0]}, {"X", c.library(t, leaves[i]) == nil}, {"G", c.gnutls(t, dirs[i], leaves[i])}, {"J", java[i]}, {"N", c.nss(t, dirs[i])}} {
				if one.ok {
					got = append(got, one.name)
				}
			}
			if refused[i] = c.verdict(leaves[i]); refused[i] == nil {
				got = slices.Insert(got, 0, "Us")
			}
			verdicts[i] = strings.Join(got, " ")
			return nil
		})
	}
	_ = g.Wait() // none gives an error
	for i, tt := range eachVerifier {
		name := fmt.Sprintf("%s: %s %s", tt.spaces, tt.subject, tt.names)
		if err, p := refused[i], (*ca.Problem)(nil); err != nil && (!errors.As(err, &p) || p.Code != ca.E2114 || p.Field == "" || p.Fix == "" || !ca.PlainText(p.Detail+p.Why+p.Fix)) {
			t.Errorf("%s: is refused with %+v", name, err)
		}
		if tt.why == "" && verdicts[i] != tt.accept || tt.why != "" && (refused[i] == nil || !strings.HasPrefix(verdicts[i], "O")) {
			t.Errorf("%s: accepted by %q, want %q %s", name, verdicts[i], tt.accept, tt.why)
		}
	}
}

// javaVerdicts tells of each directory whether Java's PKIX accepts its chain; one
// process for all.
func javaVerdicts(t *testing.T, dirs []string) []bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "java", append([]string{"-XX:TieredStopAtLevel=1", "testdata/Verdicts.java"}, dirs...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("java: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(dirs) {
		t.Fatalf("java said of %d chains:\n%s", len(dirs), out)
	}
	ok := make([]bool, len(dirs))
	for i, line := range lines {
		ok[i] = line == "OK"
	}
	return ok
}

// nss tells whether NSS accepts the chain in a directory for a server (usage 1).
func (c *chain) nss(t *testing.T, dir string) bool {
	t.Helper()
	issuing := writePEM(t, filepath.Join(dir, "issuing.pem"), c.certs[2].Certificate)
	middle := writePEM(t, filepath.Join(dir, "above.pem"), c.certs[1].Certificate)
	out, err := exec.CommandContext(t.Context(), "vfychain", "-pp", "-u", "1", "-a", filepath.Join(dir, "leaf.pem"), "-a", issuing, "-a", middle,
		"-t", "-a", filepath.Join(dir, "root.pem")).CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Error(err)
	}
	if good := strings.Contains(string(out), "Chain is good!"); good != (err == nil) || !good && !strings.Contains(string(out), "Chain is bad!") {
		t.Errorf("vfychain: %v\n%s", err, out)
	}
	return err == nil
}
