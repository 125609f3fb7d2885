// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer"
)

// shardsUsage is that of --shards, here and of init.
func shardsUsage() string {
	return fmt.Sprintf("part its list into so many, 2 to %d, beside the complete one, for whoever fetches lists; 0 is none (docs/revocation.md)", ca.MaxShards)
}

// shardsOf refuses a number of shards that there cannot be; one is the complete list itself.
func shardsOf(n int) error {
	if n < 0 || n == 1 || n > ca.MaxShards {
		return usage(fmt.Sprintf("%d is no number of shards: there are 2 to %d", n, ca.MaxShards), "leave --shards out for none")
	}
	return nil
}

// A creation is what ca create was asked.
type creation struct {
	name, parent, line           string
	subject, org, key, hash      string
	aki, recovery, own           string
	root, intermediate, standby  bool
	itself                       bool // an issuing one that signs itself, as the one before
	level, dry, yes, broken      bool // level is --no-stagger
	given                        bool // a lifetime was
	use, names, policies         []string
	days, pathLen, apart, shards int
	words                        string // of its own, once they were made
}

func (a *app) caCreate() *cobra.Command {
	var q creation
	c := &cobra.Command{
		Use: "create NAME", Short: "Make an authority: a root, an intermediate or an issuing one",
		Long: "Makes an authority below a root or an intermediate, or a root with --root. It belongs to a line, which is its name\n" +
			"without the number: users-g2 follows users-g1. The first of its line signs at once, every later one when it is\n" +
			"activated. An authority for people (--for client,email) is proposed to end before those for systems, and no two\n" +
			"siblings within --window days.\n\n" +
			"Name constraints are written dns:lab.example, email:@lab.example, ip:10.0.0.0/8, uri:.lab.example or dn:O=Lab, with ! before\n" +
			"what is excluded. The recovery words of the authority above open its key; a root gets words of its own.",
		Example: "  chancery ca create users-g1 --for client,email --recovery-file words.txt\n" +
			"  chancery ca create policy-g1 --intermediate --names dns:lab.example --names '!dns:secret.lab.example'\n" +
			"  chancery ca create issuing-g2 --parent policy-g1 --key ecdsa-p384 --dry-run",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ca create takes the name of the new authority", "chancery ca create users-g1 --for client,email")
			}
			if err := someDays(c, q.days); err != nil {
				return err
			}
			q.name, q.given = args[0], c.Flags().Changed("days")
			if !c.Flags().Changed("path-length") {
				q.pathLen = -1
			}
			return a.ceremonial(c.Context(), func(ctx context.Context, t *ceremony) error { return t.create(ctx, q) })
		},
	}
	f := c.Flags()
	f.StringVar(&q.parent, "parent", "", "authority that signs it (default: the active one above its line, or the only root)")
	f.StringVar(&q.line, "line", "", "line it belongs to (default: NAME without -gN)")
	f.BoolVar(&q.root, "root", false, "make a root, which signs itself")
	f.BoolVar(&q.intermediate, "intermediate", false, "make an authority that signs authorities")
	f.StringSliceVar(&q.names, "names", nil, "name constraints, such as dns:lab.example or '!dns:secret.lab.example'")
	f.StringSliceVar(&q.policies, "policy", nil, "certificate policies, OID or OID=ADDRESS of the practice statement")
	f.IntVar(&q.days, "days", 0, "lifetime in days (default: a root's 7305, others' 1826 and more)")
	f.IntVar(&q.pathLen, "path-length", 0, "how many authorities may follow below it (default: as its kind needs)")
	f.IntVar(&q.shards, "shards", 0, shardsUsage())
	f.StringVar(&q.hash, "hash", "", "what it signs with: sha256, sha384, sha512 (default: as its key needs)")
	f.StringVar(&q.aki, "aki", "", "authority key identifier in what it signs: keyid or keyid+issuer")
	f.BoolVar(&q.standby, "standby", false, "do not sign before it is activated, though it is the first of its line")
	f.BoolVar(&q.level, "no-stagger", false, "do not keep the ends of siblings apart")
	f.IntVar(&q.apart, "window", policy.StaggerDays, "how many days siblings' ends are kept apart")
	subjectFlags(c, &q)
	wordFlags(c, &q)
	planFlags(c, &q.dry, &q.yes)
	acceptFlag(c, &q.broken)
	a.completeFlag(c, "parent", completeAuthorities)
	_ = c.RegisterFlagCompletionFunc("hash", fixed(string(ca.SHA256), string(ca.SHA384), string(ca.SHA512))) // the flags are there
	_ = c.RegisterFlagCompletionFunc("aki", fixed(string(ca.AKIKeyID), string(ca.AKIIssuer)))
	return c
}

