// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"chancery/ca"
)

// An NSS is a database of Mozilla's library: Firefox and Thunderbird have one in each
// profile, Chrome one in a home directory.
type NSS struct {
	Dir string
	// PasswordFile holds the primary password, and is empty where there is none.
	PasswordFile string
}

// nssTools is the package that brings certutil.
const nssTools = "libnss3-tools"

// asRoot trusts a root for servers and for mail.
const asRoot = "C,C,"

// maxNicknames bounds the certificates that are looked at, each by a run of certutil.
const maxNicknames = 500

// Where is its folder.
func (n NSS) Where() Where { return Where{"nss", n.Dir} }

// Writable looks at what is written there.
func (n NSS) Writable() error { return writable(n.Dir, filepath.Join(n.Dir, "cert9.db")) }

func (n NSS) there() bool { return isFile(filepath.Join(n.Dir, "cert9.db")) }

// row is a line of certutil's list: a name, and flags for TLS, mail and code.
var row = regexp.MustCompile(`^(.*\S) +([a-zA-Z]*),([a-zA-Z]*),([a-zA-Z]*) *$`)

// List gives what is trusted to vouch for servers.
func (n NSS) List(ctx context.Context) ([]Entry, error) {
	if !n.there() {
		return nil, ca.NotFound(ca.E1102, "there is no NSS database in "+n.Dir, "name its folder, or make one: certutil -N -d sql:DIR")
	}
	out, err := n.certutil(ctx, nil, "-L")
	if err != nil {
		return nil, err
	}
	var all []Entry
	count := 0
	for line := range strings.Lines(string(out)) {
		m := row.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil || !strings.ContainsAny(m[2], "C") {
			continue
		}
		if count++; count > maxNicknames {
			return nil, fmt.Errorf("%s has more than %d trusted certificates", n.Dir, maxNicknames)
		}
		text, err := n.certutil(ctx, nil, "-L", "-a", "-n", m[1])
		if err != nil {
			return nil, err
		}
		for _, f := range fingerprints(text) {
			all = append(all, Entry{m[1], f})
		}
	}
	return all, nil
}

// Add imports the root. One that is there under another name would keep that name, and
// is refused: its trust is somebody else's.
func (n NSS) Add(ctx context.Context, root *x509.Certificate) error {
	if _, err := n.certutil(ctx, armoured(root), "-A", "-a", "-t", asRoot, "-n", Name(root)); err != nil {
		return err
	}
	all, err := n.List(ctx)
	if err == nil && !has(all, root, Name(root)) {
		err = ca.Conflict(ca.E1102, n.Dir+" holds this root under another name", "certutil -L -d sql:"+n.Dir)
	}
	return err
}

// Remove deletes the root under our name.
func (n NSS) Remove(ctx context.Context, root *x509.Certificate) error {
	_, err := n.certutil(ctx, nil, "-D", "-n", Name(root))
	return err
}

func (n NSS) certutil(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	args = append(args, "-d", "sql:"+n.Dir)
	if n.PasswordFile != "" {
		args = append(args, "-f", n.PasswordFile)
	}
	c := exec.Command("certutil", args...) //nolint:gosec // arguments, no shell
	c.Stdin = bytes.NewReader(in)
	out, err := tool(ctx, c, nssTools)
	if err != nil && strings.Contains(err.Error(), "SEC_ERROR_BAD_PASSWORD") {
		return nil, ca.Invalid(ca.E2502, n.Dir+" is under a primary password", "chancery trust install --nss "+n.Dir+" --password-file FILE").Because(err.Error())
	}
	return out, err
}
