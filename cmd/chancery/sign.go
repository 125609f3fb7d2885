// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/internal/csr"
)

// A signing is what sign was asked.
type signing struct {
	outputs
	client.Order
	key string
	dry bool
	// yes leaves out the question at a terminal.
	yes bool
	// dir or batch name many requests.
	dir, batch string
}

func (a *app) signCommand() *cobra.Command {
	var q signing
	c := &cobra.Command{
		Use: "sign [REQUEST...]", Short: "Sign certification requests (PKCS#10)",
		Long: "Signs a certification request, and prints the certificate with the authorities between it and the root.\n" +
			"--out with a directory writes cert.pem, chain.pem and fullchain.pem into it. With --key-file, which is read here\n" +
			"and goes nowhere, key-cert.pem too, and --p12. At a terminal it shows what it will sign, and asks.\n" +
			"Several files, --requests and --batch give a line for each request; one that is refused stops no other.\n" +
			"--out is a directory for their certificates then; without it -o jsonl has each with its chain, and -q the name that chancery show takes.",
		Example: "  chancery sign nas.csr > nas.pem\n  openssl req -new ... | chancery sign - --profile client\n  chancery sign nas.csr --key-file nas.key --out nas/ --p12 nas.p12 --password-file secret\n" +
			"  chancery sign a.csr b.csr --out certs/\n  chancery sign --batch all-requests.pem --profile device -o jsonl > results",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 || q.dir != "" || q.batch != "" {
				return a.signAll(c, q, args)
			}
			if len(args) != 1 {
				return usage("sign takes one file with a request, or - for standard input", "chancery sign nas.csr")
			}
			if err := someDays(c, q.Days); err != nil {
				return err
			}
			if err := a.judgeSigning(q); err != nil {
				return err
			}
			content, err := a.readInput(args[0])
			var long *ca.Problem
			if errors.As(err, &long) && long.Code == ca.E2203 {
				long.Fix = "name the file with the request; if it has many: " + a.says("sign --batch "+typeable(args[0]))
			}
			if err != nil {
				return err
			}
			if csr.Count(content) > 1 {
				return a.severalRequests(args[0])
			}
			q.CSR, q.Order.Key = content, idempotency()
			return a.lineMeant(c.Context(), q.Authority, a.sign(c.Context(), q))
		},
	}
	f := c.Flags()
	f.StringVar(&q.Profile, "profile", "server", "profile to sign under")
	f.StringVar(&q.Authority, "ca", "", "line of authorities that shall sign, or its active generation (default: the profile's)")
	a.completeFlag(c, "ca", completeIssuing)
	f.IntVar(&q.Days, "days", 0, "lifetime in days (default: the profile's)")
	f.BoolVar(&q.yes, "yes", false, "sign without showing it first at a terminal; elsewhere nothing asks: the file was named, and the policy judges it")
	f.StringVar(&q.dir, "requests", "", "sign each .csr, .req and .p10 file of a directory")
	f.StringVar(&q.batch, "batch", "", "sign each request of a file in PEM, or of - for standard input, however many")
	f.BoolVar(&q.dry, "dry-run", false, "ask what would be signed, and sign nothing")
	f.StringVar(&q.out, "out", "", "new file for the certificate with its chain, or a directory/ for each form (default: print it)")
	f.StringVar(&q.key, "key-file", "", "file of the request's private key, for key-cert.pem and --p12")
	a.outputFlags(c, &q.outputs)
	a.completeFlag(c, "profile", completeProfiles)
	return c
}

// severalRequests is about requests that came where one was meant: which of them, nobody said.
func (a *app) severalRequests(path string) error {
	what, pipe := path+" holds", ""
	if path == "-" {
		what, pipe = "there came", "… | "
	}
	return ca.Invalid(ca.E2203, what+" more than one request, and sign takes one", pipe+a.says("sign --batch "+typeable(path))+" signs all of them, with a line for each")
}

