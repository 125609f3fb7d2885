// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"chancery/ca"
	"chancery/client"
	"chancery/policy"
)

// linted is how many certificates zlint looks at, over all profiles; `make soak` shows it
// ten thousand.
func linted() int {
	if os.Getenv("CHANCERY_SOAK") != "" {
		return 10_000
	}
	return 2_000
}

// LN-01: certificates of all shipped profiles, with every type of key and of name that
// they take, in the eyes of zlint: no finding of level error.
func TestLN01_ZlintFindsNoErrorInWhatShippedProfilesGive(t *testing.T) {
	t.Parallel()
	tool := filepath.Join(t.TempDir(), "zlint")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "../../tools/zlint", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	keys := subjectKeys(t)
	var all bytes.Buffer
	for _, set := range policy.Sets() {
		t.Run(set, func(t *testing.T) { all.Write(certificatesOf(t, set, keys, linted()/len(policy.Sets()))) })
	}
	c := exec.CommandContext(t.Context(), tool)
	c.Stdin = &all
	out, err := c.CombinedOutput()
	last := strings.TrimSpace(string(out[strings.LastIndexByte(strings.TrimSpace(string(out)), '\n')+1:]))
	if err != nil || !strings.HasPrefix(last, fmt.Sprintf("%d certificates, ", linted())) || strings.Count(string(out), "\n") != 1 {
		t.Errorf("zlint: %v\n%.4000s", err, out)
	}
}

