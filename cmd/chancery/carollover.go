// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	checker "chancery/check"
	"chancery/policy"
	"chancery/signer"
)

// A rollover is where the succession of one generation by the next stands. It is read
// off the authorities each time, so that it can be broken off and taken up anywhere.
type rollover struct {
	old ca.Authority
	// next is the successor; its name is empty while there is none.
	next ca.Authority
	// crossed tells that each of two roots has certified the other.
	crossed bool
	left    signedBelow
	// hosts are who must have the bundle first, as far as they were named.
	hosts relying
}

func (a *app) caRollover() *cobra.Command {
	var q creation
	var n activation
	c := &cobra.Command{
		Use: "rollover NAME", Short: "Follow a generation by the next, step by step",
		Long: "Shows where the succession of a generation stands and takes the next step: make the successor, in standby; hand out the\n" +
			"trust bundle that has both; activate the successor (--activate), once relying parties have the bundle; retire the old\n" +
			"one when the last of its certificates has ended. It may be broken off and typed again at any time.\n\n" +
			"The successor of a root gets recovery words of its own, and both roots certify each other, so that either of them in\n" +
			"a trust store accepts what is below both. Roll over the authorities below afterwards: --parent.\n\n" +
			"An authority that signs itself without a root (init --single-tier) is followed by another such, by the words of the\n" +
			"installation. Whoever trusts the old one must trust the new one too before it is activated.\n\n" +
			"Chancery cannot see who has the bundle. It keeps a list for you: name who must have it (--expects), tick off who has it\n" +
			"(--mark); while somebody is missing, --activate is refused unless --accept-missing says how many.",
		Example: "  chancery ca rollover issuing-g1 --recovery-file words.txt\n  chancery ca rollover issuing-g1 --activate\n" +
			"  chancery ca rollover issuing-g1 --expects mqtt-02,printer-gw\n  chancery ca rollover issuing-g1 --mark mqtt-02\n" +
			"  chancery ca rollover root-g1 --recovery-file words.txt --own-recovery-file words2.txt",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ca rollover takes the name of the generation to be followed", "chancery ca list")
			}
			if err := someDays(c, q.days); err != nil {
				return err
			}
			q.given, q.pathLen = c.Flags().Changed("days"), -1
			return a.ceremonial(c.Context(), func(ctx context.Context, t *ceremony) error { return t.rollover(ctx, args[0], q, n) })
		},
	}
	f := c.Flags()
	f.StringSliceVar(&n.expects, "expects", nil, "hosts that must have the bundle before the successor is activated")
	f.StringSliceVar(&n.marked, "mark", nil, "of these hosts, those that have it")
	f.IntVar(&n.accepted, "accept-missing", 0, "with --activate: go on though this many hosts lack it")
	f.BoolVar(&n.activate, "activate", false, "activate the successor: relying parties have the bundle")
	f.StringVar(&q.parent, "parent", "", "authority that signs the successor (default: the one that signed the old one, or is active in its place)")
	f.IntVar(&q.days, "days", 0, "lifetime of the successor (default: the usual one)")
	f.StringVar(&q.key, "key", "", "type of the successor's key (default: that of the old one)")
	wordFlags(c, &q)
	planFlags(c, &q.dry, &q.yes)
	acceptFlag(c, &q.broken)
	a.completeFlag(c, "parent", completeAuthorities)
	_ = c.RegisterFlagCompletionFunc("key", fixed(authorityKeys...)) // the flag is there
	return c
}

// An activation is what a rollover is told of its relying parties, and whether to activate.
type activation struct {
	expects, marked []string
	accepted        int
	activate        bool
}

// ticking tells whether only the list of relying parties is changed: that takes no step.
func (n activation) ticking() bool { return len(n.expects)+len(n.marked) > 0 && !n.activate }

