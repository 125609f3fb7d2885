// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"context"
	"crypto/x509"
	"os/exec"
	"strings"

	"chancery/ca"
)

// A Java is a trust store of Java's, in any form that its keytool reads.
type Java struct {
	Path string
	// Password protects the store against damage; empty is the one that all Javas have.
	Password string
}

// usualPassword protects the stores that come with Java. It stands in their manual.
const usualPassword = "changeit"

// passwordVariable carries the password to keytool, since others see arguments.
const passwordVariable = "CHANCERY_JAVA_PASSWORD"

// Where is its file.
func (j Java) Where() Where { return Where{"java", j.Path} }

// Writable looks at what is written there.
func (j Java) Writable() error { return writable(j.Path) }

// List gives the certificates that are trusted; keys with their chains are none.
func (j Java) List(ctx context.Context) ([]Entry, error) {
	if !isFile(j.Path) { // keytool would make one
		return nil, ca.NotFound(ca.E1102, "there is no Java trust store "+j.Path, "name the file, such as $JAVA_HOME/lib/security/cacerts: --java STORE")
	}
	out, err := j.keytool(ctx, nil, "-list", "-rfc")
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, one := range strings.Split("\n"+string(out), "\nAlias name: ")[1:] {
		alias, rest, _ := strings.Cut(one, "\n")
		if !strings.Contains(rest, "Entry type: trustedCertEntry\n") {
			continue
		}
		for _, f := range fingerprints([]byte(rest)) {
			all = append(all, Entry{alias, f})
		}
	}
	return all, nil
}

// Add imports the root.
func (j Java) Add(ctx context.Context, root *x509.Certificate) error {
	_, err := j.keytool(ctx, armoured(root), "-importcert", "-noprompt", "-alias", Name(root))
	return err
}

// Remove deletes the root under our name.
func (j Java) Remove(ctx context.Context, root *x509.Certificate) error {
	return j.delete(ctx, Name(root))
}

func (j Java) delete(ctx context.Context, alias string) error {
	_, err := j.keytool(ctx, nil, "-delete", "-alias", alias)
	return err
}

func (j Java) keytool(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	password := j.Password
	if password == "" {
		password = usualPassword
	}
	// Its words follow the language of the account unless told otherwise.
	args = append([]string{"-J-Duser.language=en", "-J-Duser.country=US", "-J-XX:TieredStopAtLevel=1"}, args...)
	c := exec.Command("keytool", append(args, "-keystore", j.Path, "-storepass:env", passwordVariable)...) //nolint:gosec // arguments, no shell
	c.Stdin = bytes.NewReader(in)
	c.Env = append(c.Environ(), passwordVariable+"="+password)
	out, err := tool(ctx, c, "default-jre-headless")
	if err != nil && strings.Contains(err.Error(), "password was incorrect") {
		return nil, ca.Invalid(ca.E2503, "the password does not open "+j.Path, "name a file with it: --password-file FILE").Because(err.Error())
	}
	return out, err
}
