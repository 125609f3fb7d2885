// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shellBlock is a fenced block of shell lines in a page.
var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// prepared is where a page begins that is not about the first steps: in a
// directory with an authority, a request made elsewhere and a first certificate.
const prepared = `chancery init --dir ./my-ca --names lab.example --recovery-file ./words.txt
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -keyout nas.key -subj /CN=nas.lab.example -out nas.csr
chancery issue www.lab.example --dir ./my-ca
`

// No page calls absent what there is: the three lists of what is not done are held against
// the program's commands and kinds of lists.
func TestNoPageCallsAbsentWhatThereIs(t *testing.T) {
	t.Parallel()
	part := func(page, from, to string) string {
		text, err := os.ReadFile(filepath.Join("..", "..", page))
		_, after, found := strings.Cut(string(text), from)
		absent, _, ended := strings.Cut(after, to)
		if err != nil || !found || !ended {
			t.Fatalf("%s has no %q: %v", page, from, err)
		}
		return strings.ToLower(absent)
	}
	root := (&app{env: func(string) string { return "" }}).root()
	there := []string{"delta", "shard"}
	for _, name := range []string{"ocsp", "feed", "token"} {
		if c, _, err := root.Find([]string{name}); err == nil && c != root {
			there = append(there, name)
		}
	}
	if len(there) != 5 {
		t.Errorf("found only %q", there)
	}
	for what, absent := range map[string]string{
		"README.md": part("README.md", "planned and absent (", ")"), "limits.md": part("docs/limits.md", "## Not done yet", "\nThe listener for"),
		"verify.md": part("docs/verify.md", "OCSP", "## The checks"), "revocation.md": part("docs/revocation.md", "## What is not there yet", "has to be asked"),
	} {
		for _, word := range there {
			if strings.Contains(absent, word) && what != "verify.md" || strings.Contains(absent, word+" is not") {
				t.Errorf("%s calls %s absent", what, word)
			}
		}
	}
}

// What an operator reads is what was run: the shell lines of each page, one after
// another, in a directory of the page's own. Lines of make are looked up only.
func TestEachShellLineOfThePagesRuns(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		t.Run(filepath.Base(page), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(shellBlock.ReplaceAllString(string(text), "")) {
				if strings.HasPrefix(strings.TrimLeft(line, " $"), "chancery ") {
					t.Errorf("a line that looks like shell is in no ```sh block: %s", line)
				}
			}
			var lines []string
			for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
				lines = append(lines, strings.Split(strings.TrimRight(block[1], "\n"), "\n")...)
			}
			if len(lines) == 0 {
				return
			}
			script := script(root, lines)
			if name := filepath.Base(page); name != "README.md" && name != "quickstart.md" {
				script = prepared + script
			}
			runScript(t, script)
		})
	}
}

// script makes one shell script of the lines of a page.
func script(root string, lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "make "):
			// A dry run fails if there is no such target.
			b.WriteString("make --silent --dry-run -C " + root + " " + strings.TrimPrefix(line, "make ") + " >/dev/null\n")
		case strings.HasPrefix(line, "chancery serve"):
			// The reader has a second terminal for this.
			b.WriteString(line + " 2>serve.log &\nservice=$!\n" +
				"until grep -q '^ready in' serve.log; do kill -0 $service || { cat serve.log >&2; exit 1; }; sleep 0.05; done\n")
		case strings.HasPrefix(line, "curl ") && strings.Contains(line, " https://"):
			// The reader's service has the port that the page says, and its certificate at once.
			b.WriteString(`api=$(sed -n 's|.* API .* listening on \(127[^ ]*\).*|\1|p' serve.log)` + "\n" +
				"curl --connect-to ::$api --retry 9 --retry-delay 1 --retry-all-errors " + strings.TrimPrefix(line, "curl ") + "\n")
		default:
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// runScript runs lines as a stranger would type them, in a new directory.
func runScript(t *testing.T, lines string) {
	t.Helper()
	bin, dir := t.TempDir(), t.TempDir()
	wrapper := "#!/bin/sh\nCHANCERY_TEST_MAIN=1 exec " + os.Args[0] + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "chancery"), []byte(wrapper), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "sh", "-eux", "-c",
		"service=\ntrap 'test -z \"$service\" || { kill -INT $service; wait $service; }' EXIT\n"+lines)
	c.Dir = dir
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "CHANCERY_LISTEN_HTTP=127.0.0.1:0", "CHANCERY_LISTEN=127.0.0.1:0", "CHANCERY_LISTEN_MTLS=127.0.0.1:0", "CHANCERY_FAULT_LIGHT=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
