// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/softkey"
	"chancery/signer/wire"
)

// Lifetimes of a founding in days: a root for twenty years, an issuing authority
// for five.
const (
	rootDays    = 7305
	issuingDays = 1826
)

// A plan is what init was asked for.
type plan struct {
	org, hostname, pki  string
	names               []string
	assurance, unlock   string
	recovery, passwords string
	dryRun              bool
}

func (a *app) initCommand() *cobra.Command {
	var p plan
	c := &cobra.Command{
		Use: "init", Short: "Found a root and an issuing authority on this machine", Args: cobra.NoArgs,
		Example: "  chancery init --names lab.example\n  chancery init --names lab.example --recovery-file /media/usb/words.txt --unlock prompt",
		RunE:    func(c *cobra.Command, _ []string) error { return a.found(c.Context(), p) },
	}
	f := c.Flags()
	f.StringVar(&p.org, "org", "", "organisation in the authorities' names (default: the first of --names)")
	f.StringSliceVar(&p.names, "names", nil, "names you will certify, such as lab.example,*.lab.example,10.0.0.0/8")
	f.StringVar(&p.hostname, "hostname", "", "this server's name (default: the machine's)")
	f.StringVar(&p.pki, "pki-url", "", "where revocation lists are fetched (default: http://HOSTNAME:8080)")
	f.StringVar(&p.assurance, "assurance", string(ca.Solo), "solo or separated")
	f.StringVar(&p.unlock, "unlock", "auto", "auto: a file opens the signing keys at each start; prompt: a passphrase")
	f.StringVar(&p.recovery, "recovery-file", "", "new file that takes the recovery words (required without a terminal)")
	f.StringVar(&p.passwords, "password-file", "", "file with the passphrase for --unlock prompt")
	f.BoolVar(&p.dryRun, "dry-run", false, "print what would be made, and write nothing")
	return c
}

// found carries out init.
func (a *app) found(ctx context.Context, p plan) error {
	l, err := a.layout()
	if err != nil {
		return err
	}
	f, err := a.founding(&p)
	if err != nil {
		return err
	}
	if p.dryRun {
		return a.print(f, fmt.Sprintf("would found %s (%s) and %s (%s) in %s\n",
			f.Root.Name, f.Root.KeyType, f.Issuing.Name, f.Issuing.KeyType, l.dir))
	}
	if err := l.make(); err != nil {
		return err
	}
	return a.ceremony(ctx, l, p, f)
}

// founding makes the wish out of the flags; it checks all of them before
// anything is written, and names what is missing at once.
func (a *app) founding(p *plan) (signer.Founding, error) {
	if len(p.names) == 0 {
		return signer.Founding{}, usage("--names is missing: what will you certify?", "chancery init --names lab.example")
	}
	switch {
	case ca.Assurance(p.assurance) == ca.Separated:
		return signer.Founding{}, ca.Refused(ca.E1101, "the assurance separated cannot be founded by init yet", "use --assurance solo")
	case ca.Assurance(p.assurance) != ca.Solo:
		return signer.Founding{}, usage("--assurance is solo or separated", "chancery init --assurance solo")
	case p.unlock != "auto" && p.unlock != "prompt":
		return signer.Founding{}, usage("--unlock is auto or prompt", "chancery init --unlock auto")
	case p.recovery == "" && !p.dryRun && !a.interactive():
		return signer.Founding{}, usage("--recovery-file is missing, and there is no terminal to show the recovery words at", "chancery init --recovery-file FILE")
	}
	profiles, err := policy.Shipped(withBelow(p.names))
	if err != nil {
		return signer.Founding{}, err
	}
	if p.hostname == "" {
		if p.hostname, err = os.Hostname(); err != nil {
			return signer.Founding{}, usage("the machine has no name", "chancery init --hostname ca.lab.example")
		}
	}
	if p.org == "" {
		p.org = strings.TrimLeft(p.names[0], "*.@")
	}
	if p.pki == "" {
		p.pki = "http://" + p.hostname + ":8080"
	}
	f := signer.Founding{
		Assurance: ca.Assurance(p.assurance), PKI: strings.TrimRight(p.pki, "/"), Profiles: profiles,
		Root: signer.Generation{Name: "root-g1", Line: "root", Subject: p.subject("Root CA G1"), KeyType: "ecdsa-p384", Days: rootDays},
		Issuing: signer.Generation{Name: "issuing-g1", Line: "issuing", Subject: p.subject("Issuing CA G1"), KeyType: "ecdsa-p256", Days: issuingDays,
			Use: []string{"server", "client", "email", "ocsp"}},
	}
	if p.unlock == "prompt" {
		if f.Passphrase, err = a.secret(p.passwords, false); err != nil {
			return signer.Founding{}, err
		}
		return f, softkey.CheckPassphrase(softkey.NewSecret([]byte(f.Passphrase)))
	}
	return f, nil
}

