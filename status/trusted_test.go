// SPDX-License-Identifier: Apache-2.0

package status

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
)

// R87, KY-04: a hook that another account can change is not run, and nothing is published where
// another account can change it, be it at the end of the path, on the way, or by a link.
func TestR87_WhatOthersCanChangeIsNeitherRunNorPublishedTo(t *testing.T) {
	t.Parallel()
	const foreign = 4711
	for _, c := range []struct {
		name string
		make func(dir string) error // dir/way/end is the path
		says string                 // of the program; empty if it is good
	}{
		{"as it should be", nil, ""},
		{"the group may write it", func(dir string) error { return os.Chmod(dir+"/way/end", 0o770) }, "has mode 0770"},
		{"everybody may write it", func(dir string) error { return os.Chmod(dir+"/way/end", 0o702) }, "has mode 0702"},
		{"it is another's", func(dir string) error { return os.Chown(dir+"/way/end", foreign, -1) }, "belongs to uid 4711"},
		{"the directory above is open", func(dir string) error { return os.Chmod(dir+"/way", 0o777) }, "/way, on the way to "},
		{"the directory above is another's", func(dir string) error { return os.Chown(dir+"/way", foreign, -1) }, "/way, on the way to "},
		{"a link to what is good", func(dir string) error {
			return errors.Join(os.Rename(dir+"/way/end", dir+"/real"), os.Symlink("../real", dir+"/way/end"))
		}, ""},
		{"a link to what is open", func(dir string) error {
			return errors.Join(os.Rename(dir+"/way/end", dir+"/real"), os.Symlink(dir+"/real", dir+"/way/end"), os.Chmod(dir+"/real", 0o707))
		}, "/real, on the way to "},
		{"a link of another's", func(dir string) error {
			return errors.Join(os.Rename(dir+"/way/end", dir+"/real"), os.Symlink(dir+"/real", dir+"/way/end"), os.Lchown(dir+"/way/end", foreign, -1))
		}, "belongs to uid 4711"},
		{"a link to itself", func(dir string) error {
			return errors.Join(os.Remove(dir+"/way/end"), os.Symlink("end", dir+"/way/end"))
		}, "too many levels"},
		{"a link that goes up behind another", func(dir string) error {
			return errors.Join(os.MkdirAll(dir+"/open/sub", 0o700), os.Chmod(dir+"/open", 0o777), os.Rename(dir+"/way/end", dir+"/open/end"), os.Symlink(dir+"/open/sub", dir+"/link"),
				os.Symlink("../link/../end", dir+"/way/end"), os.Mkdir(dir+"/end", 0o700))
		}, "/open, on the way to "},
		{"a link that goes up to what is good", func(dir string) error {
			return errors.Join(os.Rename(dir+"/way/end", dir+"/real"), os.Mkdir(dir+"/way/sub", 0o700), os.Symlink("./sub/..//../real", dir+"/way/end"))
		}, ""},
		{"below root's sticky directory", func(dir string) error { return os.Chmod(dir+"/way", 0o777|fs.ModeSticky) }, "sticky"},
		{"nothing is there", func(dir string) error { return os.Remove(dir + "/way/end") }, "is not there"},
	} {
		for what, kind := range map[string]struct {
			judge func(string) error
			make  func(string) error
		}{
			"program":   {TrustedProgram, func(path string) error { return os.WriteFile(path, nil, 0o700) }}, //nolint:gosec // a program
			"directory": {TrustedDirectory, func(path string) error { return os.Mkdir(path, 0o755) }},        //nolint:gosec // everybody may read it
		} {
			t.Run(what+": "+c.name, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "way", "end")
				err := errors.Join(os.Chmod(dir, 0o700), os.Mkdir(dir+"/way", 0o700), kind.make(path)) //nolint:gosec // as above
				if err == nil && c.make != nil {
					err = c.make(dir)
				}
				if os.Geteuid() != 0 && errors.Is(err, fs.ErrPermission) {
					t.Skip("only root gives files away")
				}
				if err != nil {
					t.Fatal(err)
				}
				says := c.says
				if says == "sticky" { // as /tmp is, if we are root
					if says = ""; os.Geteuid() != 0 {
						says = "has mode"
					}
				}
				got := kind.judge(path)
				switch {
				case says == "" && got != nil:
					t.Error(got)
				case says != "" && (got == nil || !strings.Contains(got.Error(), says)):
					t.Errorf("%v, want %q", got, says)
				}
				var p *ca.Problem
				if got != nil && (errors.As(got, &p) && (p.Code != ca.E1404 || p.Fix == "" || p.Why == "")) {
					t.Errorf("%+v", p)
				}
			})
		}
	}
	if err := TrustedProgram("/"); err == nil {
		t.Error("a directory is a program")
	}
	if err := TrustedDirectory("/tmp"); err == nil {
		t.Error("where everybody may write something is published")
	}
}

// R87: the hook is judged before each run, and the directory before each look.
func TestR87_AHookAndADirectoryThatAreOpenedLaterAreLeftAlone(t *testing.T) {
	t.Parallel()
	path, noted := program(t, "echo ran >$noted\n")
	h, err := NewHook(path, filepath.Join(t.TempDir(), "hook.json"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := newOutfit(t, nil)
	before := o.puts("issuing-g1")
	o.copies()
	for dir, mode := range map[string]fs.FileMode{filepath.Dir(path): 0o777, o.o.Directory: 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.once(t.Context(), []string{"/a"}); err == nil || !strings.Contains(err.Error(), "others can change it") {
		t.Errorf("the hook: %v", err)
	}
	if _, err := os.Stat(noted); err == nil {
		t.Error("it was run")
	}
	o.puts("issuing-g1")
	if err := o.round(t.Context()); err == nil || !strings.Contains(err.Error(), "others can change it") {
		t.Errorf("the directory: %v", err)
	}
	o.holds("issuing-g1.crl", before)
}
