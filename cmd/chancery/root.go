// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"chancery/ca"
)

// An app is one run of the command line.
type app struct {
	in   io.Reader
	out  io.Writer // the answer
	err  io.Writer // everything else
	args []string
	env  func(string) string
	now  func() time.Time // what renew judges by

	dir     string
	context string // of services elsewhere
	here    bool   // the command is about this machine, whatever context is in use
	json    bool
	format  string // of -o
	fields  []string
	jq      string
	quiet   bool
	verbose int
	debug   bool
	noColor bool
	listed  int  // how many rows list gave
	alone   bool // the command started front and signer for itself
}

// run carries out the command line and gives the exit code.
func (a *app) run(ctx context.Context) int {
	a.err = screen{a.err, a}
	root := a.root()
	root.SetArgs(a.args[1:])
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.Is(err, errFaults): // the answer has said which
		return exitFaults
	case errors.Is(err, errNotDue): // likewise
		return exitNotDue
	case errors.Is(err, errTold):
		return exitFailure
	}
	p := asProblem(err)
	a.complain(p, ca.Problems(err)...)
	return exitOf(p)
}

func (a *app) root() *cobra.Command {
	c := &cobra.Command{
		Use:           "chancery",
		Short:         "A private certificate authority",
		Long:          "Chancery is a private certificate authority: it founds one, signs what policy allows,\nand keeps every signature on a log that can be verified.",
		Example:       "  chancery init --names lab.example\n  chancery serve",
		SilenceErrors: true, SilenceUsage: true,
		Version: version(),
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			a.verbosity(c)
			if err := apart(c); err != nil {
				return err
			}
			return a.checkForm()
		},
	}
	c.SetVersionTemplate("{{.Version}}\n")
	c.SetIn(a.in)
	c.SetOut(a.out)
	c.SetErr(a.err)
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		var wrong *pflag.InvalidValueError
		switch is := errors.As(err, &wrong); {
		case is && wrong.GetFlag().Value.Type() == new(when).Type():
			return noTime(wrong.GetFlag().Name, wrong.GetValue())
		case is && wrong.GetFlag().Value.Type() == "int":
			return usage("--"+wrong.GetFlag().Name+" takes a whole number, and got "+ca.Show(wrong.GetValue()), c.CommandPath()+" --help")
		}
		return usage(err.Error()+a.nearestFlag(c), c.CommandPath()+" --help")
	})
	c.Flags().Bool("version", false, "print the program's version") // without -v, which others use to explain
	f := c.PersistentFlags()
	f.StringVar(&a.dir, "dir", "", "directory of the installation (CHANCERY_DIR)")
	f.StringVar(&a.context, "context", "", "the service elsewhere that chancery login called so (CHANCERY_CONTEXT)")
	f.BoolVar(&a.json, "json", false, "print JSON, short for -o json")
	f.StringVarP(&a.format, "output", "o", "", "print as "+strings.Join(forms, ", "))
	_ = c.RegisterFlagCompletionFunc("output", fixed(forms...)) // the flag is there
	f.StringSliceVar(&a.fields, "fields", nil, "only these fields, by their JSON names")
	f.StringVar(&a.jq, "jq", "", "print what an expression of jq makes of the answer as JSON")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print only the identifier")
	f.CountVarP(&a.verbose, "verbose", "v", "say what is done; twice: each call to the service too")
	f.BoolVar(&a.debug, "debug", false, "say each call with what was sent and answered, secrets masked")
	f.BoolVar(&a.noColor, "no-color", false, "no colour (also NO_COLOR, TERM=dumb; CLICOLOR_FORCE=1 forces it)")
	c.AddCommand(
		a.initCommand(), a.serveCommand(), a.statusCommand(), a.signCommand(), a.issueCommand(),
		a.renewCommand(), a.listCommand(), a.showCommand(), a.revokeCommand(), a.unholdCommand(), a.annotateCommand(),
		a.verifyCommand(), a.trustCommand(), a.crlCommand(), a.ocspCommand(), a.feedCommand(), a.caCommand(), a.profileCommand(),
		a.policyCommand(), a.auditCommand(), a.runCommand(), a.keyCommand(), a.doctorCommand(),
		a.recoverCommand(), a.tokenCommand(), a.loginCommand(), a.logoutCommand(), a.whoamiCommand(),
		a.explainCommand(), a.versionCommand(), a.manCommand(), a.configCommand(),
		exitCodes(),
	)
	// Cobra adds these when it runs, which is too late for strict.
	c.InitDefaultHelpCmd()
	c.InitDefaultCompletionCmd()
	completionTexts(c)
	strict(c)
	c.SetHelpFunc(a.help)
	return c
}

// layout is the directory the command works on: flag, variable, or where
// packages put it.
func (a *app) layout() (layout, error) {
	dir := a.dir
	if dir == "" {
		dir = a.env("CHANCERY_DIR")
	}
	if dir == "" {
		dir = "/var/lib/chancery"
		if home := a.env("HOME"); os.Getuid() != 0 && home != "" {
			dir = filepath.Join(home, ".local", "share", "chancery")
			if xdg := a.env("XDG_DATA_HOME"); xdg != "" {
				dir = filepath.Join(xdg, "chancery")
			}
		}
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return layout{}, fmt.Errorf("find the directory %s: %w", dir, err)
	}
	return layout{full}, nil
}

// founded is layout for commands that need an installation.
func (a *app) founded() (layout, error) {
	l, err := a.layout()
	if err != nil {
		return l, err
	}
	if a.context != "" && !a.here {
		return l, onItsMachine()
	}
	_, err = os.Stat(l.config())
	switch {
	case errors.Is(err, fs.ErrPermission):
		return l, ca.Forbidden(ca.E1303, "this account may not look into "+l.dir, "use the account that founded it, or name another directory: --dir DIR").Because(err.Error())
	case err != nil && l.begun():
		return l, halfway(l)
	case err != nil:
		if a.loggedIn() { // who uses a service elsewhere does not want another authority here
			return l, onItsMachine()
		}
		hint := "chancery init --dir " + l.dir
		if l.vacant() != nil { // init would refuse it
			hint = "name the directory of an installation: --dir DIR"
		}
		return l, ca.NotFound(ca.E1001, "there is no authority in "+l.dir, hint)
	}
	return l, nil
}

// onItsMachine refuses what looks at the files of an installation, or asks its signer, where
// the service is another machine's.
func onItsMachine() *ca.Problem {
	return usage("this is done on the machine of the service, by the account that founded it", "the same there, without --context")
}

// loggedIn tells whether commands go to a service elsewhere, unless they say otherwise.
func (a *app) loggedIn() bool {
	other := *a
	other.here = false
	_, away, err := other.remote()
	return err == nil && away
}
