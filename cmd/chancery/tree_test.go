// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// reads marks a verb that changes nothing, runs one that ends with Ctrl-C alone.
const (
	reads = "reads"
	runs  = "runs"
)

// changes says of every verb what it changes: nothing (reads), or what a dry run of it
// is typed like, in a founded directory. A verb that is not listed fails the tests.
var changes = map[string]string{
	"audit list": reads, "audit verify": reads, "config check": reads, "config path": reads, "config show": reads, "ca bundle": reads, "ca chain": reads, "ca list": reads, "ca show": reads, "crl show": reads, "crl fetch": reads, "feed show": reads, "feed check": reads, "explain": reads, "key list": reads,
	"list": reads, "man": reads, "ocsp check": reads, "ocsp staple": reads, "policy history": reads, "policy plan": reads, "policy show": reads, "profile list": reads, "profile show": reads, "profile test": reads,
	"show": reads, "status": reads, "token list": reads, "trust show": reads, "verify": reads, "version": reads, "whoami": reads,
	"completion bash": reads, "completion fish": reads, "completion powershell": reads, "completion zsh": reads,
	"run front": runs, "run signer": runs, "serve": runs, "ocsp serve": runs,

	"annotate":          "nas.lab.example --tag web",
	"ca activate":       "issuing-g2",
	"ca create":         "users-g1 --parent root-g1 --for client,email --recovery-file words",
	"ca cross":          "issuing-g1 --by lab2-g1 --recovery-file words",
	"ca export-csr":     "near-g1 --org Lab",
	"ca import-cert":    "far-g1 far.pem --chain lab-root.pem --above lab-root",
	"ca renew":          "issuing-g1 --recovery-file words",
	"ca retire":         "issuing-g2",
	"ca revoke":         "issuing-g2 --reason superseded",
	"ca rollover":       "issuing-g1",
	"crl publish":       "--ca issuing-g1",
	"feed publish":      "--ca issuing-g1",
	"doctor":            "--fix",
	"init":              "--names other.example --dir other",
	"issue":             "new.lab.example",
	"key lock":          "",
	"key unlock":        "",
	"login":             "https://API --ca root.pem --token-file ci.token --context far",
	"logout":            "--context lab",
	"policy grant":      "uid:4711 --profile server --dns x.lab.example",
	"policy refuse-key": "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8550",
	"unhold":            "held.lab.example",
	"policy ocsp":       "issuing-g1 --by authority",
	"policy sign-in":    "app.lab.example.pem --account uid:0",
	"policy withdraw":   "uid:4712",
	"profile set":       "server --days 60",
	"recover":           "--time-reset",
	"renew":             "nas.lab.example",
	"revoke":            "nas.lab.example",
	"sign":              "web.lab.example.csr",
	"token create":      "--name second --role requester",
	"token revoke":      "ci",
	"trust install":     "--all --java cacerts",
	"trust remove":      "--java cacerts",
}

// verbs gives every command that does something, by its words.
func verbs(t *testing.T) map[string]*cobra.Command {
	t.Helper()
	all := map[string]*cobra.Command{}
	everyCommand((&app{env: os.Getenv}).root(), func(c *cobra.Command) {
		if c.Runnable() && !c.HasSubCommands() && c.Name() != "help" {
			all[strings.Join(strings.Fields(c.CommandPath())[1:], " ")] = c
		}
	})
	if len(all) < 40 {
		t.Fatalf("only %d verbs were found", len(all))
	}
	return all
}

// T-03: what changes something can be tried: --dry-run is a flag of it.
func TestT03_EachVerbThatChangesHasADryRun(t *testing.T) {
	t.Parallel()
	all := verbs(t)
	for name, c := range all {
		what, listed := changes[name]
		dry := c.Flags().Lookup("dry-run") != nil
		switch {
		case !listed:
			t.Errorf("%s is not in the table of what verbs change", name)
		case what == reads && dry:
			t.Errorf("%s changes nothing, and has --dry-run", name)
		case what != reads && what != runs && !dry:
			t.Errorf("%s changes something, and has no --dry-run", name)
		}
	}
	for name := range changes {
		if all[name] == nil {
			t.Errorf("the table has %s, which is no verb", name)
		}
	}
}

