// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"chancery/ca"
	"chancery/internal/nearest"
)

// strict has the whole tree refuse words that nobody reads: who mistypes a verb, or
// gives an argument where none belongs, must not believe that something was done.
func strict(c *cobra.Command) {
	for _, sub := range c.Commands() {
		strict(sub)
	}
	// Before cobra does, which takes the word after a leading -h for its value.
	c.Flags().BoolP("help", "h", false, "show this help")
	switch {
	case c.HasSubCommands():
		// A command that only holds others: alone it prints its help.
		c.Args = func(c *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "help" {
				return nil
			}
			return unknownWord(c, args[0])
		}
		c.RunE = helpOrHelpOf
	case c.Name() == "help":
		c.Args = helpTopic
	case !strings.Contains(c.Use, " ") && c.Runnable():
		c.Args = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return usage(strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")+" takes no arguments, and got "+ca.Show(args[0]), c.CommandPath()+" --help")
		}
	}
}

// helpTopic refuses to help about a command that is not there.
func helpTopic(c *cobra.Command, args []string) error {
	_, err := reached(c.Root(), args)
	return err
}

// reached is the command that words lead to from another.
func reached(at *cobra.Command, words []string) (*cobra.Command, error) {
	for _, word := range words {
		next := slices.IndexFunc(at.Commands(), func(sub *cobra.Command) bool { return sub.Name() == word })
		if next < 0 {
			return nil, unknownWord(at, word)
		}
		at = at.Commands()[next]
	}
	return at, nil
}

// unknownWord is about a word that none of c's commands is called; it names the
// nearest.
func unknownWord(c *cobra.Command, word string) error {
	var known []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			known = append(known, sub.Name())
		}
	}
	return usage("unknown command "+ca.Show(word)+didYouMean(nearest.Of(word, known)), c.CommandPath()+" --help")
}

// nearestFlag names the flag that comes nearest to the first one that c lacks.
func (a *app) nearestFlag(c *cobra.Command) string {
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	for _, arg := range a.args[1:] {
		name, is := strings.CutPrefix(arg, "--")
		name, _, _ = strings.Cut(name, "=")
		if is && c.Flags().Lookup(name) == nil {
			if near := nearest.Of(name, known); near != "" {
				return didYouMean("--" + near)
			}
			return whoHasFlag(c.Root(), name)
		}
	}
	return ""
}

// whoHasFlag names the commands that have a flag which another lacks, if they are few.
func whoHasFlag(root *cobra.Command, flag string) string {
	const most = 3
	var have []string
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		if c.LocalNonPersistentFlags().Lookup(flag) != nil {
			have = append(have, c.CommandPath())
		}
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	look(root)
	if len(have) == 0 || len(have) > most {
		return ""
	}
	return "; it is one of " + strings.Join(have, " and ")
}

// apart refuses flags that exclude each other in our own words, before cobra does in its.
func apart(c *cobra.Command) error {
	if c.ValidateFlagGroups() == nil {
		return nil
	}
	var given []string
	c.Flags().Visit(func(f *pflag.Flag) {
		if slices.ContainsFunc(slices.Collect(maps.Keys(f.Annotations)), func(key string) bool { return strings.HasSuffix(key, "_mutually_exclusive") }) {
			given = append(given, "--"+f.Name)
		}
	})
	return usage(strings.Join(given, " and ")+" do not go together", "leave out one of them: "+c.CommandPath()+" --help")
}

func didYouMean(word string) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", word)
}
