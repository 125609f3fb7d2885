// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chancery/config"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "The settings of the installation: where they are, what they say",
		Example: "  chancery config show --origin\n  chancery config check",
	}
	c.AddCommand(a.configPath(), a.configShow(), a.configCheck())
	return c
}

// A candidate is where an installation may be.
type candidate struct {
	// Said tells who names it: --dir, CHANCERY_DIR, or default.
	Said string `json:"said"`
	// Path is the file of settings, which lies in the directory.
	Path  string `json:"path"`
	There bool   `json:"there"`
	// Used marks the one that commands go by.
	Used bool `json:"used"`
}

func (a *app) configPath() *cobra.Command {
	return &cobra.Command{
		Use: "path", Short: "List where the settings may be, and mark the file that is used", Example: "  chancery config path\n  chancery config path -q",
		Long: "The settings lie in the directory of the installation, so that it can be moved as a whole. The first that is named\n" +
			"counts: --dir, then CHANCERY_DIR, then the usual place.",
		RunE: func(*cobra.Command, []string) error {
			all, err := a.places()
			if err != nil {
				return err
			}
			var b strings.Builder
			var used []string
			for _, p := range all {
				sign, state := " ", ""
				if p.Used {
					sign, used = "*", append(used, p.Path)
				}
				if !p.There {
					state = "   (not there)"
				}
				fmt.Fprintf(&b, "%s %-12s %s%s\n", sign, p.Said, p.Path, state)
			}
			return a.give(answer{value: all, text: b.String(), rows: all, names: used})
		},
	}
}

// places are all that could be meant, the one that is first.
func (a *app) places() ([]candidate, error) {
	var all []candidate
	named := func(said, dir string, env func(string) string) error {
		l, err := (&app{dir: dir, env: env}).layout()
		if err != nil {
			return err
		}
		_, missing := os.Stat(l.config())
		all = append(all, candidate{Said: said, Path: l.config(), There: missing == nil, Used: len(all) == 0})
		return nil
	}
	var fault error
	if a.dir != "" {
		fault = named("--dir", a.dir, a.env)
	}
	if dir := a.env("CHANCERY_DIR"); dir != "" {
		fault = errors.Join(fault, named("CHANCERY_DIR", dir, a.env))
	}
	usual := func(name string) string {
		if name == "CHANCERY_DIR" {
			return ""
		}
		return a.env(name)
	}
	return all, errors.Join(fault, named("default", "", usual))
}

func (a *app) configShow() *cobra.Command {
	var origin bool
	c := &cobra.Command{
		Use: "show", Short: "Show the settings in force, and where each comes from", Example: "  chancery config show\n  chancery config show --origin",
		Long: "A flag wins over a variable, a variable over the file, the file over the default. Any setting a.b is also the variable\n" +
			"CHANCERY_A_B. Flags are those of chancery serve, and hold for its run alone. Passwords are not shown.",
		RunE: func(*cobra.Command, []string) error {
			all, err := a.configured()
			if err != nil {
				return err
			}
			var b strings.Builder
			w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
			for _, s := range all {
				fmt.Fprintf(w, "%s\t%s", s.Key, s.Value)
				if origin {
					fmt.Fprintf(w, "\t%s", strings.TrimSpace(s.Source+" "+s.Where))
				}
				fmt.Fprintln(w)
			}
			_ = w.Flush() // a builder takes everything
			return a.give(answer{value: all, text: b.String(), rows: all})
		},
	}
	c.Flags().BoolVar(&origin, "origin", false, "say of each where it comes from")
	return c
}

func (a *app) configCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Judge the settings, as the service would at its start",
		Long:    "Judges the settings, as the service would at its start. A publish.hook that is not there, or not executable, is refused\nhere too: the service starts with one, and fails at each change until it can be run.",
		Example: "  chancery config check\n  CHANCERY_LISTEN=:443 chancery config check",
		RunE: func(*cobra.Command, []string) error {
			all, err := a.configured()
			if err != nil {
				return err
			}
			l, err := a.layout()
			if err != nil {
				return err
			}
			s, err := l.settings()
			if err != nil {
				return err
			}
			if err := l.publishes(s); err != nil { // as serve does
				return err
			}
			if s.Publish.Hook != "" {
				if err := runnable(s.Publish.Hook); err != nil {
					return err
				}
			}
			return a.give(answer{value: all, rows: all, text: fmt.Sprintf("%s %s and the variables over it can be used: %s\n", a.mark(fine), filepath.Clean(l.config()), counted(len(all), "setting"))})
		},
	}
}

// configured are the settings of the installation.
func (a *app) configured() ([]config.Setting, error) {
	l, err := a.founded()
	if err != nil {
		return nil, err
	}
	if _, err := l.settings(); err != nil { // which says which file it is about
		return nil, err
	}
	return config.Settings(l.config(), os.Environ())
}