// digests are the contents of a tree of files. Sockets, locks and what SQLite keeps
// beside an open database are no contents.
func digests(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it went meanwhile
			}
			if err != nil {
				return err
			}
			if e.IsDir() && e.Name() == "run" {
				return filepath.SkipDir
			}
			if strings.HasPrefix(e.Name(), "checkpoint") {
				return nil // the signer signs the length of its log by itself, some time after the last leaf
			}
			if !e.Type().IsRegular() || strings.HasSuffix(path, "-wal") || strings.HasSuffix(path, "-shm") {
				all[path] = e.Type().String()
				return nil
			}
			content, err := os.ReadFile(path)
			all[path] = fmt.Sprintf("%x", sha256.Sum256(content))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// quick is how long a command may take that has nothing to wait for.
const quick = 20 * time.Second

// within types a command with an end to it: one that asks somebody who is not there
// would wait for ever.
func (h hand) within(stdin *os.File, variables []string, args ...string) said {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), quick)
	defer cancel()
	c := h.command(ctx, args...)
	c.Env = append(c.Env, variables...)
	if stdin != nil {
		c.Stdin = stdin
	}
	c.WaitDelay = time.Second
	s := h.runs(c)
	if ctx.Err() != nil {
		h.t.Errorf("chancery %s did not end", strings.Join(args, " "))
	}
	return s
}

// T-02: without a terminal nothing asks. Each verb without its answers ends at once,
// with exit 2 where something is missing, whatever standard input is.
func TestT02_WithoutATerminalNothingAsks(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	closed, piped := h.inputs()
	for name, c := range verbs(t) {
		if changes[name] == runs || strings.HasPrefix(name, "completion") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := hand{t, h.dir}
			// Where nothing is to be read, a pipe that stays silent shows who reads it.
			for kind, in := range map[string]*os.File{"closed": closed, "silent": piped} {
				args := strings.Fields(name)
				if name == "init" {
					args = append(args, "--dir", h.file("fresh"))
				}
				s := h.within(in, nil, args...)
				if s.code != 0 && s.code != exitFaults && !strings.Contains("\n"+s.err, "\nchancery: error: ") {
					t.Errorf("stdin %s: exit %d\n%s", kind, s.code, s.err)
				}
				if needs(c) && s.code != exitUsage {
					t.Errorf("without its arguments, stdin %s: exit %d\n%s%s", kind, s.code, s.out, s.err)
				}
				if strings.Contains(s.out+s.err, "Type ") || strings.Contains(s.err, "]: ") {
					t.Errorf("it asks, stdin %s: %s", kind, s.err)
				}
			}
		})
	}
}

// needs tells whether a verb cannot do without arguments.
func needs(c *cobra.Command) bool {
	_, words, has := strings.Cut(c.Use, " ")
	return has && !strings.HasPrefix(words, "[")
}

// inputs are a standard input that is closed, and one that never says anything.
func (h hand) inputs() (closed, piped *os.File) {
	h.t.Helper()
	closed, end, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	end.Close()
	piped, write, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { closed.Close(); piped.Close(); write.Close() })
	return closed, piped
}

// stage founds what the dry runs of the table need: a second generation, a root
// beside the first, a certificate, requests, a token, a trust store, a context.
func stage(t *testing.T) (d tlsDoor, variables []string) {
	t.Helper()
	h, plain := hand{t, filepath.Join(t.TempDir(), "data")}, freePort(t)
	h.done("init", "--names", "lab.example", "--hostname", "localhost", "--pki-url", "http://"+plain, "--recovery-file", h.file("words"))
	d = h.listening("CHANCERY_LISTEN_HTTP=" + plain)
	words := d.file("words")
	d.done("ca", "create", "issuing-g2", "--yes", "--recovery-file", words)
	d.done("ca", "create", "lab2-g1", "--root", "--own-recovery-file", d.file("words2"), "--yes")
	d.request("web.lab.example")
	d.done("issue", "nas.lab.example")
	d.done("issue", "app.lab.example", "--profile", "client")
	d.done("issue", "held.lab.example")
	d.done("profile", "set", "server", "--set", "hold=true", "--yes")
	d.done("revoke", "held.lab.example", "--reason", "certificateHold", "--confirm", "held.lab.example")
	d.done("feed", "publish", "--ca", "issuing-g1")
	d.write("ci.token", d.token("--name", "ci", "--role", "requester")+"\n")
	d.newJava("cacerts")
	d.done("policy", "grant", "uid:4712", "--profile", "server", "--dns", "y.lab.example", "--yes")
	root := d.newElsewhere("lab-root")
	d.write("far.csr", d.done("ca", "export-csr", "far-g1", "--subject", "O=Lab,CN=Lab Far CA G1", "--yes").out)
	root.signs("far.csr", "far.pem", "2000", "11", asAuthority)
	variables = []string{"XDG_CONFIG_HOME=" + d.file("config")}
	if s := d.within(nil, variables, "login", "https://"+d.api, "--ca", d.file("root.pem"), "--token-file", d.file("ci.token"), "--context", "lab"); s.code != 0 {
		t.Fatalf("login: %s", s.err)
	}
	return d, variables
}