// rollover takes the next step.
func (c *ceremony) rollover(ctx context.Context, name string, q creation, n activation) error {
	r, err := c.succession(ctx, name)
	if err != nil {
		return err
	}
	if r.hosts, err = c.at.readRelying(); err != nil {
		return err
	}
	if err := r.hosts.ticked(name, n.expects, n.marked); err != nil {
		return err
	}
	if len(n.expects)+len(n.marked) > 0 && !q.dry {
		if err := c.at.writeRelying(r.hosts); err != nil {
			return err
		}
	}
	switch {
	case n.ticking():
	case r.next.Name == "":
		r.next, err = c.succeed(ctx, r.old, &q)
		if err == nil && !q.dry && r.old.Kind == ca.Root {
			err = c.cross(ctx, &r, q)
		}
	case r.old.Kind == ca.Root && !r.crossed && r.old.State != ca.Retired:
		err = c.cross(ctx, &r, q)
	case n.activate && r.next.State == ca.Standby:
		err = c.activated(ctx, &r, q, n)
	}
	if err != nil {
		return err
	}
	shown := r.next
	if shown.Name == "" {
		shown = r.old
	}
	return c.give(authorityAnswer(shown, c.steps(r)))
}

// activated has the successor sign.
func (c *ceremony) activated(ctx context.Context, r *rollover, q creation, n activation) error {
	if err := r.hosts.lacking(r.old.Name, n.accepted); err != nil {
		return err
	}
	if _, err := c.signer.Turn(ctx, signer.Turn{Authority: r.next.Name, To: ca.Active, DryRun: true}); err != nil {
		return err
	}
	err := c.bites(ctx, c.ofLine(r.next.Line), r.next.Line, c.holding(r.next.Name), q.broken)
	if err != nil || q.dry {
		return err
	}
	if err := c.agreed(ctx, q.yes); err != nil {
		return err
	}
	if r.next, err = c.turn(ctx, r.next, ca.Active, ""); err == nil && r.old.State == ca.Active {
		r.old.State = ca.Retiring
	}
	return err
}

// succession finds the successor of a generation: the next that its line got after it.
func (c *ceremony) succession(ctx context.Context, name string) (r rollover, err error) {
	if r.old, err = c.named(name); err != nil {
		return r, err
	}
	if r.old.External {
		return r, ca.Refused(ca.E2603, "the key of "+name+" is not here", "where its key is, it is rolled over")
	}
	// Authorities come oldest first.
	at := slices.IndexFunc(c.all, func(one ca.Authority) bool { return one.Name == name })
	for _, one := range c.all[at+1:] {
		if one.Line == r.old.Line && one.State != ca.Retired {
			r.next = one
		}
	}
	r.crossed = certified(r.old, r.next) && certified(r.next, r.old)
	r.left, err = c.below(ctx, r.old)
	return r, err
}

// succeed makes the successor: named and made as the old one, in standby. A dry run gives
// none.
func (c *ceremony) succeed(ctx context.Context, old ca.Authority, q *creation) (ca.Authority, error) {
	line, number := generation(old.Name)
	q.name, q.line, q.standby = fmt.Sprintf("%s-g%d", line, number+1), old.Line, true
	cert, err := subjectOf(old)
	if err != nil {
		return ca.Authority{}, err
	}
	carried := carriedIn(old, cert)
	q.names, q.use, q.policies = c.ownNames(old, carried.Constraints), old.Use, carried.Policies
	if draft, err := checker.Draft(old.Certificate); err != nil {
		fmt.Fprintf(c.err, "%s the certificate of %s has what its successor's will not: %v\n", c.mark(warned), old.Name, err)
	} else {
		q.policies = nil
		for _, p := range draft.Policies { // with the addresses of their practice statements
			q.policies = append(q.policies, p.String())
		}
	}
	if n := carried.PathLength; n != nil && *n > 0 { // an issuing authority has 0 anyhow
		q.pathLen = *n
	}
	q.shards = old.Sharded()
	q.hash, q.aki, q.apart = string(old.Hash), string(old.AKI), policy.StaggerDays
	if q.key == "" {
		q.key = old.KeyType
	}
	q.root, q.intermediate = old.Kind == ca.Root, old.Kind == ca.Intermediate
	q.itself = alone(old) && q.parent == ""
	if q.parent == "" && old.Kind != ca.Root && !q.itself {
		up, err := policy.SuccessorOf(c.all, old.Parent)
		if err != nil {
			return ca.Authority{}, err
		}
		q.parent = up.Name
	}
	w, _, err := c.creation(ctx, *q)
	if err != nil || q.dry {
		return ca.Authority{}, err
	}
	words := c.wordsMissing(w.Kind, *q)
	if q.root && old.AKI != ca.AKIIssuer { // both roots certify each other, by the words of both
		words = append(words, c.unlessFile(byRecoveryFile, q.recovery))
	}
	if err := c.agreed(ctx, q.yes, words...); err != nil {
		return ca.Authority{}, err
	}
	made, err := c.make(ctx, &w, *q)
	if err == nil {
		c.all = append(c.all, made.Authority)
	}
	q.words = w.OwnWords
	return made.Authority, err
}

