// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"chancery/ca"
	checker "chancery/check"
	"chancery/client"
	"chancery/signer"
)

// verdicts is how many requests are judged by front and signer.
const verdicts = 2000

// A judgedRequest is a request and what the front made of it.
type judgedRequest struct {
	order client.Order
	code  ca.Code
	plan  ca.Plan
}

// PF-01: what the front says of a request in a dry run is what the signer does with it,
// which asks nobody: the same code, or the certificate that was promised.
func TestPF01_FrontAndSignerAreOfOneMind(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	words := h.file("words")
	h.done("ca", "create", "users-g1", "--for", "client,email", "--names", "dns:lab.example", "--names", "!dns:secret.lab.example", "--names", "email:@lab.example", "--recovery-file", words, "--yes")
	h.done("profile", "set", "client", "--lines", "users", "--yes")
	h.done("profile", "set", "device", "--set", "names.granted=true", "--set", "strict=true", "--yes")
	h.done("policy", "grant", "uid:1", "--profile", "device", "--dns", "*.lab.example", "--yes")
	h.done("policy", "grant", fmt.Sprintf("uid:%d", os.Getuid()), "--profile", "device", "--dns", "*.lab.example", "--yes")
	all := generatedRequests(t, verdicts)
	var profiles []ca.Profile
	err := h.fronted(func(k *client.Client) (err error) {
		if profiles, err = k.Profiles(t.Context()); err != nil {
			return err
		}
		group, ctx := errgroup.WithContext(t.Context())
		group.SetLimit(16)
		for i := range all {
			group.Go(func() error {
				plan, err := k.Plan(ctx, all[i].order)
				var p *ca.Problem
				if err != nil && !errors.As(err, &p) {
					return err
				}
				if all[i].plan = plan; p != nil {
					all[i].code = p.Code
				}
				return nil
			})
		}
		return group.Wait()
	})
	if err != nil {
		t.Fatal(err)
	}
	codes := map[ca.Code]int{}
	h.atTheSigner(func(s *signer.Signer, session ca.Session) {
		for first := 0; first < len(all); first += signer.MaxBatch {
			batch := all[first:min(first+signer.MaxBatch, len(all))]
			wishes := make([]ca.Request, len(batch))
			for i, j := range batch {
				wishes[i] = wished(j.order, profiles, first+i)
			}
			answers, err := s.Issue(session.Number, wishes)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range answers {
				codes[batch[i].code]++
				if fault := batch[i].differs(a); fault != "" {
					t.Errorf("request %d, %+v: %s", first+i, wishes[i].Profile, fault)
				}
			}
		}
	})
	t.Logf("%v", codes)
	if codes[""] < verdicts/10 || len(codes) < 8 {
		t.Errorf("the requests are too much alike: %v", codes)
	}
}

// fronted does something with a service that ends then.
func (h hand) fronted(do func(*client.Client) error) error {
	_, service := h.serving()
	err := call(h.t.Context(), layout{h.dir}.socket("admin"), func(_ context.Context, k *client.Client) error { return do(k) })
	if stop := service.Process.Signal(os.Interrupt); stop != nil {
		return errors.Join(err, stop)
	}
	_ = service.Wait() // how it ends is not asked here
	return err
}

// wished is the wish that a front would send for an order.
func wished(o client.Order, profiles []ca.Profile, n int) ca.Request {
	q := ca.Request{
		ID: ca.RequestID(fmt.Sprintf("0193aaaa-0000-7000-8000-%012d", n)), Door: ca.DoorCLI, From: ca.Actor{ID: fmt.Sprintf("uid:%d", os.Getuid()), Method: ca.MethodPeer, UID: os.Getuid()},
		Profile: o.Profile, Line: o.Authority, CSR: o.CSR, At: time.Now(),
	}
	if o.Days != 0 {
		q.NotAfter = q.At.AddDate(0, 0, o.Days)
	}
	if at := slices.IndexFunc(profiles, func(p ca.Profile) bool { return p.Name == o.Profile }); at >= 0 {
		q.Digest = profiles[at].Digest
	}
	return q
}

// differs says how the signer's answer is another than the front's; "" if it is not.
func (j judgedRequest) differs(a ca.Answer) string {
	switch {
	case a.Problem != nil && j.code != a.Problem.Code:
		return fmt.Sprintf("the front says %q, the signer refuses: %s %s", j.code, a.Problem.Code, a.Problem.Detail)
	case a.Problem != nil:
		return ""
	case j.code != "":
		return fmt.Sprintf("the front refuses with %s, the signer signed", j.code)
	}
	x, err := x509.ParseCertificate(a.DER)
	if err != nil {
		return err.Error()
	}
	subject, names, err := checker.Names(a.DER)
	d := j.plan.Draft
	if err != nil || subject.String() != d.Subject.String() || !slices.Equal(names, d.Names) || !bytes.Equal(x.RawSubjectPublicKeyInfo, d.SPKI) {
		return fmt.Sprintf("promised were %s %v, signed %s %v (%v)", d.Subject, d.Names, subject, names, err)
	}
	if life := x.NotAfter.Sub(x.NotBefore) - d.NotAfter.Sub(d.NotBefore); life.Abs() > 5*time.Minute {
		return fmt.Sprintf("the life is %v longer than promised", life)
	}
	return ""
}

