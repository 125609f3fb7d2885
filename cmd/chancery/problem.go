// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
)

// The exit codes; `chancery help exit-codes` is their page.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitForbidden   = 4
	exitRefused     = 6
	exitUnreachable = 7
	exitConflict    = 8
	exitFaults      = 9
	exitLocked      = 10
	exitNotDue      = 11
	exitInterrupted = 130
)

// exitCodes is a page of help.
func exitCodes() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: `   0  done
   1  failed
   2  wrong usage, or input that cannot be read
   3  not found
   4  not signed in, or not allowed
   6  refused by policy
   7  the service cannot be reached
   8  conflict: it exists already, or another process holds it
   9  a check found faults
  10  the signing keys are locked, or what was typed does not open a key
  11  nothing was due (renew --detailed-exitcode)
 130  interrupted
Treat a code that is not listed as failed.`}
}

// exits is the one table from kinds of problems to exit codes.
var exits = map[ca.Kind]int{
	ca.InvalidKind: exitUsage, ca.NotFoundKind: exitNotFound, ca.ForbiddenKind: exitForbidden, ca.UnauthenticatedKind: exitForbidden, ca.RefusedKind: exitRefused,
	ca.UnavailableKind: exitUnreachable, ca.BusyKind: exitUnreachable, ca.ConflictKind: exitConflict, ca.LockedKind: exitLocked,
}

func exitOf(p *ca.Problem) int {
	if p.Code == ca.E3102 { // a check that found faults
		return exitFaults
	}
	if p.Kind == ca.UnavailableKind && (p.Code == ca.E9000 || p.Code == ca.E1102 || p.Code == ca.E1407) {
		return exitFailure // a fault here, or a full disk, and not a service that is away
	}
	if p.Code == ca.E3002 && (p.Kind == ca.RefusedKind || p.Kind == ca.BusyKind) {
		return exitLocked // a wrong passphrase, or one too many for now: no rule refused, and the service is there
	}
	if code, ok := exits[p.Kind]; ok {
		return code
	}
	return exitFailure
}

// asProblem makes any error one that can be shown. At the command line the user
// and the machine are one, so what is ours is shown too.
func asProblem(err error) *ca.Problem {
	var p *ca.Problem
	if errors.As(err, &p) {
		return p
	}
	var path *fs.PathError
	if errors.As(err, &path) && path.Path == os.Stdout.Name() {
		return ca.Unavailable(ca.E1102, "the answer cannot be written to standard output: "+path.Err.Error(), "see that there is room where it goes; what was asked for is done")
	}
	if p, full := noRoom(err); full {
		return p
	}
	return ca.Unavailable(ca.E9000, err.Error(), "chancery explain E9000")
}

func usage(detail, fix string) *ca.Problem { return ca.Invalid(ca.E1101, detail, fix) }

// errsInJSON tells whether a program reads the errors. The line itself is looked at too:
// flags that follow the one that is wrong have not been read.
func (a *app) errsInJSON() bool {
	if a.json || a.format == asJSON || a.format == asLines {
		return true
	}
	for i, word := range a.args {
		switch word {
		case "--":
			return false
		case "--json", "-ojson", "-o=json", "--output=json", "-ojsonl", "-o=jsonl", "--output=jsonl":
			return true
		case "-o", "--output":
			if i+1 < len(a.args) && (a.args[i+1] == asJSON || a.args[i+1] == asLines) {
				return true
			}
		}
	}
	return false
}

// complain prints a problem to stderr in the form people and grep know, and with it each
// other one that was found at once, such as the faults of a document. Programs have them
// as errors.
func (a *app) complain(p *ca.Problem, all ...*ca.Problem) {
	if len(all) < 2 {
		all = nil
	}
	if a.errsInJSON() {
		body, err := json.Marshal(struct {
			*ca.Problem
			Errors []*ca.Problem `json:"errors,omitempty"`
		}{p, all})
		if err == nil {
			fmt.Fprintf(bare(a.err), "%s\n", body)
			return
		}
	}
	var b strings.Builder
	if all == nil {
		all = []*ca.Problem{p}
	}
	for i, p := range all {
		fmt.Fprintf(&b, "chancery: error: %s\n", p.Detail)
		if p.Why != "" {
			fmt.Fprintf(&b, "  why:  %s\n", p.Why)
		}
		if p.Fix != "" {
			fmt.Fprintf(&b, "  hint: %s\n", p.Fix)
		}
		if i == len(all)-1 || all[i+1].Code != p.Code {
			fmt.Fprintf(&b, "  code: %s   (chancery explain %s)\n", p.Code, p.Code)
		}
	}
	fmt.Fprint(a.err, fitted(b.String(), columnsOf(a.err)))
}