// T-03: a dry run exits 0, says what would be done, and writes nothing: no file of the
// installation or beside it is another one afterwards, and the log is as long as it was.
func TestT03_ADryRunWritesNothing(t *testing.T) {
	t.Parallel()
	d, variables := stage(t)
	state := func(lines ...string) map[string]string {
		all := digests(t, filepath.Dir(d.dir))
		for _, line := range append(lines, "status --fields leaves --json") {
			all[line] = d.done(strings.Fields(line)...).out
		}
		return all
	}
	rest := []string{"list --all --json", "token list --all --fields id,status --json", "crl show --json", "ca list --json", "key list --json", "policy show --json"}
	first := state(rest...)
	before := state()
	for name, line := range changes {
		if line == reads || line == runs {
			continue
		}
		args := append(strings.Fields(name), strings.Fields(strings.ReplaceAll(line, "API", d.api))...)
		s := d.within(nil, variables, append(args, "--dry-run")...)
		if s.code != 0 || s.out+s.err == "" {
			t.Errorf("%s %s --dry-run: exit %d\n%s%s", name, line, s.code, s.out, s.err)
		}
		after := state()
		for path, was := range before {
			if after[path] != was {
				t.Errorf("%s %s --dry-run changed %s:\n%s\n%s", name, line, path, was, after[path])
			}
		}
		for path := range after {
			if _, was := before[path]; !was {
				t.Errorf("%s %s --dry-run made %s", name, line, path)
			}
		}
		before = after
	}
	for what, is := range state(rest...) {
		if first[what] != is {
			t.Errorf("%s: before\n%s\nafter\n%s", what, first[what], is)
		}
	}
}

// T-03: the policy is asked for real: what would be refused is refused in a dry run
// too, by the same code.
func TestT03_ADryRunIsRefusedAsTheDeedIs(t *testing.T) {
	t.Parallel()
	d, variables := stage(t)
	d.request("www.bank.example")
	for _, line := range []string{
		"sign www.bank.example.csr", "issue www.bank.example", "issue long.lab.example --days 9000", "issue odd.lab.example --profile nix",
		"revoke nobody.lab.example --confirm x", "renew nobody.lab.example", "renew held.lab.example", "renew nas.lab.example --days 9000", "ca activate nix", "ca retire nix --confirm nix", "ca retire issuing-g1 --confirm issuing-g1",
		"ca create issuing-g1 --recovery-file words --yes", "ca renew nix --recovery-file words --yes", "ca revoke nix --confirm nix", "ca rollover nix --yes",
		"ca cross root-g1 --by nix --recovery-file words --yes", "ca import-cert far-g1 lab-root.pem --above lab-root --yes",
		"crl publish --ca nix", "feed publish --ca nix", "profile set nix --days 3 --yes", "profile set server --days 9000 --max-days 3 --yes", "recover --void 99 --confirm 99",
		"recover --adopt root.pem", "token create --name x --role nix", "token create --name ci --role requester --days 4000", "token revoke nix", "unhold app.lab.example", "init --names lab.example", "trust install --java nowhere --yes", "logout --context nix", "login https://API --ca lab-root.pem",
	} {
		args := strings.Fields(strings.ReplaceAll(line, "API", d.api))
		deed := d.within(nil, variables, args...)
		dry := d.within(nil, variables, append(args, "--dry-run")...)
		if deed.code == 0 || dry.code != deed.code || codeIn(dry.err) != codeIn(deed.err) {
			t.Errorf("%s: exit %d %s, as a dry run exit %d %s\n%s%s", line, deed.code, codeIn(deed.err), dry.code, codeIn(dry.err), deed.err, dry.err)
		}
	}
}

// codeIn is the code of an error as people read it.
func codeIn(stderr string) string {
	_, rest, _ := strings.Cut(stderr, "  code: ")
	code, _, _ := strings.Cut(rest, " ")
	return code
}
