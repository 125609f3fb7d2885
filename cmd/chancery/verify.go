// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/verify"
)

// verifyWait bounds a whole verification: a server that is slow, and a list or two
// that are fetched.
const verifyWait = time.Minute

// soon is how long before its end a certificate is announced as ending, unless told
// otherwise: a month, as mails do.
const soon = 30 * 24 * time.Hour

// An inquiry is what verify was asked.
type inquiry struct {
	target   string
	as       string
	roots    string   // --ca
	system   bool     // --system
	lists    []string // --crl
	fetch    bool
	key      string
	password string // file with one
	sni      string
	soon     when
}

func (a *app) verifyCommand() *cobra.Command {
	var q inquiry
	var hosts bool
	var port int
	c := &cobra.Command{
		Use: "verify FILE|HOST:PORT", Short: "Check whether a certificate would be accepted, and say why not",
		Long: "Checks the certificate of a file, or of a server that speaks TLS: chain, dates, use, names, name constraints, keys,\n" +
			"revocation. Roots are those of this installation, unless told otherwise. Exit code 9 means that something fails.\n\n" +
			"Checks: " + strings.Join(append([]string{checkConnection}, verify.Checks()...), ", "),
		Example: "  chancery verify nas.lab.example.pem --as server:nas.lab.example\n  chancery verify nas.lab.example:443\n  chancery verify mail.example:465 --system --fetch\n  chancery verify nas.pem --hosts",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("verify takes one file, or the address of a server", "chancery verify nas.lab.example:443")
			}
			if q.system && q.roots != "" {
				return usage("--ca and --system contradict each other", "chancery verify … --ca FILE, or --system")
			}
			q.target = args[0]
			if hosts {
				if port < 1 || port > 65535 {
					return usage(fmt.Sprintf("%d is no port", port), "--port 443")
				}
				return a.hosts(c.Context(), q.target, port)
			}
			ctx, cancel := context.WithTimeout(c.Context(), verifyWait)
			defer cancel()
			return a.accepted(ctx, q)
		},
	}
	f := c.Flags()
	f.StringVar(&q.as, "as", "", "what it must serve for: "+strings.Join(verify.Uses(), ", ")+", with :NAME behind it to check the name")
	f.StringVar(&q.roots, "ca", "", "file with the roots to trust, and authorities below them")
	f.BoolVar(&q.system, "system", false, "trust the roots of this computer")
	f.StringSliceVar(&q.lists, "crl", nil, "file with revocation lists; whoever is on none of them fails")
	f.BoolVar(&q.fetch, "fetch", false, "fetch revocation lists, and ask OCSP, where the certificates say (http)")
	f.StringVar(&q.key, "key", "", "file with the private key that must belong to it")
	f.StringVar(&q.password, "password-file", "", "file with the password of an encrypted file (CHANCERY_PASSWORD_FILE)")
	f.StringVar(&q.sni, "sni", "", "server name to ask for, if it is not the host")
	f.BoolVar(&hosts, "hosts", false, "connect to every name in the certificate, and say who really serves it")
	f.IntVar(&port, "port", 443, "port for --hosts")
	f.Var(&q.soon, "warn", "warn of what ends before then, such as 30d or 2027-06-30; without it, of what ends within 30 days and should have been renewed")
	_ = c.RegisterFlagCompletionFunc("as", fixed(verify.Uses()...)) // the flag is there
	return c
}

// A judgement is the answer of verify.
type judgement struct {
	Target string `json:"target"`
	// Good tells whether nothing failed.
	Good   bool      `json:"good"`
	Path   []step    `json:"path"`
	Checks []finding `json:"checks"`
}

// A step is a certificate on the way to a root.
type step struct {
	Title       string    `json:"title"`
	Subject     string    `json:"subject"`
	Serial      string    `json:"serial"`
	NotAfter    time.Time `json:"not_after"`
	Fingerprint string    `json:"fingerprint_sha256"`
}

// accepted gathers what the question needs, asks it, and answers.
func (a *app) accepted(ctx context.Context, i inquiry) error {
	sample := judgement{Checks: []finding{}}
	if err := a.canGive(answer{value: sample, rows: sample.Checks}); err != nil {
		return err
	}
	now := time.Now()
	ahead := soon
	if i.soon.given {
		ahead = i.soon.ahead(now).Sub(now.Truncate(time.Second))
	}
	q := verify.Question{At: now, Soon: ahead, OnceDue: !i.soon.given, NeedLists: i.fetch || len(i.lists) > 0}
	var err error
	if q.Use, q.Name, err = purpose(i.as); err != nil {
		return err
	}
	var met []finding
	if isFile(i.target) {
		q.Complete = q.Use == verify.Server
		err = a.certificateOf(ctx, &q, i)
	} else {
		q.Complete = true
		err = a.during(ctx, "connect", func() (err error) {
			met, err = a.peer(ctx, &q, i)
			return err
		})
	}
	if err != nil {
		return err
	}
	if q.Key, err = a.keyOf(ctx, q.Key, i); err != nil {
		return err
	}
	var v verify.Verdict
	var more []finding
	err = a.during(ctx, "verify", func() (err error) { // lists may be fetched
		v, more, err = a.answerOf(ctx, q, i)
		return err
	})
	if err != nil {
		return err
	}
	return a.giveVerdict(i.target, v, append(met, more...))
}