// generatedRequests makes requests, right and wrong in many ways, the same ones each time.
func generatedRequests(t *testing.T, n int) []judgedRequest {
	t.Helper()
	dice := mathrand.New(mathrand.NewPCG(1, 2)) //nolint:gosec // a test that repeats itself
	one := func(of ...string) string { return of[dice.IntN(len(of))] }
	keys := subjectKeys(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	keys = append(keys, subjectKey{small, "rsa-1024"})
	out := make([]judgedRequest, n)
	for i := range out {
		r := x509.CertificateRequest{}
		for range 1 + dice.IntN(5)/2 - dice.IntN(12)/11 {
			switch dice.IntN(7) {
			case 0, 1, 2, 3, 4:
				r.DNSNames = append(r.DNSNames, one(slices.Concat(slices.Repeat([]string{"nas.lab.example", "lab.example", "a.b.lab.example", "xn--bcher-kva.lab.example", "NAS.lab.example"}, 12), []string{"*.lab.example", "secret.lab.example", "x.secret.lab.example", "other.example", "localhost", "a..lab.example", "*.com"})...))
			case 5:
				r.IPAddresses = append(r.IPAddresses, net.ParseIP(one("10.0.0.7", "10.0.0.8", "fd00::7", "127.0.0.1", "8.8.8.8")))
			default:
				r.EmailAddresses = append(r.EmailAddresses, one("amira@lab.example", "hana@lab.example", "hana@lab.example", "hana@lab.example", "amira@other.example", "no address"))
			}
		}
		r.Subject = pkix.Name{CommonName: one("", "", "", "", "", "", "", "nas.lab.example", "Amira", "10.0.0.7")}
		if dice.IntN(4) == 0 {
			r.Subject.Organization = []string{one("Lab", "Evil")}
		}
		switch dice.IntN(12) {
		case 0: // CA:TRUE
			r.ExtraExtensions = append(r.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}})
		case 1: // must-staple
			r.ExtraExtensions = append(r.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}})
		}
		key := keys[dice.IntN(len(keys)-1+dice.IntN(6)/5)]
		csr, err := x509.CreateCertificateRequest(rand.Reader, &r, key.Signer)
		if err != nil {
			t.Fatal(err)
		}
		if dice.IntN(20) == 0 {
			csr[len(csr)-1] ^= 1 // its signature
		}
		out[i].order = client.Order{
			CSR: csr, Profile: one("server", "server", "server", "server", "client", "client", "client", "email", "device", "device", "nothing"),
			Authority: one("", "", "", "", "", "", "", "", "", "", "", "", "users", "users", "issuing", "nowhere"), Days: []int{0, 0, 0, 1, 30, 90, 90, 200, 397, 398, 4000}[dice.IntN(11)],
		}
	}
	return out
}

// What policy plan says of the standing certificates comes true: asked for again under the
// changed profile, those are refused that it named, and the others are issued, as OpenSSL
// and zlint see it too.
func TestAPlanComesTrue(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	tool := filepath.Join(t.TempDir(), "zlint")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "../../tools/zlint", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	orders := map[string]client.Order{}
	var refused map[string]bool
	root := h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	err := call(t.Context(), layout{h.dir}.socket("admin"), func(ctx context.Context, k *client.Client) error {
		for _, j := range generatedRequests(t, 800) {
			if j.order.Profile != "server" {
				continue
			}
			if issued, err := k.Issue(ctx, j.order); err == nil {
				orders[issued.Certificate.PublicName()] = j.order
			}
		}
		document := strings.NewReplacer("max_days = 397", "max_days = 120", `"*.lab.example"`, `"a.b.lab.example", "nas.lab.example", "xn--bcher-kva.lab.example"`, `"ed25519", `, "").Replace(h.done("profile", "show", "server").out)
		plan, err := k.Rehearse(ctx, ca.Trial{Document: document})
		if err != nil {
			return err
		}
		refused = map[string]bool{}
		for _, c := range plan.Cases {
			refused[c.Certificate] = c.Problem != nil
		}
		if plan.Checked != len(orders) || plan.Refused < 10 || plan.Refused > plan.Checked-10 {
			t.Errorf("checked %d of %d, refused %d", plan.Checked, len(orders), plan.Refused)
		}
		h.done("profile", "set", "server", "--file", h.write("server.toml", document), "--yes")
		var leaves bytes.Buffer
		for name, o := range orders {
			issued, err := k.Issue(ctx, o)
			if (err != nil) != refused[name] {
				t.Errorf("%s: refused %v, planned %v", name, err, refused[name])
			}
			if err == nil {
				if err := pem.Encode(&leaves, &pem.Block{Type: certificateLabel, Bytes: issued.Certificate.DER}); err != nil {
					return err
				}
				h.write("intermediate.pem", pemText(certificateLabel, issued.Chain))
			}
		}
		c := exec.CommandContext(ctx, tool)
		c.Stdin = bytes.NewReader(leaves.Bytes())
		if out, err := c.CombinedOutput(); err != nil || strings.Count(string(out), "\n") != 1 {
			t.Errorf("zlint: %v\n%s", err, out)
		}
		args := []string{"verify", "-x509_strict", "-CAfile", root, "-untrusted", h.file("intermediate.pem")}
		for i, block := range strings.SplitAfter(leaves.String(), "-----END CERTIFICATE-----\n") {
			if block != "" {
				args = append(args, h.write(fmt.Sprintf("leaf-%d.pem", i), block))
			}
		}
		if out, err := exec.CommandContext(ctx, "openssl", args...).CombinedOutput(); err != nil || strings.Count(string(out), ": OK") < 10 {
			t.Errorf("openssl verify: %v\n%s", err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