// authorityKeys are the types of key that a new authority is offered.
var authorityKeys = []string{"ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072", "rsa-4096"}

// subjectFlags say what an authority is called and which key it has.
func subjectFlags(c *cobra.Command, q *creation) {
	f := c.Flags()
	f.StringSliceVar(&q.use, "for", nil, "what it hands out certificates for: server, client, email, codesign")
	f.StringVar(&q.subject, "subject", "", "its whole name, such as O=Lab,CN=Lab Users CA G1")
	f.StringVar(&q.org, "org", "", "organisation in its name (default: that of the authority above)")
	f.StringVar(&q.key, "key", "", "type of its key: "+strings.Join(authorityKeys, ", ")+" (default: ecdsa-p256, a root's ecdsa-p384)")
	_ = c.RegisterFlagCompletionFunc("key", fixed(authorityKeys...)) // the flags are there
	_ = c.RegisterFlagCompletionFunc("for", fixed("server", "client", "email", "codesign"))
}

// wordFlags name the files with recovery words.
func wordFlags(c *cobra.Command, q *creation) {
	c.Flags().StringVar(&q.recovery, "recovery-file", "", "file with the recovery words of the key that signs (CHANCERY_PASSWORD_FILE)")
	c.Flags().StringVar(&q.own, "own-recovery-file", "", "new file that takes recovery words of its own (a root's without a terminal)")
}

// dryFlag is what every command has that changes something.
func dryFlag(c *cobra.Command, dry *bool) {
	c.Flags().BoolVar(dry, "dry-run", false, "say what would be done, and do nothing")
}

// planFlags are those of a command that shows first what it will do.
func planFlags(c *cobra.Command, dry, yes *bool) {
	dryFlag(c, dry)
	c.Flags().BoolVar(yes, "yes", false, "agree to the plan beforehand (required without a terminal)")
}

// kind is what the flags say that it is.
func (q creation) kind() (ca.AuthorityKind, error) {
	switch {
	case q.root && (q.intermediate || q.parent != ""):
		return "", usage("a root is below no other authority", "leave out --root, or --parent and --intermediate")
	case q.root:
		return ca.Root, nil
	case q.intermediate:
		return ca.Intermediate, nil
	}
	return ca.Issuing, nil
}

// create makes an authority.
func (c *ceremony) create(ctx context.Context, q creation) error {
	w, foreseen, err := c.creation(ctx, q)
	if err != nil {
		return err
	}
	if q.dry {
		return c.give(answer{value: foreseen, text: "nothing was made\n", names: []string{w.Name}})
	}
	if err := c.agreed(ctx, q.yes, c.wordsMissing(w.Kind, q)...); err != nil {
		return err
	}
	made, err := c.make(ctx, &w, q)
	if err != nil {
		return err
	}
	one := made.Authority
	text := c.described(one)
	switch {
	case one.Kind != ca.Issuing:
		text += c.next("ca create NAME --parent "+one.Name, "make an authority below it")
	case one.State == ca.Standby:
		text += c.next("ca activate "+one.Name, "have it sign for line "+one.Line)
	default:
		text += c.profilesOf(ctx, one) + c.next("ca show "+one.Name, "look at all of it")
	}
	return c.give(authorityAnswer(one, text))
}

// wordsMissing are the flags for the words that making an authority takes, as far as they were
// not given.
func (c *ceremony) wordsMissing(kind ca.AuthorityKind, q creation) []string {
	if kind == ca.Root {
		return []string{byOwnRecoveryFile.unless(q.own != "", "FILE")}
	}
	return []string{c.unlessFile(byRecoveryFile, q.recovery)}
}

