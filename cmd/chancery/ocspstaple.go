// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/internal/ocsp"
	"chancery/internal/whole"
)

const (
	// maxStaples bounds the certificates of one server.
	maxStaples = 256
	// besideEnd is what HAProxy looks for behind the name of a certificate's file.
	besideEnd = ".ocsp"
)

// A stapling is what ocsp staple was asked.
type stapling struct {
	out    string
	beside bool
	url    string
	issuer string
	// password is the file with that of an encrypted file.
	password string
	watch    bool
	command  string
}

// A staple is a file with the answer about one certificate.
type staple struct {
	// Certificate and File are paths.
	Certificate string `json:"certificate"`
	File        string `json:"file"`
	Status      string `json:"status"`
	// ThisUpdate and NextUpdate are those of the answer in the file.
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	// Written says that the file was written now.
	Written bool `json:"written"`
}

func (a *app) ocspStaple() *cobra.Command {
	var q stapling
	c := &cobra.Command{
		Use: "staple CERTIFICATE…", Short: "Write the answers that nginx and HAProxy staple, and keep them fresh",
		Long: "Asks the responder that each certificate names, verifies the answer as a client would, and writes it in DER: to --out for\n" +
			"nginx (ssl_stapling_file), or beside the certificate's file for HAProxy (key-cert.pem.ocsp). With --watch it is asked once a\n" +
			"minute, and written anew when half of its life is over or the status is another; while the responder is away the files stay,\n" +
			"and it is asked again. Apache asks by itself: SSLUseStapling on.\n\n" +
			"A revoked certificate's answer is written too, since the good one in the file would speak for it for another day; servers\n" +
			"staple what is in the file. What is unknown, not verified, or older than what is there is never written. Exit code 9 means\n" +
			"that an answer is not good.",
		Example: "  chancery ocsp staple fullchain.pem --out /etc/nginx/nas.ocsp\n  chancery ocsp staple /etc/haproxy/certs/*.pem --beside\n" +
			"  chancery ocsp staple fullchain.pem --out nas.ocsp --watch --exec 'nginx -s reload'",
		RunE: func(c *cobra.Command, args []string) error {
			if err := q.judge(args); err != nil {
				return err
			}
			if err := a.canGive(answer{value: []staple{}, rows: []staple{}}); err != nil {
				return err
			}
			return a.staples(c.Context(), q, args)
		},
	}
	f := c.Flags()
	f.StringVar(&q.out, "out", "", "file to write, or to replace with the answer of now")
	f.BoolVar(&q.beside, "beside", false, "write each beside its certificate's file, with .ocsp behind the name")
	f.StringVar(&q.url, "url", "", "address of the responder (default: the one in the certificate)")
	f.StringVar(&q.issuer, "issuer", "", "file with the certificate of who issued it (default: beside it, or in the installation)")
	f.StringVar(&q.password, "password-file", "", "file with the password of CERTIFICATE, if it needs one (CHANCERY_PASSWORD_FILE)")
	f.BoolVar(&q.watch, "watch", false, "stay, and keep the files fresh")
	f.StringVar(&q.command, "exec", "", "with --watch: what a shell runs after each change, and at the start")
	return c
}

// judge refuses what does not go together.
func (q stapling) judge(certificates []string) error {
	const example = "chancery ocsp staple fullchain.pem --out nas.ocsp"
	switch {
	case len(certificates) == 0 || len(certificates) > maxStaples:
		return usage(fmt.Sprintf("ocsp staple takes the files of 1 to %d certificates", maxStaples), example)
	case q.beside == (q.out != ""):
		return usage("the answer goes to --out, or beside the certificate", example)
	case q.out != "" && len(certificates) > 1:
		return usage("--out holds the answer about one certificate", "chancery ocsp staple A.pem B.pem --beside")
	case q.out == "-":
		return usage("a staple is a file that a server reads", example)
	case q.command != "" && !q.watch:
		return usage("--exec is for --watch", example+" --watch --exec 'nginx -s reload'")
	}
	return nil
}

// staples writes the files once, or keeps them fresh.
func (a *app) staples(ctx context.Context, q stapling, certificates []string) error {
	if q.watch {
		w := &watcher{app: a, command: q.command, every: fetchEvery}
		marks := map[string]string{}
		return w.watch(ctx, func(ctx context.Context) error { return a.staplesAgain(ctx, w, marks, q, certificates) })
	}
	all, err := a.stapled(ctx, q, certificates)
	if err != nil {
		return err
	}
	x := answer{value: all, rows: all, columns: []string{"certificate", "file", "status", "next_update"}}
	for _, s := range all {
		level := fine
		if s.Status != ca.OCSPGood.String() {
			level, err = failed, errFaults
		}
		x.text += fmt.Sprintf("%s %s says %s, until %s\n", a.mark(level), s.File, s.Status, atTime(s.NextUpdate))
		x.names = append(x.names, s.File)
	}
	return errors.Join(a.give(x), err)
}

