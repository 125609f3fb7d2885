// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A secrecy says who may read a kind of file.
type secrecy bool

const (
	forOwner     secrecy = true
	forEverybody secrecy = false
)

// A fileKind is a kind of file that this program writes (R41). What is for its owner alone
// is written nowhere that a web server hands out.
type fileKind struct {
	name string
	secrecy
}

// fileKinds are all of them. A test holds the table against every place in the program
// that writes a file.
var fileKinds = [...]fileKind{
	{"private key of a certificate", forOwner},
	{"private key with its certificate in one file", forOwner},
	{"PKCS#12 with a private key", forOwner},
	{"recovery words", forOwner},
	{"directory of an installation, with the keys of authorities and of the service", forOwner},
	{"settings", forOwner}, // they may hold the database's password
	{"tokens of chancery login", forOwner},
	{"state of the front: the log's name, relying parties, what a hook waits for, where the words are, the lock", forOwner},
	{"certificate, chain or bundle", forEverybody},
	{"revocation list or OCSP answer", forEverybody},
	{"certification request", forEverybody},
	{"public key of the log", forEverybody},
	{"manual pages", forEverybody},
}

// writers are the functions of this program that write files, with what they write: an
// entry of fileKinds for each.
var writers = map[string][]string{
	"writeOutputs":  {"certificate, chain or bundle", "private key with its certificate in one file", "PKCS#12 with a private key"},
	"keyAt":         {"private key of a certificate"},
	"keep":          {"certificate, chain or bundle"},
	"replace":       {"certificate, chain or bundle", "revocation list or OCSP answer"},
	"stapleOne":     {"revocation list or OCSP answer"},
	"handWords":     {"recovery words"},
	"make":          {"certification request", "directory of an installation, with the keys of authorities and of the service"},
	"writeAuditKey": {"public key of the log"},
	"writeConfig":   {"settings"},
	"writeContexts": {"tokens of chancery login"},
	"writeRelying":  {"state of the front: the log's name, relying parties, what a hook waits for, where the words are, the lock"},
	"bindBook":      {"state of the front: the log's name, relying parties, what a hook waits for, where the words are, the lock"},
	"lookAtLogID":   {"state of the front: the log's name, relying parties, what a hook waits for, where the words are, the lock"},
	"noteWords":     {"state of the front: the log's name, relying parties, what a hook waits for, where the words are, the lock"},
	"takeLock":      {"state of the front: the log's name, relying parties, what a hook waits for, where the words are, the lock"},
	"writePages":    {"manual pages"},
}

// R41: each place that writes a file says what it writes, and each kind is secret or public.
func TestR41_EachFileThatIsWrittenIsSecretOrPublic(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, k := range fileKinds {
		known[k.name] = true
	}
	used := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(writers)) {
		for _, kind := range writers[name] {
			if used[kind] = true; !known[kind] {
				t.Errorf("%s writes %q, which is neither secret nor public", name, kind)
			}
		}
	}
	for kind := range known {
		if !used[kind] {
			t.Errorf("nothing writes %q", kind)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, is := d.(*ast.FuncDecl); is && writesFile(f) {
				found[f.Name.Name] = true
				if writers[f.Name.Name] == nil {
					t.Errorf("%s: %s writes a file, and the table does not say whether it is secret", path, f.Name.Name)
				}
			}
		}
	}
	for name := range writers {
		if !found[name] {
			t.Errorf("%s writes no file", name)
		}
	}
}

// writesFile tells whether a function makes, or takes the place of, a file or directory.
func writesFile(f *ast.FuncDecl) (writes bool) {
	calls := map[string][]string{"whole": {"Write", "Put", "Beside"}, "os": {"WriteFile", "Create", "CreateTemp", "OpenFile"}}
	ast.Inspect(f, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is {
			return true
		}
		if s, is := call.Fun.(*ast.SelectorExpr); is {
			if of, is := s.X.(*ast.Ident); is && slices.Contains(calls[of.Name], s.Sel.Name) && !onlyReads(call) {
				writes = true
			}
		}
		return true
	})
	return writes
}

