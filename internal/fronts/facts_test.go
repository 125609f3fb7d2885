// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"chancery/format"
)

// What docs/servers.md tells of single servers, as tried.

// knock has curl ask a server as each client, and gives what came of it.
func (b *bench) knock(t *testing.T, port int) (errs []error) {
	for _, h := range b.files.Clients {
		_, err := curlPEM(t.Context(), call{host: host, port: port, holder: h, trust: Store{Path: b.files.Bundle}})
		errs = append(errs, err)
	}
	return errs
}

// keep writes a PEM file again with those blocks that are wanted.
func keep(t *testing.T, path string, wanted func(der []byte) bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept bytes.Buffer
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if wanted(block.Bytes) {
			kept.Write(pem.EncodeToMemory(block))
		}
	}
	if err := os.WriteFile(path, kept.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNginxRefusesEverybodyWithoutTheRootsListAndStunnelDoesNot(t *testing.T) {
	t.Parallel()
	b := prepare(t, generations(t))
	keep(t, b.files.CRLs, func(der []byte) bool {
		list, err := x509.ParseRevocationList(der)
		return err == nil && !strings.Contains(list.Issuer.CommonName, "root")
	})
	for _, d := range daemons {
		if d.name != "nginx" && d.name != "stunnel" {
			continue
		}
		port, err := b.daemon(t.Context(), t, d)
		if err != nil {
			t.Fatal(err)
		}
		for i, err := range b.knock(t, port) {
			if got := errors.Is(err, errRefused); got != (d.name == "nginx") {
				t.Errorf("%s, %s: %v", d.name, b.files.Clients[i].Name, err)
			}
		}
	}
}

func TestApacheRefusesEverybodyBelowAnIssuingAuthorityUnlessToldTheDepth(t *testing.T) {
	t.Parallel()
	b := prepare(t, generations(t))
	for depth, refuses := range map[string]bool{"": true, "SSLVerifyDepth 2\n": false} {
		d := daemon{name: "apache" + strconv.Itoa(len(depth)), prepare: func(b *bench, dir, port string) ([]string, error) {
			args, err := b.apache(dir, port)
			if err != nil {
				return nil, err
			}
			file := filepath.Join(dir, "apache.conf")
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			return args, os.WriteFile(file, bytes.Replace(text, []byte("SSLVerifyDepth          4\n"), []byte(depth), 1), 0o600)
		}}
		port, err := b.daemon(t.Context(), t, d)
		if err != nil {
			t.Fatal(err)
		}
		for i, err := range b.knock(t, port) {
			if errors.Is(err, errRefused) != refuses {
				t.Errorf("%q, %s: %v", depth, b.files.Clients[i].Name, err)
			}
		}
	}
}

// A server of Node.js is told to trust a stranger's authority alone. Its own PKCS#12
// adds to that what is in it.
func TestNodeTrustsARootThatCameInItsOwnPKCS12(t *testing.T) {
	t.Parallel()
	b := prepare(t, generations(t))
	trust := b.files.Bundle
	b.files.CRLs = ""
	chain, err := b.files.Server.certificates()
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(b.files.Server.Key)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := os.ReadFile(trust)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, _ := pem.Decode(key)
	root, _ := pem.Decode(bundle) // the oldest stands first
	whole, err := format.PKCS12(format.Entry{Key: pkcs8.Bytes, Certificates: [][]byte{chain[0].Raw, chain[1].Raw, root.Bytes}},
		format.Modern, []byte(b.files.Server.Password), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	withRoot := filepath.Join(t.TempDir(), "with-root.p12")
	if err := os.WriteFile(withRoot, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, refuses := range map[string]bool{b.files.Server.PKCS12: true, withRoot: false} {
		b.files.Server.PKCS12, b.files.Bundle = file, b.foreign
		p, err := b.peer(t.Context(), t, languages[1])
		if err != nil {
			t.Fatal(err)
		}
		b.files.Bundle = trust
		if err := b.knock(t, p.port)[0]; errors.Is(err, errRefused) != refuses {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}

// docs/servers.md and docs/revocation.md show what the bench runs.
func TestTheServersPageHasTheSettingsThatAreRun(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/servers.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range settings {
		if !strings.Contains(string(page), "```"+name+"\n"+text+"```\n") {
			t.Errorf("docs/servers.md does not have the settings of %s as they are tried", name)
		}
	}
	if page, err = os.ReadFile("../../docs/revocation.md"); err != nil {
		t.Fatal(err)
	}
	for name, text := range ocspSettings {
		if !strings.Contains(string(page), "```"+name+"\n"+text+"```\n") {
			t.Errorf("docs/revocation.md does not have the settings of %s for OCSP as they are tried", name)
		}
	}
}