// staplesAgain writes the files that are due. marks has what each that was ever asked about
// holds: one that cannot be asked about now holds what it held, and no server need be told.
func (a *app) staplesAgain(ctx context.Context, w *watcher, marks map[string]string, q stapling, certificates []string) error {
	all, err := a.stapled(ctx, q, certificates)
	for _, s := range all {
		marks[s.File] = fmt.Sprintf("%s %s %s", s.File, s.Status, s.ThisUpdate)
		if s.Written {
			w.say("%s says %s of %s; this answer holds until %s", s.File, s.Status, s.Certificate, atTime(s.NextUpdate))
		}
	}
	if err != nil && w.written == "" && (len(marks) == 0 || !awaited(err)) {
		return err // no command runs over what was mistyped
	}
	w.written = strings.Join(slices.Sorted(maps.Values(marks)), "\n")
	return errors.Join(err, w.run(ctx, w.written))
}

// stapled brings each file up to date. One that cannot be keeps no other from it.
func (a *app) stapled(ctx context.Context, q stapling, certificates []string) (all []staple, fault error) {
	for _, path := range certificates {
		s := staple{Certificate: path, File: q.out}
		if q.beside {
			s.File = path + besideEnd
		}
		if err := a.stapleOne(ctx, q, &s); err != nil {
			fault = errors.Join(fault, err)
			continue
		}
		all = append(all, s)
	}
	return all, fault
}

// stapleOne asks about one certificate, and writes the answer if it is due.
func (a *app) stapleOne(ctx context.Context, q stapling, s *staple) error {
	ctx, cancel := context.WithTimeout(ctx, verifyWait)
	defer cancel()
	chain, err := a.chainOf(ctx, ocspInquiry{target: s.Certificate, issuer: q.issuer, password: q.password})
	if err != nil {
		return err
	}
	address := q.url
	if address == "" && len(chain[0].OCSPServer) > 0 {
		address = chain[0].OCSPServer[0]
	}
	if address == "" {
		return usage(s.Certificate+" names no responder", "name one: --url http://HOST:8080/ocsp")
	}
	serial, err := serialIn(chain[0])
	if err != nil {
		return err
	}
	said, err := askOCSP(ctx, address, chain[1], serial, false)
	if err == nil && said.Status == ca.OCSPUnknown {
		err = errors.New("it does not know the certificate")
	}
	if err != nil {
		return ca.Unavailable(ca.E1201, "the responder at "+ca.Show(address)+" gave no answer about "+s.Certificate+" that can be stapled", "chancery ocsp check "+s.Certificate).Because(manner(err))
	}
	now := time.Now()
	there, err := readStaple(s.File, chain[1], serial, now)
	if err != nil {
		return err
	}
	if there.keeps(said, now) {
		said.OCSPSingle = there.OCSPSingle
	} else {
		if err := whole.Put(s.File, 0o644, said.DER); err != nil {
			return cannotReplace(s.File, err)
		}
		s.Written = true
	}
	s.Status, s.ThisUpdate, s.NextUpdate = said.Status.String(), said.ThisUpdate, said.NextUpdate
	return nil
}

// keeps tells whether an answer in a file stays: it says the same and half of its life is to
// come, or it is the newer one.
func (x ocspAnswer) keeps(said ocspAnswer, now time.Time) bool {
	if x.Signer == nil {
		return false // there is none that a client would take
	}
	if x.ThisUpdate.After(said.ThisUpdate) {
		return true
	}
	half := x.ThisUpdate.Add(x.NextUpdate.Sub(x.ThisUpdate) / 2)
	return x.Status == said.Status && now.Before(half)
}

// readStaple reads the answer in a file. One about something else, or that has ended, is
// none; a file that is no answer at all is somebody else's, and must not be lost.
func readStaple(path string, issuer *x509.Certificate, serial ca.Serial, now time.Time) (out ocspAnswer, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	other := ca.Invalid(ca.E1102, path+" is there, and holds something else than an answer of OCSP", "name another file, or remove it: --out FILE")
	if err != nil || !info.Mode().IsRegular() || info.Size() > ocsp.MaxResponse {
		return out, other
	}
	body, err := os.ReadFile(path) //nolint:gosec // the user's file
	if err != nil {
		return out, other.Because(err.Error())
	}
	if len(body) == 0 {
		return out, nil
	}
	r, err := ocsp.Read(body)
	if err != nil {
		return out, other
	}
	id, err := ocsp.CertID("sha1", issuer.RawSubject, issuer.RawSubjectPublicKeyInfo, serial)
	if err != nil {
		return out, err
	}
	signer, bad := r.Signer(issuer, now)
	single, ended := r.Current(id, now, 0)
	if bad != nil || ended != nil {
		return out, nil //nolint:nilerr // it is to be replaced
	}
	return ocspAnswer{OCSPSingle: single, ProducedAt: r.ProducedAt, Signer: signer}, nil
}
