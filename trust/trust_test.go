// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// A chain is a root, an authority below it and a server's certificate.
type chain struct{ root, issuing, leaf *x509.Certificate }

func newChain(t testing.TB, name string) chain {
	t.Helper()
	made := func(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if parent == nil {
			parent, by = template, key
		}
		template.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<60))
		template.NotBefore, template.NotAfter, template.BasicConstraintsValid = time.Now().Add(-time.Hour), time.Now().Add(time.Hour), true
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c, key
	}
	authority := func(n string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: n}, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	}
	root, rootKey := made(authority(name+" Root"), nil, nil)
	issuing, key := made(authority(name+" Issuing"), root, rootKey)
	leaf, _ := made(&x509.Certificate{Subject: pkix.Name{CommonName: "nas.lab.example"}, DNSNames: []string{"nas.lab.example"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, issuing, key)
	return chain{root, issuing, leaf}
}

func write(t testing.TB, dir, name string, all ...*x509.Certificate) string {
	t.Helper()
	var text []byte
	for _, c := range all {
		text = append(text, armoured(c)...)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a tool, and gives what it says and whether it is content.
func run(t testing.TB, in, name string, args ...string) (said string, good bool) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Stdin = strings.NewReader(in)
	c.Env = append(os.Environ(), "LC_ALL=C")
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err == nil
}

func mustRun(t testing.TB, name string, args ...string) {
	t.Helper()
	if said, good := run(t, "", name, args...); !good {
		t.Fatalf("%s %v: %s", name, args, said)
	}
}

// A shop is a store with a judge: the program that uses it.
type shop struct {
	Store
	// accepts tells whether the judge takes a chain.
	accepts func(chain) bool
	// byHand puts a root there as an administrator would.
	byHand func(*x509.Certificate)
}

func newSystem(t testing.TB) shop {
	dir := t.TempDir()
	for _, d := range []string{"local", "links", "hooks", "certs"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	conf := filepath.Join(dir, "conf")
	if err := errors.Join(os.WriteFile(conf, []byte("# none\n"), 0o600), os.WriteFile(filepath.Join(dir, "links", "ca-certificates.crt"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := System{Local: filepath.Join(dir, "local"), Links: filepath.Join(dir, "links"), Options: []string{
		"--localcertsdir", filepath.Join(dir, "local"), "--etccertsdir", filepath.Join(dir, "links"),
		"--hooksdir", filepath.Join(dir, "hooks"), "--certsconf", conf, "--certsdir", filepath.Join(dir, "certs")}}
	return shop{s, func(c chain) bool {
		between, leaf := write(t, dir, "between.pem", c.issuing), write(t, dir, "leaf.pem", c.leaf)
		_, byFile := run(t, "", "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", s.bundle(), "-untrusted", between, leaf)
		said, byLinks := run(t, "", "openssl", "verify", "-no-CAfile", "-no-CAstore", "-CApath", s.Links, "-untrusted", between, leaf)
		if byFile != byLinks {
			t.Errorf("file and links of the system disagree: %s", said)
		}
		return byFile
	}, func(c *x509.Certificate) {
		write(t, s.Local, "by-hand.crt", c)
		mustRun(t, updater(), s.Options...)
	}}
}

func newNSS(t testing.TB) shop {
	dir := t.TempDir()
	mustRun(t, "certutil", "-N", "-d", "sql:"+dir, "--empty-password")
	return shop{NSS{Dir: dir}, func(c chain) bool {
		_, good := run(t, "", "vfychain", "-d", "sql:"+dir, "-u", "1", "-a", write(t, t.TempDir(), "leaf.pem", c.leaf), "-a", write(t, t.TempDir(), "between.pem", c.issuing))
		return good
	}, func(c *x509.Certificate) {
		mustRun(t, "certutil", "-A", "-d", "sql:"+dir, "-n", "by hand", "-t", "C,,", "-a", "-i", write(t, t.TempDir(), "root.pem", c))
	}}
}

func newJava(t testing.TB) shop {
	dir := t.TempDir()
	path := filepath.Join(dir, "cacerts")
	byHand := func(c *x509.Certificate, alias string) {
		mustRun(t, "keytool", "-importcert", "-noprompt", "-alias", alias, "-file", write(t, t.TempDir(), "root.pem", c), "-keystore", path, "-storepass", "changeit")
	}
	byHand(newChain(t, "Public").root, "public")
	return shop{Java{Path: path}, func(c chain) bool {
		// Java takes an authority without asking only if it can build its chain.
		copied := filepath.Join(t.TempDir(), "copy")
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied, content, 0o600); err != nil {
			t.Fatal(err)
		}
		said, _ := run(t, "no\n", "keytool", "-J-Duser.language=en", "-J-XX:TieredStopAtLevel=1", "-importcert", "-alias", "between", "-file", write(t, dir, "between.pem", c.issuing), "-keystore", copied, "-storepass", "changeit")
		return strings.Contains(said, "Certificate was added to keystore")
	}, func(c *x509.Certificate) { byHand(c, "by hand") }}
}

// The programs that use a store accept what a root vouches for after it was put there,
// refuse it after it was taken away, and everything else in the store stays.
func TestARootIsTrustedFromItsAddingToItsRemoval(t *testing.T) {
	t.Parallel()
	for kind, open := range map[string]func(testing.TB) shop{"system": newSystem, "nss": newNSS, "java": newJava} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, first, second, other := open(t), newChain(t, "Lab"), newChain(t, "Lab"), newChain(t, "Other")
			s.byHand(other.root)
			for _, c := range []chain{first, second} { // two of one name, as in a rollover that keeps it
				if err := s.Add(t.Context(), c.root); err != nil {
					t.Fatal(err)
				}
			}
			s.holds(first, true, true)(t)
			if err := s.Remove(t.Context(), first.root); err != nil {
				t.Fatal(err)
			}
			s.holds(first, false, false)(t)
			s.holds(second, true, true)(t)
			if err := s.Remove(t.Context(), other.root); err == nil {
				t.Error("a root of somebody else's is taken away")
			}
			s.holds(other, true, false)(t)
			if err := s.Remove(t.Context(), second.root); err != nil {
				t.Fatal(err)
			}
			s.holds(second, false, false)(t)
		})
	}
}

// holds checks a store's list and its judge.
func (s shop) holds(c chain, trusted, ours bool) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		all, err := s.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		name, own := Find(all, c.root)
		if (name != "") != trusted || own != ours {
			t.Errorf("the store has it as %q, ours %v: want trusted %v, ours %v", name, own, trusted, ours)
		}
		if s.accepts(c) != trusted {
			t.Errorf("who uses the store accepts it: %v, want %v", !trusted, trusted)
		}
	}
}