// onlyReads tells whether a call opens a file with O_RDONLY among its flags.
func onlyReads(call *ast.CallExpr) (reads bool) {
	for _, arg := range call.Args {
		ast.Inspect(arg, func(n ast.Node) bool {
			if flag, is := n.(*ast.SelectorExpr); is && flag.Sel.Name == "O_RDONLY" {
				reads = true
			}
			return true
		})
	}
	return reads
}

// R41: no verb writes a secret where everybody may fetch it, and each writes what is public
// there.
func TestR41_NoSecretIsWrittenWhereEverybodyMayFetchIt(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	web, www := h.file("web"), h.file("www")
	for _, dir := range []string{web, filepath.Join(www, "deep")} {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a web root
			t.Fatal(err)
		}
	}
	if err := os.Symlink(www, h.file("link")); err != nil {
		t.Fatal(err)
	}
	settings, err := os.ReadFile(filepath.Join(h.dir, "chancery.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "chancery.toml"), append(settings, "\n[publish]\ndirectory = \""+web+"\"\nweb = \"/nowhere, "+www+"\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	lists := filepath.Join(h.dir, "front", "pki")
	pass := h.write("pass", "correct horse battery")
	csr := h.request("mail.lab.example")
	key := h.file("mail.lab.example.key")
	h.done("issue", "old.lab.example", "--out", h.file("old.pem"), "--key-file", h.file("old.key"))
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"issue, the key", []string{"issue", "a.lab.example", "--out", h.file("a.pem"), "--key-file", web + "/a.key"}},
		{"issue, the key through a link", []string{"issue", "a.lab.example", "--out", h.file("a.pem"), "--key-file", h.file("link/deep/a.key")}},
		{"issue, the key beside the lists", []string{"issue", "a.lab.example", "--out", h.file("a.pem"), "--key-file", lists + "/a.key"}},
		{"issue, a directory with the key", []string{"issue", "a.lab.example", "--out", www + "/a/"}},
		{"issue, a directory with key-cert.pem", []string{"issue", "a.lab.example", "--out", www + "/a/", "--key-file", h.file("a.key")}},
		{"issue, PKCS#12", []string{"issue", "a.lab.example", "--out", h.file("a.pem"), "--key-file", h.file("a.key"), "--p12", web + "/a.p12", "--password-file", pass}},
		{"issue, in dry run", []string{"issue", "a.lab.example", "--dry-run", "--out", h.file("a.pem"), "--key-file", web + "/a.key"}},
		{"sign, a directory with key-cert.pem", []string{"sign", csr, "--key-file", key, "--out", www + "/mail/"}},
		{"sign, PKCS#12", []string{"sign", csr, "--key-file", key, "--p12", web + "/mail.p12", "--password-file", pass}},
		{"renew, the key", []string{"renew", h.file("old.pem"), "--out", h.file("new.pem"), "--key-file", web + "/new.key"}},
		{"renew, PKCS#12", []string{"renew", h.file("old.pem"), "--out", h.file("new.pem"), "--key-file", h.file("new.key"), "--p12", web + "/new.p12", "--password-file", pass}},
		{"init, the words", []string{"init", "--dir", h.file("other"), "--names", "lab.example", "--recovery-file", "/var/www/words"}},
		{"init, the whole installation", []string{"init", "--dir", "/var/www/other", "--names", "lab.example", "--recovery-file", h.file("words2")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if s := (hand{t, h.dir}).types(tt.args...); s.code != exitRefused || !strings.Contains(s.err, "E1404") {
				t.Errorf("exit %d\n%s", s.code, s.err)
			}
		})
	}
	h.done("issue", "b.lab.example", "--out", web+"/b.pem", "--key-file", h.file("b.key"))
	h.done("sign", csr, "--out", www+"/mail.pem")
	h.done("ca", "bundle", "--out", web+"/trust.pem")
	for _, dir := range []string{web, www, lists} {
		if bad := secretsIn(t.Context(), dir); len(bad) > 0 {
			t.Errorf("%+v", bad)
		}
	}
	if err := os.Rename(h.file("b.key"), filepath.Join(www, "deep", "oops.txt")); err != nil {
		t.Fatal(err)
	}
	if s := h.types("doctor", "--only", "publication"); s.code != exitFaults || !strings.Contains(s.out, "deep/oops.txt holds a private key") {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
}
