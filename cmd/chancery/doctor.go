// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
)

// examineWait bounds a whole examination: a log of some million entries and a
// database of as many rows are read within.
const examineWait = 5 * time.Minute

const (
	// lookAgain is how often, and lookAfter after what time, what a running service is about to
	// mend is looked at once more: it copies lists within two seconds, and asks its new
	// responders within six.
	lookAgain = 5
	lookAfter = 2 * time.Second
)

// A level is how bad a finding is. Only failed ones make the exit code 9.
type level string

const (
	fine   level = "ok"
	warned level = "warn"
	failed level = "fail"
)

// A finding is one line of the doctor's.
type finding struct {
	// ID is the check's name, as --only and --skip take it.
	ID      string `json:"id"`
	Level   level  `json:"level"`
	Message string `json:"message"`
	// Hint is what to type or do; Docs the page that says more.
	Hint string `json:"hint,omitempty"`
	Docs string `json:"docs,omitempty"`
	// soon says that a running service mends it within seconds, if it is no fault.
	soon bool
}

// A check looks at one side of the installation. It never needs the service: the
// doctor must be of use when nothing starts.
type check struct {
	id, docs string
	look     func(context.Context, *patient) []finding
}

// checks in the order of the answer. Modes come first, so that --fix opens the
// way for the others.
var checks = [...]check{
	{"modes", "docs/files.md", lookAtModes},
	{"settings", "docs/files.md", lookAtSettings},
	{"service", "docs/recovery.md", lookAtService},
	{"log", "docs/journal.md", lookAtLog},
	{"log-id", "docs/files.md", lookAtLogID},
	{"database", "docs/schema.md", lookAtDatabase},
	{"policy", "", lookAtPolicy},
	{"authorities", "", lookAtAuthorities},
	{"lists", "docs/revocation.md", lookAtLists},
	{"feeds", "docs/feed.md", lookAtFeeds},
	{"addresses", "docs/revocation.md", lookAtAddresses},
	{"publication", "docs/publication.md", lookAtPublication},
	{"listeners", "docs/access.md", lookAtListeners},
	{"clock", "", lookAtClock},
	{"disk", "", lookAtDisk},
	{"unlock", "docs/files.md", lookAtUnlock},
	{"separation", "docs/limits.md", lookAtSeparation},
	{"recovery-words", "docs/files.md", lookAtWords},
}

// A patient is the installation under examination.
type patient struct {
	layout layout
	now    time.Time
	fix    bool
	record chronicle
	told   *progress // of what is examined; nil for nobody
	// again waits before something is looked at once more, and gives the time then; false if
	// there is nothing to wait for. Without it nothing is looked at again.
	again func(context.Context) (time.Time, bool)
}

// errFaults ends a command whose answer says itself that faults were found.
var errFaults = errors.New("the check found faults")

func (a *app) doctorCommand() *cobra.Command {
	var fix, dry bool
	var only, skip []string
	c := &cobra.Command{
		Use: "doctor", Short: "Look for what is wrong or soon will be, with or without the service",
		Example: "  chancery doctor\n  chancery doctor --fix",
		RunE: func(c *cobra.Command, _ []string) error {
			chosen, err := choose(only, skip)
			if err != nil {
				return err
			}
			if err := a.canGive(answer{value: []finding{}, rows: []finding{}}); err != nil {
				return err
			}
			l, err := a.founded()
			if err != nil {
				return err
			}
			if err := l.ours(); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), examineWait)
			defer cancel()
			told := a.progress(task{what: "doctor", of: "checks were made", total: int64(len(chosen))})
			p := &patient{layout: l, now: time.Now(), fix: fix && !dry, told: told}
			p.again = p.inAWhile
			found := examine(ctx, p, chosen)
			told.end(c.Context())
			if err := c.Context().Err(); err != nil {
				return err
			}
			for i, f := range found {
				found[i].Hint = a.pasteable(f.Hint)
			}
			if err := a.give(answer{value: found, text: fitted(a.diagnosis(found), columnsOf(a.out)), rows: found, columns: findingColumns}); err != nil {
				return err
			}
			if count(found, failed) > 0 && !dry {
				return errFaults
			}
			return nil
		},
	}
	c.Flags().BoolVar(&fix, "fix", false, "repair what is harmless to repair, such as modes")
	c.Flags().BoolVar(&dry, "dry-run", false, "with --fix: say what is wrong, and repair nothing")
	c.Flags().StringSliceVar(&only, "only", nil, "only these checks: "+strings.Join(checkIDs(), ", "))
	c.Flags().StringSliceVar(&skip, "skip", nil, "all but these checks")
	_ = c.RegisterFlagCompletionFunc("only", fixed(checkIDs()...)) // the flags are there
	_ = c.RegisterFlagCompletionFunc("skip", fixed(checkIDs()...))
	return c
}