// A system's store whose tool fails holds nothing afterwards that the next run of the
// tool would bring in.
func TestNothingStaysOfAnAddingThatFailed(t *testing.T) {
	t.Parallel()
	s, c := newSystem(t).Store.(System), newChain(t, "Lab")
	s.Options = append(s.Options, "--etccertsdir", filepath.Join(s.Local, "nowhere"))
	if err := s.Add(t.Context(), c.root); err == nil {
		t.Error("the tool's failure is not told")
	}
	left, err := filepath.Glob(filepath.Join(s.Local, "*"))
	hidden, _ := filepath.Glob(filepath.Join(s.Local, ".chancery*"))
	if err != nil || len(left)+len(hidden) > 0 {
		t.Errorf("left %v %v, %v", left, hidden, err)
	}
}

// Debian's hook puts what the system trusts into Java's store, and does not take it out:
// we do, and it alone.
func TestWhatTheHookPutIntoJavasStoreGoesToo(t *testing.T) {
	t.Parallel()
	s, c := newSystem(t).Store.(System), newChain(t, "Lab")
	if err := s.Add(t.Context(), c.root); err != nil {
		t.Fatal(err)
	}
	j := Java{Path: filepath.Join(s.Links, "java", "cacerts")}
	if err := os.Mkdir(filepath.Dir(j.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	for alias, root := range map[string]*x509.Certificate{"debian:" + Name(c.root) + ".pem": c.root, "debian:other.pem": newChain(t, "Other").root} {
		mustRun(t, "keytool", "-importcert", "-noprompt", "-alias", alias, "-file", write(t, t.TempDir(), "root.pem", root), "-keystore", j.Path, "-storepass", usualPassword)
	}
	if err := s.Remove(t.Context(), c.root); err != nil {
		t.Fatal(err)
	}
	if all, err := j.List(t.Context()); err != nil || len(all) != 1 || all[0].Name != "debian:other.pem" {
		t.Errorf("%v, %v", all, err)
	}
}

func TestAFileThatWasChangedIsLeft(t *testing.T) {
	t.Parallel()
	s, c := newSystem(t).Store.(System), newChain(t, "Lab")
	if err := s.Add(t.Context(), c.root); err != nil {
		t.Fatal(err)
	}
	write(t, s.Local, filepath.Base(s.file(c.root)), newChain(t, "Other").root)
	var p *ca.Problem
	if err := s.Remove(t.Context(), c.root); !errors.As(err, &p) || p.Kind != ca.ConflictKind {
		t.Errorf("%v", err)
	}
}

// Passwords that protect stores are asked for by name.
func TestStoresUnderAPassword(t *testing.T) {
	t.Parallel()
	c, dir := newChain(t, "Lab"), t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("geheim123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "certutil", "-N", "-d", "sql:"+dir, "-f", secret)
	store := filepath.Join(dir, "store")
	mustRun(t, "keytool", "-importcert", "-noprompt", "-alias", "public", "-file", write(t, dir, "public.pem", newChain(t, "Public").root), "-keystore", store, "-storepass", "geheim123")
	for _, tt := range []struct {
		without, with Store
		want          ca.Code
	}{
		{NSS{Dir: dir}, NSS{Dir: dir, PasswordFile: secret}, ca.E2502},
		{Java{Path: store}, Java{Path: store, Password: "geheim123"}, ca.E2503},
	} {
		var p *ca.Problem
		if err := tt.without.Add(t.Context(), c.root); !errors.As(err, &p) || p.Code != tt.want {
			t.Errorf("%s without its password: %v", tt.without.Where().Kind, err)
		}
		if err := tt.with.Add(t.Context(), c.root); err != nil {
			t.Errorf("%s with its password: %v", tt.with.Where().Kind, err)
		}
	}
}

// A store that is not there is named, and not made.
func TestNoStoreIsMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, s := range []Store{System{Local: dir, Links: dir}, NSS{Dir: dir}, Java{Path: filepath.Join(dir, "x")}} {
		var p *ca.Problem
		if _, err := s.List(t.Context()); !errors.As(err, &p) || p.Kind != ca.NotFoundKind {
			t.Errorf("%s: %v", s.Where().Kind, err)
		}
	}
	if err := (Java{Path: filepath.Join(dir, "x")}).Writable(); err == nil {
		t.Error("what is not there can be written")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v", left)
	}
}

func TestOnlyARootIsFit(t *testing.T) {
	t.Parallel()
	c := newChain(t, "Lab")
	for _, tt := range []struct {
		name string
		cert *x509.Certificate
		at   time.Time
		says string
	}{
		{"a root", c.root, time.Now(), ""},
		{"an authority below", c.issuing, time.Now(), "another authority signed it"},
		{"a server's", c.leaf, time.Now(), "no authority's"},
		{"a root that ended", c.root, time.Now().Add(2 * time.Hour), "ended on"},
	} {
		err := Fit(tt.cert, tt.at)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// What is found are stores of this account and computer, by the files in them.
func TestStoresAreFound(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for _, d := range []string{".pki/nssdb", ".mozilla/firefox/abc.default", ".mozilla/firefox/Crash Reports", "java/lib/security"} {
		if err := os.MkdirAll(filepath.Join(home, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{".pki/nssdb/cert9.db", ".mozilla/firefox/abc.default/cert9.db", "java/lib/security/cacerts"} {
		if err := os.WriteFile(filepath.Join(home, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var places []string
	for _, s := range Found(home, filepath.Join(home, "java")) {
		if s.Where().Kind != "system" {
			places = append(places, s.Where().Kind+" "+strings.TrimPrefix(s.Where().Path, home+"/"))
		}
	}
	if got := strings.Join(places, ", "); got != "nss .pki/nssdb, nss .mozilla/firefox/abc.default, java java/lib/security/cacerts" {
		t.Error(got)
	}
}

// A tool that hangs is ended with the command.
func TestAToolEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tool(ctx, exec.Command("sleep", "600"), "coreutils"); err == nil {
		t.Error("it was waited for")
	}
	if b := pem.EncodeToMemory(&pem.Block{Type: "X"}); len(fingerprints(b)) > 0 {
		t.Error("what is no certificate has a fingerprint")
	}
}