func (a *app) giveVerdict(target string, v verify.Verdict, met []finding) error {
	for _, f := range v.Findings {
		met = append(met, finding{ID: f.ID, Level: level(f.Level), Message: f.Message, Hint: f.Hint})
	}
	out := judgement{Target: target, Good: count(met, failed) == 0, Checks: met}
	for _, c := range v.Path {
		digest := sha256.Sum256(c.Raw)
		out.Path = append(out.Path, step{verify.Title(c), ca.EncodedName(c.RawSubject), hex.EncodeToString(c.SerialNumber.Bytes()), c.NotAfter, hex.EncodeToString(digest[:])})
	}
	if err := a.give(answer{value: out, text: fitted(a.diagnosis(met), columnsOf(a.out)), rows: met, columns: findingColumns}); err != nil {
		return err
	}
	if !out.Good {
		return errFaults
	}
	return nil
}

// purpose reads --as.
func purpose(as string) (verify.Use, string, error) {
	use, name, _ := strings.Cut(as, ":")
	if as != "" && !slices.Contains(verify.Uses(), use) {
		return "", "", usage("--as takes one of "+strings.Join(verify.Uses(), ", ")+", and not "+ca.Show(use), "--as server:nas.lab.example")
	}
	return verify.Use(use), name, nil
}

// answerOf asks the question, with the roots and lists that were chosen.
func (a *app) answerOf(ctx context.Context, q verify.Question, i inquiry) (v verify.Verdict, met []finding, err error) {
	for _, path := range i.lists {
		found, err := a.contents(ctx, path, i.password)
		if err != nil {
			return v, nil, err
		}
		if len(found.Lists) == 0 {
			return v, nil, usage(path+" holds no revocation list", "chancery show "+path)
		}
		for _, one := range found.Lists {
			l, err := x509.ParseRevocationList(one.DER)
			if err != nil {
				return v, nil, ca.Invalid(ca.E2501, "a revocation list of "+path+" cannot be read", "bring a list of version 2 (RFC 5280 §5.1)").Because(err.Error())
			}
			q.Lists = append(q.Lists, l)
		}
	}
	switch {
	case i.roots != "":
		err = a.rootsOfFile(ctx, &q, i)
	case i.system:
		q.Roots, err = a.systemRoots()
	default:
		met, err = a.ownRoots(ctx, &q)
	}
	if err != nil {
		return v, nil, err
	}
	if !i.fetch {
		return verify.Check(q), met, nil
	}
	path := verify.Check(q).Path
	met = append(met, fetchLists(ctx, &q, path)...)
	v = verify.Check(q)
	return v, append(met, differing(spokenOf(ctx, path), v)...), nil
}

// differing leaves out what OCSP says and a list said as well: one revocation is one fault.
func differing(spoken []finding, v verify.Verdict) []finding {
	return slices.DeleteFunc(spoken, func(f finding) bool {
		title, rest, is := strings.Cut(f.Message, isRevoked)
		_, why, _ := strings.Cut(strings.TrimSuffix(rest, saysOCSP), ", for ")
		for i, one := range v.Findings {
			if is && one.Level == verify.Failure && strings.HasPrefix(one.Message, title+isRevoked) && strings.HasSuffix(one.Message, ", for "+why) {
				v.Findings[i].Message += ", by list and OCSP"
				return true
			}
		}
		return false
	})
}

// hostPort takes an address apart; without a port it is that of HTTPS.
func hostPort(target string) (host, port string, err error) {
	if host, port, err = net.SplitHostPort(target); err == nil && host != "" {
		return host, port, nil
	}
	if bare := strings.Trim(target, "[]"); net.ParseIP(bare) != nil || !strings.ContainsAny(target, ":/ ") && strings.Contains(target, ".") || target == "localhost" {
		return bare, "443", nil
	}
	return "", "", usage(ca.Show(target)+" is no file, and no address of a server", "chancery verify FILE, or chancery verify HOST:PORT")
}