// certificatesOf founds with a set of profiles, and gives certificates of all of them that
// take requests, in PEM.
func certificatesOf(t *testing.T, set string, keys []subjectKey, most int) []byte {
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--org", "Lab", "--names", "lab.example,*.lab.example", "--recovery-file", h.file("words"), "--profile-set", set)
	h.serve()
	k, err := client.Dial(layout{h.dir}.socket("admin"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	profiles, err := k.Profiles(t.Context())
	profiles = slices.DeleteFunc(profiles, func(p ca.Profile) bool { return !slices.Contains(p.Doors, ca.DoorCLI) })
	if err != nil || len(profiles) < 4 {
		t.Fatalf("%d profiles, %v", len(profiles), err)
	}
	for _, p := range profiles {
		if p.Names.Granted {
			args := []string{"policy", "grant", fmt.Sprintf("uid:%d", os.Getuid()), "--profile", p.Name, "--yes"}
			for flag, patterns := range map[string][]string{"--dns": p.Names.DNS, "--ip": p.Names.IP, "--email": p.Names.Email, "--uri": p.Names.URI} {
				if len(patterns) > 0 {
					args = append(args, flag, strings.Join(patterns, ","))
				}
			}
			h.done(args...)
		}
	}
	var mu sync.Mutex
	var all bytes.Buffer
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(32)
	for i := range most {
		group.Go(func() error {
			p := profiles[i%len(profiles)]
			der, err := issuedAs(ctx, k, p, takenBy(p, keys), i/len(profiles))
			if err != nil {
				return fmt.Errorf("certificate %d of profile %s: %w", i, p.Name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			return pem.Encode(&all, &pem.Block{Type: certificateLabel, Bytes: der})
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

// A subjectKey is a key, and what profiles call its type.
type subjectKey struct {
	crypto.Signer
	kind string
}

// subjectKeys has a key of each type that profiles take.
func subjectKeys(t *testing.T) (all []subjectKey) {
	for kind, curve := range map[string]elliptic.Curve{"ecdsa-p256": elliptic.P256(), "ecdsa-p384": elliptic.P384(), "ecdsa-p521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, subjectKey{key, kind})
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	return append(all, subjectKey{edwards, "ed25519"}, subjectKey{large, "rsa-3072"})
}

// takenBy are the keys that a profile takes; its RSA sizes are the smallest.
func takenBy(p ca.Profile, keys []subjectKey) []subjectKey {
	return slices.DeleteFunc(slices.Clone(keys), func(k subjectKey) bool {
		return !slices.Contains(p.Keys, k.kind) && !(k.kind == "rsa-3072" && slices.Contains(p.Keys, "rsa-2048"))
	})
}

// issuedAs has a certificate issued under a profile, with names that its patterns allow.
func issuedAs(ctx context.Context, k *client.Client, p ca.Profile, keys []subjectKey, n int) ([]byte, error) {
	r := x509.CertificateRequest{}
	if err := fill(&r, p, n); err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &r, keys[n%len(keys)].Signer)
	if err != nil {
		return nil, err
	}
	issued, err := k.Issue(ctx, client.Order{CSR: csr, Profile: p.Name, Days: 1 + n%p.MaxDays})
	return issued.Certificate.DER, err
}

// fill puts names into a request that a profile allows, other ones for each n.
func fill(r *x509.CertificateRequest, p ca.Profile, n int) error {
	if len(p.Names.DNS) > 0 {
		name := inside(p.Names.DNS[n%len(p.Names.DNS)], "*", fmt.Sprintf("host-%d", n))
		if p.Names.Wildcards && n%7 == 0 && strings.HasPrefix(p.Names.DNS[n%len(p.Names.DNS)], "*.") {
			name = "*." + name
		}
		r.DNSNames = append(r.DNSNames, name)
	}
	if len(p.Names.Email) > 0 && (len(r.DNSNames) == 0 || n%2 == 0) {
		r.EmailAddresses = append(r.EmailAddresses, inside(p.Names.Email[n%len(p.Names.Email)], "", fmt.Sprintf("user.%d", n)))
	}
	if len(p.Names.IP) > 0 && n%3 == 0 {
		pattern := p.Names.IP[n%len(p.Names.IP)]
		prefix, err := netip.ParsePrefix(pattern)
		if err != nil {
			prefix = netip.PrefixFrom(netip.MustParseAddr(pattern), 0)
		}
		r.IPAddresses = append(r.IPAddresses, net.IP(prefix.Addr().AsSlice()))
	}
	if len(p.Names.URI) > 0 && n%2 == 1 {
		u, err := url.Parse(p.Names.URI[n%len(p.Names.URI)] + fmt.Sprint("w", n))
		if err != nil {
			return err
		}
		r.URIs = append(r.URIs, u)
	}
	switch rule := p.Subject.CommonName; {
	case rule != "optional" && rule != "supplied":
	case len(r.DNSNames) > 0:
		r.Subject = pkix.Name{CommonName: p.Subject.CommonNamePrefix + r.DNSNames[0]}
	case p.Subject.CommonNameInNames && len(r.EmailAddresses) > 0:
		r.Subject = pkix.Name{CommonName: r.EmailAddresses[0]}
	case !p.Subject.CommonNameInNames:
		r.Subject = pkix.Name{CommonName: fmt.Sprint("Amira ", n)}
	}
	for _, f := range []struct {
		rule  string
		to    *[]string
		value string
	}{
		{p.Subject.Organization, &r.Subject.Organization, "Lab"}, {p.Subject.Unit, &r.Subject.OrganizationalUnit, "Sales & Café"},
		{p.Subject.Country, &r.Subject.Country, "CH"}, {p.Subject.State, &r.Subject.Province, "Zürich"}, {p.Subject.Locality, &r.Subject.Locality, "Winterthur"},
	} {
		if f.rule == "supplied" || f.rule == "match" || f.rule == "optional" && n%2 == 0 {
			*f.to = []string{f.value}
		}
	}
	return nil
}

// inside is a name within a pattern of DNS names or of e-mail addresses.
func inside(pattern, wild, label string) string {
	if rest, ok := strings.CutPrefix(pattern, wild+"@"); ok {
		return label + "@" + rest
	}
	if rest, ok := strings.CutPrefix(pattern, "*"); ok && wild == "*" {
		if rest == "" {
			rest = ".lab.example"
		}
		return label + rest
	}
	return pattern
}
