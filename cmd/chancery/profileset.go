// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/config"
	"chancery/policy"
)

// A profileChange is what profile set was asked.
type profileChange struct {
	name, file         string
	set, unset         []string
	dns, ip, mail, uri []string
	line               string
	lines              []string
	days, maxDays      int
	shipped            bool
	remove, dry, yes   bool
}

func (a *app) profileSet() *cobra.Command {
	var q profileChange
	c := &cobra.Command{
		Use: "set NAME", Short: "Change a profile, make one, or remove it",
		Long: "Puts a changed profile in force. The difference is shown first, and what it would make of the certificates that stand if\n" +
			"each was asked for again; of a profile that goes, which grants go with it. A request that is under way is\n" +
			"judged by the version it was made under, or refused.\n" +
			"--set takes any key as the document has it, with its value in TOML: --set names.max=5 --set 'use=[\"server\"]'.",
		Example: "  chancery profile set server --allow-dns '*.other.example'\n  chancery profile set client --lines users --dry-run\n" +
			"  chancery profile set printers --file printers.toml --yes\n  chancery profile set server --set strict=true --max-days 90\n  chancery profile set service --shipped",
		ValidArgsFunction: a.first(completeProfiles, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("profile set takes the name of one profile", "chancery profile set server --allow-dns '*.other.example'")
			}
			q.name = args[0]
			changes := 0
			for _, f := range []string{"set", "unset", "allow-dns", "allow-ip", "allow-email", "allow-uri", "line", "lines", "days", "max-days"} {
				if c.Flags().Changed(f) {
					changes++
				}
			}
			if one := []bool{q.file != "", q.remove, q.shipped, changes > 0}; countTrue(one) != 1 {
				return usage("profile set takes changes, or --file with a whole document, or --shipped, or --remove", "chancery profile set server --days 60")
			}
			if q.shipped && q.name != policy.ServiceProfile {
				return usage("--shipped is for the profile "+policy.ServiceProfile+": of others nobody knows any more for which names they were made", "chancery profile set "+q.name+" --file FILE")
			}
			return a.ceremonialAs(c.Context(), answer{value: ca.Profile{}}, func(ctx context.Context, t *ceremony) error { return t.setProfile(ctx, c, q) })
		},
	}
	f := c.Flags()
	f.StringArrayVar(&q.set, "set", nil, "key=value, the value in TOML; may be repeated")
	f.StringArrayVar(&q.unset, "unset", nil, "key that goes, so that its default holds")
	f.StringSliceVar(&q.dns, "allow-dns", nil, "one more pattern of DNS names, such as '*.other.example'")
	f.StringSliceVar(&q.ip, "allow-ip", nil, "one more address or prefix, such as 10.0.0.0/8")
	f.StringSliceVar(&q.mail, "allow-email", nil, "one more address or domain, such as @lab.example")
	f.StringSliceVar(&q.uri, "allow-uri", nil, "one more beginning of URIs, such as spiffe://lab.example/")
	f.StringVar(&q.line, "line", "", "line of authorities that signs")
	f.StringSliceVar(&q.lines, "lines", nil, "other lines that a request may name by --ca")
	f.IntVar(&q.days, "days", 0, "usual lifetime in days")
	f.IntVar(&q.maxDays, "max-days", 0, "longest lifetime in days")
	f.StringVar(&q.file, "file", "", "whole document of the profile, - for standard input")
	f.BoolVar(&q.shipped, "shipped", false, "the document that init makes, of the profile "+policy.ServiceProfile+": for the service's own name as the settings have it")
	f.BoolVar(&q.remove, "remove", false, "remove the profile: nothing is issued under it any more")
	planFlags(c, &q.dry, &q.yes)
	return c
}

func countTrue(all []bool) (n int) {
	for _, one := range all {
		if one {
			n++
		}
	}
	return n
}