// withBelow adds the names below each whole name: who says lab.example means
// nas.lab.example too.
func withBelow(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, n)
		if !strings.ContainsAny(n, "*@/:") && strings.Trim(n, "0123456789.") != "" {
			out = append(out, "*."+n)
		}
	}
	return out
}

func (p plan) subject(what string) ca.Subject {
	return ca.Subject{{OID: ca.OIDOrganization, Value: p.org}, {OID: ca.OIDCommonName, Value: p.org + " " + what}}
}

// interactive tells whether somebody can be asked.
func (a *app) interactive() bool {
	in, ok := a.in.(*os.File)
	out, also := a.err.(*os.File)
	return ok && also && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// ceremony starts the signer for as long as founding takes, and brings it the
// wish over its own socket: no other process touches a key.
func (a *app) ceremony(ctx context.Context, l layout, p plan, f signer.Founding) error {
	lock, err := takeLock(l.lock())
	if err != nil {
		return err
	}
	defer lock.Close()
	if f.Database, err = newDatabase(ctx, l); err != nil {
		return err
	}
	words, err := softkey.NewWords(rand.Reader)
	if err != nil {
		return err
	}
	defer words.Wipe()
	if err := a.handWords(words, p.recovery); err != nil {
		return err
	}
	f.Words = words.Reveal()
	listener, err := bindSocket(l.socket("ceremony"))
	if err != nil {
		return err
	}
	defer listener.Close()
	file, err := handOver(listener)
	if err != nil {
		return err
	}
	parent := &family{layout: l, args: a.args, stderr: a.err}
	child, err := parent.start(ctx, child{role: "signer", files: map[string]*os.File{"ceremony": file}})
	if err != nil {
		return err
	}
	made, err := wire.Dial(dialPath(l.socket("ceremony"))).Found(ctx, f)
	if err := errors.Join(err, child.stop()); err != nil {
		return err
	}
	if err := bindBook(ctx, l, made.Log); err != nil {
		return err
	}
	if err := writeAuditKey(l.auditKey(), made.LogKey); err != nil {
		return err
	}
	if err := l.writeConfig(p.pki); err != nil {
		return err
	}
	return a.print(made, founded(l, p, made))
}

// handWords puts the recovery words where their holder takes them from: a new
// file, or the terminal, where one word typed back shows that they were written down.
func (a *app) handWords(words softkey.Words, path string) error {
	if path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return ca.Invalid(ca.E1102, "the recovery words cannot be written", "name a file that does not exist: --recovery-file FILE").Because(err.Error())
		}
		_, err = io.WriteString(f, words.Reveal()+"\n")
		return errors.Join(err, f.Sync(), f.Close())
	}
	fmt.Fprintf(a.err, "Recovery words for the root key, shown once. Write them down, keep them away from this machine:\n  %s\nType the third word to continue: ", words.Reveal())
	typed, err := bufio.NewReader(io.LimitReader(a.in, maxSecret)).ReadString('\n')
	if err != nil || strings.ToLower(strings.TrimSpace(typed)) != strings.Fields(words.Reveal())[2] {
		return ca.Refused(ca.E3002, "this is not the third word, so nothing was founded", "remove the directory and run chancery init again")
	}
	return nil
}

// founded is what people read after init.
func founded(l layout, p plan, made signer.Founded) string {
	var b strings.Builder
	for _, c := range made.Authorities {
		what := "key sealed under the recovery words, not needed for daily work"
		if c.Kind == ca.Issuing {
			what = "path length 0"
		}
		fmt.Fprintf(&b, "✓ %-11s %-12s %-11s until %s   %s\n", c.Kind, c.Name, c.KeyType, c.NotAfter.Format("2006-01-02"), what)
	}
	fmt.Fprintf(&b, "  Root fingerprint (SHA-256), to compare wherever the root is installed:\n    %s\n", fingerprint(made.Authorities[0].Certificate))
	if p.unlock == "auto" {
		fmt.Fprintf(&b, "! whoever can read %s can sign: --unlock prompt asks at each start instead\n", filepath.Join(l.keys(), "auto.key"))
	}
	if p.recovery != "" {
		fmt.Fprintf(&b, "! move %s away from this machine: its words open the root\n", p.recovery)
	}
	return b.String()
}

// fingerprint groups a digest so that two people can compare it aloud.
func fingerprint(der []byte) string {
	digits := fmt.Sprintf("%X", sha256.Sum256(der))
	var groups []string
	for i := 0; i < len(digits); i += 4 {
		groups = append(groups, digits[i:i+4])
	}
	return strings.Join(groups, " ")
}