// profilesOf says for which profiles the line of an authority signs, or could: one whose
// use the authority lacks would be refused.
func (c *ceremony) profilesOf(ctx context.Context, one ca.Authority) string {
	line := one.Line
	all, err := c.front.Profiles(ctx)
	if err != nil {
		return "" // it is made, and this would be a hint only
	}
	var names []string
	fits := ""
	for _, p := range all {
		if p.Line == line || slices.Contains(p.Lines, line) {
			names = append(names, p.Name)
		}
		if fits == "" && p.Name != policy.ServiceProfile && !slices.ContainsFunc(p.Use, func(u string) bool { return !slices.Contains(one.Use, u) }) {
			fits = p.Name
		}
	}
	unnamed := fmt.Sprintf("%s no profile names line %s, so that nothing is issued by it\n", c.mark(warned), line)
	switch {
	case len(names) == 0 && fits == "":
		return unnamed + c.next("profile list", "none is for what "+one.Name+" may hand out certificates for")
	case len(names) == 0:
		return unnamed +
			c.next("profile set "+fits+" --lines "+line, "let those who ask under a profile choose it") +
			c.next("issue NAME --profile "+fits+" --ca "+line, "then, a certificate by it")
	}
	return fmt.Sprintf("  It signs for the profiles %s.\n", strings.Join(names, ", "))
}

// make has the signer make it, with the words that this takes.
func (c *ceremony) make(ctx context.Context, w *signer.Creation, q creation) (made signer.Created, err error) {
	if w.Kind != ca.Root {
		if w.Words, err = c.secret(ctx, byRecoveryFile, q.recovery, true); err != nil {
			return made, err
		}
	}
	undo := func(err error) error { return err }
	if w.Kind == ca.Root || w.Kind == ca.Intermediate && q.own != "" {
		if w.OwnWords, undo, err = c.newWords(ctx, q.own); err != nil {
			return made, err
		}
	}
	if made, err = c.signer.Create(ctx, *w); err != nil {
		return made, undo(err)
	}
	c.told(made.Notices)
	if err := c.placed(made.Lists); err != nil {
		return made, err
	}
	if c.entered(ctx, made.Authority); w.Kind == ca.Issuing {
		c.listed(ctx, made.Authority)
	}
	return made, nil
}

// createPlan shows what cannot be changed later.
func (c *ceremony) createPlan(w signer.Creation, last time.Time) string {
	var b strings.Builder
	end := onDay(last)
	fmt.Fprintf(&b, "  + authority %s   %s of line %s, %s, %d days (until %s)\n    %s\n", w.Name, w.Kind, w.Line, w.KeyType, w.Days, end, w.Subject)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "    %-12s %s\n", name, value)
		}
	}
	row("signed by", signedBy(w))
	row("signs for", strings.Join(w.Use, ", "))
	above := c.holding(w.Parent)
	whole, err := policy.Inherit(w.Constraints, above)
	if err != nil { // which the signer has refused
		whole = w.Constraints
	}
	if row("names", strings.Join(whole.Strings(), "  ")); len(above) > 0 {
		row("", "with those above "+w.Name+", which bind it too")
	}
	for _, p := range w.Policies {
		row("policy", p.String())
	}
	if w.PathLen != nil {
		row("path length", fmt.Sprint(*w.PathLen))
	}
	if w.Shards > 1 {
		row("shards", fmt.Sprintf("%d, as long as it lives", w.Shards))
	}
	row("hash", string(w.Hash))
	row("AKI", string(w.AKI))
	if w.Parent == "" {
		fmt.Fprintf(&b, "    On %s it ends, and everything below it ends with it.\n", end)
	}
	return b.String()
}

func signedBy(w signer.Creation) string {
	if w.Parent == "" {
		return "itself"
	}
	return w.Parent
}

// creation asks the signer whether it would make what the flags say, and shows the plan:
// before any words are asked for, and with every refusal that there can be.
func (c *ceremony) creation(ctx context.Context, q creation) (w signer.Creation, foreseen ca.Authority, err error) {
	w, notices, err := c.wish(q)
	if err != nil {
		return w, foreseen, err
	}
	dry := w
	dry.DryRun = true
	would, err := c.signer.Create(ctx, dry)
	if err != nil {
		return w, foreseen, err
	}
	if err := c.bites(ctx, c.ofLine(w.Line), w.Line, append(c.holding(w.Parent), w.Constraints), q.broken); err != nil {
		return w, foreseen, err
	}
	fmt.Fprint(c.err, c.createPlan(w, would.Authority.NotAfter))
	c.told(append(notices, would.Notices...))
	return w, would.Authority, nil
}