// setProfile has the bundle in force replaced by one with the change.
func (c *ceremony) setProfile(ctx context.Context, cmd *cobra.Command, q profileChange) error {
	b, err := c.bundle(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(b.Profiles, func(d policy.Document) bool { return d.Name == q.name })
	if at < 0 && q.file == "" && !q.shipped {
		_, err := profileNamed(ctx, c.front, q.name)
		return errors.Join(err)
	}
	before := ""
	if at >= 0 {
		before = b.Profiles[at].Document
	}
	after, next, err := c.changed(cmd, q, before)
	if err != nil {
		return err
	}
	if before == after {
		return c.give(answer{value: next, text: "the profile " + q.name + " says that already\n", names: []string{q.name}})
	}
	var gone []policy.Grant
	switch {
	case q.remove:
		gone = slices.DeleteFunc(slices.Clone(b.Grants), func(g policy.Grant) bool { return !slices.Contains(g.Profiles, q.name) })
		b.Profiles = slices.Delete(b.Profiles, at, at+1)
		b.Grants = withoutGrants(b.Grants, func(g policy.Grant, profile string) bool { return profile == q.name })
	case at < 0:
		b.Profiles = append(b.Profiles, policy.Document{Name: q.name, Document: after})
	default:
		b.Profiles[at].Document = after
	}
	fmt.Fprint(c.err, difference(before, after))
	if err := c.foretell(ctx, q, before, after, gone); err != nil {
		return err
	}
	text := "profile " + q.name + " is in force"
	if q.remove {
		text = "profile " + q.name + " is removed"
	}
	return c.putInForce(ctx, b, consent{q.dry, q.yes}, answer{value: next, text: text, names: []string{q.name}})
}

// foretell says what the change makes of the certificates that stand, and which grants go
// with a profile that is removed.
func (c *ceremony) foretell(ctx context.Context, q profileChange, before, after string, gone []policy.Grant) error {
	if !q.remove {
		return c.rehearse(ctx, after)
	}
	for _, g := range gone {
		fmt.Fprintf(c.err, "the grant to %s for profile %s goes too: %s\n", g.To, q.name, strings.Join(slices.Concat(g.DNS, g.IP, g.Email, g.URI), ", "))
	}
	var r ca.Rehearsal
	err := c.during(ctx, "policy plan", func() (err error) {
		r, err = c.front.Rehearse(ctx, ca.Trial{Document: before})
		return err
	})
	switch {
	case err != nil:
		return err
	case r.Checked == 0:
		fmt.Fprintf(c.err, "no certificate stands under profile %s\n", q.name)
	default:
		fmt.Fprintf(c.err, "under profile %s stands: %s, good until the end or a revocation, and not renewed any more\n", q.name, counted(r.Checked, "certificate"))
	}
	return nil
}

// changed is the document after the change, and the profile that it is.
func (c *ceremony) changed(cmd *cobra.Command, q profileChange, before string) (after string, p ca.Profile, err error) {
	switch {
	case q.remove:
		return "", ca.Profile{Name: q.name}, nil
	case q.shipped:
		settings, err := c.at.settings()
		if err != nil {
			return "", p, err
		}
		d, err := policy.Service(baseHost(settings))
		if err != nil {
			return "", p, err
		}
		after = d.Document
	case q.file != "":
		document, err := c.readInput(q.file)
		if err != nil {
			return "", p, err
		}
		after = string(document)
	default:
		if after, err = q.edited(cmd, before); err != nil {
			return "", p, err
		}
	}
	if p, err = profileOf(after); err != nil {
		return "", p, err
	}
	if p.Name != q.name {
		return "", p, ca.Invalid(ca.E1003, "the document calls itself "+p.Name, "chancery profile set "+p.Name+" …, or correct its name").At("name")
	}
	return after, p, nil
}

// profileOf is the profile of a document. All its faults are told, with their lines.
func profileOf(document string) (ca.Profile, error) {
	p, err := policy.Load([]byte(document), config.Profile)
	return p, config.Located([]byte(document), err)
}

// edited makes the changes of the flags in a document, in its place each.
func (q profileChange) edited(cmd *cobra.Command, before string) (string, error) {
	p, err := config.Profile([]byte(before))
	if err != nil {
		return "", err
	}
	type edit struct{ key, value string }
	var all []edit
	given := func(flag, key, value string) {
		if cmd.Flags().Changed(flag) {
			all = append(all, edit{key, value})
		}
	}
	given("line", "line", tomlList([]string{q.line})[1:len(tomlList([]string{q.line}))-1])
	given("lines", "lines", tomlList(q.lines))
	given("days", "days", strconv.Itoa(q.days))
	given("max-days", "max_days", strconv.Itoa(q.maxDays))
	given("allow-dns", "names.dns", tomlList(more(p.Names.DNS, q.dns)))
	given("allow-ip", "names.ip", tomlList(more(p.Names.IP, q.ip)))
	given("allow-email", "names.email", tomlList(more(p.Names.Email, q.mail)))
	given("allow-uri", "names.uri", tomlList(more(p.Names.URI, q.uri)))
	for _, s := range q.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok || strings.TrimSpace(value) == "" {
			return "", usage("--set "+ca.Show(s)+" is no key=value", "chancery profile set "+q.name+" --set names.max=5")
		}
		all = append(all, edit{strings.TrimSpace(key), value})
	}
	for _, key := range q.unset {
		all = append(all, edit{key, ""})
	}
	document := []byte(before)
	for _, e := range all {
		if document, err = config.Set(document, e.key, e.value); err != nil {
			return "", err
		}
	}
	return string(document), nil
}

// more adds patterns to those there are, each once.
func more(have, add []string) []string {
	out := slices.Clone(have)
	for _, s := range add {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// tomlList writes texts as a TOML list: JSON's texts are TOML's too.
func tomlList(all []string) string {
	texts := make([]string, len(all))
	for i, s := range all {
		text, _ := json.Marshal(s) // texts always can be
		texts[i] = string(text)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// thrownAway is a key for a request that nobody will certify.
func thrownAway() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