// findingColumns are what -o csv has of a finding.
var findingColumns = []string{"id", "level", "message", "hint"}

// pasteable names the directory in a command that a hint begins with, where this
// one was told it.
func (a *app) pasteable(hint string) string {
	command, is := strings.CutPrefix(hint, "chancery ")
	if !is || strings.HasPrefix(command, "init ") {
		return hint
	}
	return a.says(command)
}

func checkIDs() []string {
	var ids []string
	for _, c := range checks {
		ids = append(ids, c.id)
	}
	return ids
}

// choose gives the checks that were asked for.
func choose(only, skip []string) ([]check, error) {
	for _, id := range slices.Concat(only, skip) {
		if !slices.Contains(checkIDs(), id) {
			return nil, usage("there is no check "+ca.Show(id), "use some of "+strings.Join(checkIDs(), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(checks[:]), func(c check) bool {
		return len(only) > 0 && !slices.Contains(only, c.id) || slices.Contains(skip, c.id)
	}), nil
}

func examine(ctx context.Context, p *patient, chosen []check) []finding {
	found := []finding{}
	for _, c := range chosen {
		for _, f := range p.settled(ctx, c) {
			f.ID = c.id
			if f.Level != fine {
				f.Docs = c.docs
			}
			found = append(found, f)
		}
		if p.told != nil {
			p.told.add(1)
		}
	}
	return found
}

// settled has a check made, and made again while it finds what a running service may be about
// to mend: right after a revocation the copies of its list are not a fault.
func (p *patient) settled(ctx context.Context, c check) []finding {
	found := c.look(ctx, p)
	for range lookAgain {
		if p.again == nil || !slices.ContainsFunc(found, func(f finding) bool { return f.soon }) {
			break
		}
		now, goesOn := p.again(ctx)
		if !goesOn {
			break
		}
		p.now = now
		found = c.look(ctx, p)
	}
	return found
}

// inAWhile waits for what the service is about to do, if it runs.
func (p *patient) inAWhile(ctx context.Context) (time.Time, bool) {
	if !p.serves(ctx) {
		return time.Time{}, false
	}
	select {
	case <-ctx.Done():
		return time.Time{}, false
	case <-time.After(lookAfter):
		return time.Now(), true
	}
}

func count(found []finding, l level) int {
	n := 0
	for _, f := range found {
		if f.Level == l {
			n++
		}
	}
	return n
}

// diagnosis is a line per finding and the sum of them.
func (a *app) diagnosis(found []finding) string {
	var b strings.Builder
	for _, f := range found {
		b.WriteString(a.mark(f.Level) + " " + f.Message)
		if f.Hint != "" {
			b.WriteString("  → " + f.Hint)
		}
		b.WriteByte('\n')
	}
	bad, warnings := count(found, failed), count(found, warned)
	if bad+warnings == 0 {
		return b.String() + "nothing is wrong\n"
	}
	return b.String() + fmt.Sprintf("%s, %s\n", counted(bad, "failure"), counted(warnings, "warning"))
}

// counted is a number with its noun, such as "2 failures".
func counted(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		noun += "e"
	case strings.HasSuffix(noun, "ty"), strings.HasSuffix(noun, "ry"):
		noun = noun[:len(noun)-1] + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// ok, warning and failure make findings.
func ok(format string, values ...any) finding {
	return finding{Level: fine, Message: fmt.Sprintf(format, values...)}
}

func warning(hint, format string, values ...any) finding {
	return finding{Level: warned, Message: fmt.Sprintf(format, values...), Hint: hint}
}

func failure(hint, format string, values ...any) finding {
	return finding{Level: failed, Message: fmt.Sprintf(format, values...), Hint: hint}
}

// illness makes a finding of an error: a problem brings its own hint.
func illness(what string, err error) finding {
	var p *ca.Problem
	if !errors.As(err, &p) {
		return failure("", "%s: %v", what, err)
	}
	message := p.Detail
	if p.Why != "" {
		message += " (" + p.Why + ")"
	}
	return failure(p.Fix, "%s", message)
}

// ours refuses to work on the files of another account: what root or a stranger
// writes there, the service could not open any more.
func (l layout) ours() error {
	info, err := os.Stat(l.dir)
	if err != nil {
		return unwritable(l.dir, err)
	}
	owner := ownerOf(info)
	if owner == os.Geteuid() {
		return nil
	}
	name := accountName(owner)
	return ca.Forbidden(ca.E1303, fmt.Sprintf("%s belongs to the account %s, and this is %s", l.dir, name, accountName(os.Geteuid())),
		fmt.Sprintf("sudo -u %s chancery --dir %s …", name, l.dir))
}