// ownNames are the name constraints of a generation without those that stand above it
// too: a successor gets what is above itself, which may be others.
func (c *ceremony) ownNames(old ca.Authority, names []string) []string {
	if old.Parent == old.Name {
		return names
	}
	var above []string
	for _, up := range c.holding(old.Parent) {
		above = append(above, up.Strings()...)
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(above, name) })
}

// alone tells whether an issuing authority signs itself, without a root.
func alone(one ca.Authority) bool { return one.Kind == ca.Issuing && one.Parent == one.Name }

// certified tells whether a root has certified another and not revoked that, or need not:
// what names the very certificate of its issuer verifies by no other.
func certified(of, by ca.Authority) bool {
	return of.AKI == ca.AKIIssuer || slices.ContainsFunc(of.Cross, func(x ca.CrossCertificate) bool { return x.By == by.Name }) &&
		!slices.ContainsFunc(of.Revoked, func(r ca.AuthorityRevocation) bool { return r.By == by.Name })
}

// cross has two roots certify each other, as far as they have not yet. A dry run asks
// whether they could.
func (c *ceremony) cross(ctx context.Context, r *rollover, q creation) error {
	var flags []string
	if !certified(r.next, r.old) {
		flags = append(flags, c.unlessFile(byRecoveryFile, q.recovery))
	}
	if !certified(r.old, r.next) && q.words == "" {
		flags = append(flags, c.unlessFile(byOwnRecoveryFile, q.own))
	}
	if err := c.unanswered("the roots certify each other by their words", flags...); err != nil && !q.dry {
		return err
	}
	for _, one := range []struct {
		of, by *ca.Authority
		words  string // if they are known
		byFlag byFlag
		file   string
	}{{&r.next, &r.old, "", byRecoveryFile, q.recovery}, {&r.old, &r.next, q.words, byOwnRecoveryFile, q.own}} {
		if certified(*one.of, *one.by) {
			continue
		}
		days := min(wholeDays(one.of.NotAfter), wholeDays(one.by.NotAfter))
		w := signer.Recertification{Authority: one.of.Name, By: one.by.Name, Days: days, Words: one.words, DryRun: q.dry}
		if q.dry {
			if _, err := c.signer.Recertify(ctx, w); err != nil {
				return err
			}
			continue
		}
		if w.Words == "" {
			fmt.Fprintf(c.err, "The words of %s are needed.\n", one.by.Name)
			var err error
			if w.Words, err = c.secret(ctx, one.byFlag, one.file, true); err != nil {
				return err
			}
		}
		made, err := c.recertified(ctx, w)
		if err != nil {
			return err
		}
		*one.of = made
	}
	r.crossed = !q.dry
	return nil
}

