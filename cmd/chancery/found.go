// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"chancery/ca"
	"chancery/internal/whole"
	"chancery/signer"
	"chancery/signer/softkey"
	"chancery/signer/wire"
)

// A foundation is what init made.
type foundation struct {
	signer.Founded
	// Request is for the certificate of the first authority, in DER, where the root is
	// elsewhere.
	Request []byte `json:"request,omitempty"`
}

// make makes the directory and founds in it, or leaves nothing behind.
func (a *app) make(ctx context.Context, l layout, p plan, f signer.Founding) (made foundation, err error) {
	if err := l.make(); err != nil {
		return made, err
	}
	lock, err := takeLock(l.lock())
	if err != nil {
		return made, err // another init, whose directory this is
	}
	defer lock.Close()
	defer func() {
		if err != nil {
			l.unmake()
		}
	}()
	if f.Database, err = newDatabase(ctx, l); err != nil {
		return made, err
	}
	if made, err = a.ceremony(ctx, l, p, f); err != nil {
		return made, err
	}
	if err := l.place(made.Lists); err != nil {
		return made, err
	}
	if err := writeAuditKey(l.auditKey(), made.LogKey); err != nil {
		return made, err
	}
	if err := bindBook(ctx, l, made.Log); err != nil {
		return made, err
	}
	if err := l.noteWords(p.recovery); err != nil {
		return made, err
	}
	if p.request != "" {
		if err := whole.Write(p.request, 0o644, []byte(pemText(requestLabel, [][]byte{made.Request}))); err != nil {
			return made, ca.Invalid(ca.E1102, "the request cannot be written", "name a file that does not exist: --csr-out FILE").Because(err.Error())
		}
	}
	return made, l.writeConfig(p.pki, p.base)
}

// ceremony starts the signer for as long as founding takes, and brings it the
// wish over its own socket: no other process touches a key.
func (a *app) ceremony(ctx context.Context, l layout, p plan, f signer.Founding) (made foundation, err error) {
	listener, err := bindSocket(l.socket("ceremony"))
	if err != nil {
		return made, err
	}
	defer listener.Close()
	file, err := handOver(listener)
	if err != nil {
		return made, err
	}
	parent := &family{layout: l, args: a.args, stderr: bare(a.err)}
	child, err := parent.start(ctx, child{role: "signer", files: map[string]*os.File{"ceremony": file}})
	if err != nil {
		return made, err
	}
	door := wire.Dial(dialPath(l.socket("ceremony")))
	if made.Founded, err = door.Found(ctx, f); err == nil && f.Elsewhere {
		var asked signer.Requested
		asked, err = door.ExportCSR(ctx, p.asking())
		made.Request = asked.DER
	}
	return made, errors.Join(err, child.stop())
}

// asking is the request for the certificate of the first authority, whose root is elsewhere.
func (p plan) asking() signer.KeyRequest {
	return signer.KeyRequest{Name: firstIssuing, Kind: ca.Issuing, KeyType: p.key, Subject: p.called}
}

// firstIssuing is what a founding calls the authority that issues.
const firstIssuing = "issuing-g1"

// requested says what there is after a founding without a root, and what is missing. The
// request goes where answers go, unless a file was named for it.
func (a *app) requested(l layout, p plan, made foundation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "✓ the key of %s is made, and a request for its certificate; log, policy and recovery words are in force\n", firstIssuing)
	b.WriteString("! waiting: nothing is issued until the root, which is elsewhere, has signed the request and the certificate is here\n")
	b.WriteString(a.cautions(l, p, "the keys"))
	if p.request != "" {
		fmt.Fprintf(&b, "  The request is in %s. Its certificate needs CA:TRUE with path length 0, keyCertSign and cRLSign, a subject key\n", p.request)
	} else {
		b.WriteString("  Have the request signed. Its certificate needs CA:TRUE with path length 0, keyCertSign and cRLSign, a subject key\n")
	}
	b.WriteString("  identifier, and the extended key usages that it hands out: serverAuth, clientAuth, emailProtection, OCSPSigning.\n")
	fmt.Fprintf(&b, "Next:  %-45s once it was signed; chain.pem has those above it\n", a.says("ca import-cert "+firstIssuing+" FILE chain.pem"))
	if p.request != "" {
		return a.print(made, b.String())
	}
	fmt.Fprint(a.err, b.String())
	return a.print(made, pemText(requestLabel, [][]byte{made.Request}))
}

