// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// npmFolder is what a program in TypeScript needs of npm's registry.
const npmFolder = "testdata/npm"

// modules gives the folder of the packages that the lock file names. They are fetched
// once, with their digests checked, and kept in the user's cache.
func modules(t *testing.T) string {
	t.Helper()
	lock, err := os.ReadFile(filepath.Join(npmFolder, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	kept := filepath.Join(cache, "chancery-tests", "npm-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(kept); err == nil {
		return filepath.Join(kept, "node_modules")
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(kept), "fresh-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	copied(t, fresh, "package.json", "package-lock.json")
	speaks(t, fresh, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	// Another test may have been faster.
	if err := os.Rename(fresh, kept); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(kept); there != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(kept, "node_modules")
}

// copied copies files of npmFolder.
func copied(t *testing.T, to string, names ...string) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(npmFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// speaks runs a program in a folder, and gives what it said.
func speaks(t testing.TB, dir string, env []string, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// The document is valid OpenAPI 3.1, and a client that another language's tool makes of it
// plays the life of a certificate: on the local socket, and over TLS with a token.
func TestAGeneratedClientPlaysTheLifeOfACertificate(t *testing.T) {
	t.Parallel()
	packages := modules(t)
	d := newTLSDoor(t)
	work := t.TempDir()
	copied(t, work, "package.json", "tsconfig.json", "life.ts")
	if err := os.Symlink(packages, filepath.Join(work, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "openapi.json"), fetched(t, d.socket(), "/api/v1/openapi.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	speaks(t, work, nil, "node", "node_modules/@seriousme/openapi-schema-validator/bin/validate-api-cli.js", "openapi.json")
	speaks(t, work, nil, "node", "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "api.ts")
	speaks(t, work, nil, "node", "node_modules/typescript/bin/tsc")
	h := newHand(t)
	h.serve()
	h.lives(work, "BASE=http://chancery", "SOCKET="+h.socket())
	d.lives(work, "BASE=https://"+d.api, "ROOT="+d.file("root.pem"), "TOKEN="+d.token("--name", "life", "--role", "requester", "--role", "ca-admin"))
}

func (h hand) socket() string { return dialPath(filepath.Join(h.dir, "run", "admin.sock")) }

// lives plays the life, and looks at the list that it ended with.
func (h hand) lives(work string, env ...string) {
	h.t.Helper()
	list := h.file("list.crl")
	serial := speaks(h.t, work, append(env, "CSR="+h.request("nas.lab.example"), "CRL="+list), "node", "out/life.js")
	der, err := os.ReadFile(list)
	if err != nil {
		h.t.Fatal(err)
	}
	crl, err := x509.ParseRevocationList(der)
	if err != nil || len(crl.RevokedCertificateEntries) != 1 || hex.EncodeToString(crl.RevokedCertificateEntries[0].SerialNumber.Bytes()) != serial {
		h.t.Errorf("the list that the client fetched: %v, %+v, want %s", err, crl, serial)
	}
}

// fetched gets a path from a local socket.
func fetched(t *testing.T, socket, path string) []byte {
	t.Helper()
	k := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer k.CloseIdleConnections()
	a, err := k.Get("http://chancery" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", path, a.StatusCode, err)
	}
	return data
}