// steps shows the whole way, and what to type next.
func (c *ceremony) steps(r rollover) string {
	var b strings.Builder
	step := func(n int, what string, done bool, text string) {
		sign := " "
		if done {
			sign = c.mark(fine)
		}
		fmt.Fprintf(&b, "Step %d of 5  %-26s %s %s\n", n, what, sign, text)
	}
	made, active := r.next.Name != "", r.next.State == ca.Active
	successor := "not made yet"
	if made {
		successor = fmt.Sprintf("%s, %s, until %s", r.next.Name, r.next.State, onDay(r.next.NotAfter))
	}
	step(1, "create successor", made, successor)
	published := "waits for step 1"
	switch {
	case made && r.old.Kind == ca.Root && r.old.AKI == ca.AKIIssuer:
		published = "no root certifies the other: what they signed names their own certificates (--aki keyid+issuer)"
	case made && r.old.Kind == ca.Root && r.crossed:
		published = r.old.Name + " and " + r.next.Name + " certified each other"
	case made && r.old.Kind == ca.Root:
		published = "the two roots have not certified each other yet"
	case made && alone(r.old):
		published = "it has " + r.members() + ": neither can certify the other, since none may be below them"
	case made:
		published = "it has " + r.members()
	}
	step(2, "publish the bundle", made && (r.old.Kind != ca.Root || r.crossed), published)
	wait := "who trusts the root needs nothing; who holds the authority itself needs the bundle: " + c.says("ca bundle")
	switch {
	case r.old.State == ca.Retired:
		wait = "whoever trusts " + r.old.Name + " itself needs " + r.next.Name + ": " + c.says("ca bundle")
	case alone(r.old):
		wait = "each relying party needs both: " + c.says("ca bundle")
	case r.old.Kind == ca.Root:
		wait = "each relying party needs both roots: " + c.says("ca bundle")
	}
	if missing := r.hosts.missing(r.old.Name); len(r.hosts[r.old.Name]) > 0 {
		wait += fmt.Sprintf("\n%42s%d of %d named hosts have it", "", len(r.hosts[r.old.Name])-len(missing), len(r.hosts[r.old.Name]))
		if len(missing) > 0 {
			wait += "; missing: " + short(missing)
		}
	}
	step(3, "wait for relying parties", active, wait)
	activated := "waiting"
	if active {
		activated = r.next.Name + " signs for line " + r.next.Line
	}
	step(4, "activate the successor", active, activated)
	retired := "at any time: nothing below it is valid"
	switch {
	case r.old.State == ca.Retired:
		retired = r.old.Name + " is retired"
	case !r.left.empty():
		retired = fmt.Sprintf("not before %s, when the last below it ends: %s", onDay(r.left.last), r.left)
	}
	step(5, "retire "+r.old.Name, r.old.State == ca.Retired, retired)
	return b.String() + c.nextStep(r)
}

// members are those of the two that the bundle has: what is retired or revoked is in none.
func (r rollover) members() string {
	if r.old.State == ca.Retired {
		return r.next.Name + ", and " + r.old.Name + " no more"
	}
	return r.old.Name + " and " + r.next.Name
}

// nextStep is what to type next.
func (c *ceremony) nextStep(r rollover) string {
	rollover := "ca rollover " + r.old.Name
	switch {
	case r.next.Name == "":
		return c.next(rollover, "make the successor")
	case r.old.Kind == ca.Root && !r.crossed && r.old.State != ca.Retired:
		return c.next(rollover+" --own-recovery-file FILE", "let the roots certify each other; FILE has the words of "+r.next.Name)
	case r.next.State == ca.Standby && len(r.hosts.missing(r.old.Name)) > 0:
		return c.next(rollover+" --mark HOST", "for each that has the bundle; then --activate")
	case r.next.State == ca.Standby:
		return c.next(rollover+" --activate", "once relying parties have the bundle")
	case r.old.Kind != ca.Issuing && len(r.left.authorities) > 0:
		return c.next("ca rollover "+r.left.authorities[0]+" --parent "+r.next.Name, "follow what is below it")
	case r.old.State != ca.Retired:
		return c.next("ca retire "+r.old.Name, "when nothing below it is valid any more")
	}
	return ""
}