// handWords puts the recovery words where their holder takes them from: a new
// file, or the terminal, where one word typed back shows that they were written down.
func (a *app) handWords(ctx context.Context, by byFlag, words softkey.Words, path string) error {
	if path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return ca.Invalid(ca.E1102, "the recovery words cannot be written", "name a file that does not exist: "+by.with("FILE")).Because(err.Error())
		}
		_, err = io.WriteString(f, words.Reveal()+"\n")
		return errors.Join(err, f.Sync(), f.Close())
	}
	fmt.Fprintf(a.err, "Recovery words for the key, shown once. Write them down, keep them away from this machine:\n  %s\nType the third word to continue: ", words.Reveal())
	typed, err := a.line(ctx, by)
	if err != nil {
		return err
	}
	if strings.ToLower(typed) != strings.Fields(words.Reveal())[2] {
		return ca.Invalid(ca.E3002, "this is not the third word, so nothing was made", "type the same again: it shows new words")
	}
	return nil
}

// made is what people read after init.
func (a *app) made(l layout, p plan, f foundation) string {
	var b strings.Builder
	for _, c := range f.Authorities {
		what := "key sealed under the recovery words, not needed for daily work"
		switch {
		case c.Kind == ca.Issuing && c.Parent == c.Name:
			what = "signs itself and everything else"
		case c.Kind == ca.Issuing:
			what = "path length 0"
		}
		fmt.Fprintf(&b, "✓ %-11s %-12s %-11s until %s   %s\n", c.Kind, c.Name, c.KeyType, onDay(c.NotAfter), what)
	}
	fmt.Fprintf(&b, "  Root fingerprint (SHA-256), to compare wherever the root is installed:\n    %s\n", fingerprint(f.Authorities[0].Certificate))
	if p.single {
		b.WriteString("! whoever steals this key is the root: two tiers keep it sealed (chancery init without --single-tier)\n")
	}
	b.WriteString(a.cautions(l, p, "the root"))
	fmt.Fprintf(&b, "Next:  %-45s start the service\n", a.says("serve"))
	if p.unlock == "prompt" {
		fmt.Fprintf(&b, "       %-45s open the signing keys, after each start\n", a.says("key unlock"))
	}
	fmt.Fprintf(&b, "       %-45s your first certificate\n", a.says("issue "+firstHost(p.names)))
	fmt.Fprintf(&b, "       %-45s trust the root on this computer\n", a.says("trust install"))
	return b.String()
}

// cautions are what whoever founds must know; the words open what is named.
func (a *app) cautions(l layout, p plan, opened string) string {
	var b strings.Builder
	if p.unlock == "auto" {
		fmt.Fprintf(&b, "! whoever can read %s can sign: %s, and whoever has a copy of the directory; --unlock prompt asks at each start instead\n",
			filepath.Join(l.keys(), "auto.key"), andRoot(accountName(os.Geteuid())))
	}
	if host := hostOf(p.pki); !strings.Contains(host, ".") && !strings.Contains(host, ":") {
		fmt.Fprintf(&b, "! certificates carry %s: only machines that know the name %s find the lists there (--hostname, --pki-url)\n", p.pki, host)
	}
	if c := l.room().check(); c.Level != ca.Fine {
		fmt.Fprintf(&b, "! %s → %s\n", c.Message, roomFix)
	}
	if p.recovery != "" {
		fmt.Fprintf(&b, "! move %s away from this machine: its words open %s\n", p.recovery, opened)
	}
	return b.String()
}

// hostOf is the host of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// says is what to type for a command on the directory in use.
func (a *app) says(command string) string {
	if a.dir != "" {
		return "chancery --dir " + a.dir + " " + command
	}
	return "chancery " + command
}

// firstHost is a host that the names allow, for an example.
func firstHost(names []string) string {
	for _, n := range names {
		if name := strings.TrimPrefix(n, "*."); !strings.ContainsAny(name, "*@/:") && strings.Trim(name, "0123456789.") != "" {
			return "nas." + name
		}
	}
	return "NAME"
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