// signAll signs several requests.
func (a *app) signAll(c *cobra.Command, q signing, args []string) error {
	switch {
	case q.key != "" || q.p12 != "" || q.form != asPEM || q.text:
		return usage("--key-file, --p12, --format and --text are for one request", "leave them out")
	case q.dir != "" && q.batch != "" || len(args) > 0 && q.dir+q.batch != "":
		return usage("files, --requests and --batch do not go together", "name one of them")
	case q.out != "" && !q.directory():
		return usage("--out is a directory for many certificates", "end it with a slash: --out certs/")
	}
	if err := someDays(c, q.Days); err != nil {
		return err
	}
	if _, err := q.makeDirectory(); err != nil {
		return err
	}
	if q.batch != "" {
		in, err := a.opened(q.batch)
		if err != nil {
			return err
		}
		defer in.Close() //nolint:errcheck // it was only read
		return a.signMany(c.Context(), q, fromStream(in), requestsIn(q.batch))
	}
	if q.dir != "" {
		var err error
		if args, err = inDirectory(q.dir); err != nil {
			return err
		}
	}
	return a.signMany(c.Context(), q, a.fromFiles(args), int64(len(args)))
}

// judgeSigning refuses, before anything is signed, what could not be answered.
func (a *app) judgeSigning(q signing) error {
	sample := q.sample()
	if q.dry {
		sample = answer{value: ca.Plan{}}
	}
	if err := a.canGive(sample); err != nil {
		return err
	}
	if err := q.judge(q.key); err != nil {
		return err
	}
	if err := a.keepsKeys(q.outputs, q.key, false); err != nil {
		return err
	}
	if q.key != "" && q.p12 == "" && !q.directory() {
		return usage("--key-file is for key-cert.pem and --p12", "name a directory, or --p12 FILE: chancery sign nas.csr --key-file nas.key --out nas/")
	}
	if q.out == "" && q.form != asPEM && a.shown() {
		return usage("binary is not written to a terminal", "name a file, or - to write it nevertheless: --out FILE")
	}
	return nil
}

// sign has a request signed, and hands out what was made of it.
func (a *app) sign(ctx context.Context, q signing) error {
	if q.dry {
		return a.with(ctx, func(ctx context.Context, k *client.Client) error {
			p, err := k.Plan(ctx, q.Order)
			if err != nil {
				return err
			}
			return a.print(p, fitted(planText(p), columnsOf(a.out)))
		})
	}
	m := material{}
	if err := q.free(q.key != "", false); err != nil {
		return err
	}
	var err error
	if m.secret, err = a.newSecret(ctx, q.outputs, false); err != nil {
		return err
	}
	if q.key != "" {
		if m.key, err = a.readKey(ctx, q.key, q.password, m.secret); err != nil {
			return err
		}
		if err := q.matches(m.key); err != nil {
			return err
		}
	}
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		if err := a.signAgreed(ctx, k, q); err != nil {
			return err
		}
		if m.Issued, err = k.Issue(ctx, q.Order); err != nil {
			return err
		}
		for _, n := range m.Notices {
			a.note("%s", n)
		}
		return a.signed(q, m)
	})
}

// matches refuses a key that is not the request's: the files made of it would help
// nobody.
func (q signing) matches(key *keyFile) error {
	der, err := csr.Decode(q.CSR)
	if err != nil {
		return err
	}
	asked, err := csr.Parse(der)
	if err != nil {
		return err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.signer.Public())
	if err != nil {
		return fmt.Errorf("read the key in %s: %w", key.path, err)
	}
	if sha256.Sum256(spki) != asked.Key {
		return ca.Invalid(ca.E2505, "the key in "+key.path+" is not the one that the request was made with", "name that one: --key-file FILE")
	}
	return nil
}

func (a *app) signed(q signing, m material) error {
	m.name = m.Certificate.Title()
	if _, err := q.makeDirectory(); err != nil {
		return a.unwritten(m, q.out, err)
	}
	paths, err := a.writeOutputs(q.outputs, m)
	if err != nil {
		return err
	}
	asked, err := asks(q.CSR)
	if err == nil {
		err = a.compared(asked, m.Issued)
	}
	if err != nil {
		return err
	}
	return a.answered(q.outputs, m.Issued, paths)
}

// answered says which files were written, or writes to standard output what one would
// hold, or answers in a form of -o.
func (a *app) answered(o outputs, i ca.Issued, paths []string) error {
	if !o.prints() {
		return a.give(a.handedOut(i, paths))
	}
	if a.form() != "" || a.quiet || len(a.fields) > 0 {
		return a.give(chainAnswer(i))
	}
	body, err := o.body(i)
	if err != nil {
		return err
	}
	return a.write(body)
}
