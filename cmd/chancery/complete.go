// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

const (
	// completeWait is how long a shell waits for suggestions.
	completeWait = 200 * time.Millisecond
	// completeMost is how many are worth reading.
	completeMost = 50
)

// A completer asks the service for words.
type completer func(context.Context, *client.Client) ([]string, error)

// completion makes a shell's completion. It starts no process, takes the budget's
// time at most, and says nothing when something fails.
func (a *app) completion(ask completer, otherwise cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(c.Context(), completeWait)
		defer cancel()
		var words []string
		_ = a.running(ctx, func(ctx context.Context, k *client.Client) error { // without an answer nothing is suggested
			all, err := ask(ctx, k)
			for _, w := range all {
				if strings.HasPrefix(w, typed) && len(words) < completeMost {
					words = append(words, w)
				}
			}
			return err
		})
		return words, otherwise
	}
}

// first completes the first argument alone; otherwise says whether a file may
// stand there too.
func (a *app) first(ask completer, otherwise cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.completion(ask, otherwise)(c, args, typed)
	}
}

// completeFlag completes the values of a flag of c that exists.
func (a *app) completeFlag(c *cobra.Command, flag string, ask completer) {
	_ = c.RegisterFlagCompletionFunc(flag, a.completion(ask, cobra.ShellCompDirectiveNoFileComp)) // fails for a flag that is not there, which a test would see
}

// fixed completes from a list that needs no service.
func fixed(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// completionTexts are ours for the command that cobra brings.
func completionTexts(root *cobra.Command) {
	c, err := reached(root, []string{"completion"})
	if err != nil {
		return // nothing to say about what is not there
	}
	c.Short, c.Example = "Print a script that completes commands, names and serials in a shell", "  source <(chancery completion bash)\n  chancery completion fish > ~/.config/fish/completions/chancery.fish"
	c.Long = "Prints a script for one shell. It asks the running service for names, serial numbers, profiles and authorities as they\nare, waits a fifth of a second at most, and says nothing where there is no answer."
	for shell, example := range map[string]string{
		"bash":       "  source <(chancery completion bash)\n  chancery completion bash > /etc/bash_completion.d/chancery",
		"zsh":        "  source <(chancery completion zsh)\n  chancery completion zsh > ~/.zsh/_chancery",
		"fish":       "  chancery completion fish | source\n  chancery completion fish > ~/.config/fish/completions/chancery.fish",
		"powershell": "  chancery completion powershell | Out-String | Invoke-Expression\n  chancery completion powershell > chancery.ps1",
	} {
		if one, err := reached(c, []string{shell}); err == nil {
			one.Short, one.Long, one.Example = "Print the script for "+shell, "", example
		}
	}
	if bash, err := reached(c, []string{"bash"}); err == nil {
		rest := bash.RunE
		bash.RunE = func(c *cobra.Command, args []string) error {
			if _, err := io.WriteString(c.OutOrStdout(), bashWords); err != nil {
				return err
			}
			return rest(c, args)
		}
	}
}

// bashWords stands in for the one function of the package bash-completion that the
// script calls, where that package is not installed.
const bashWords = `declare -F _get_comp_words_by_ref >/dev/null || _get_comp_words_by_ref() {
    words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD
    cur=${words[cword]}; prev=${words[cword-1]}
}

`

// completeCertificates suggests names and serials.
func completeCertificates(ctx context.Context, k *client.Client) ([]string, error) {
	page, err := k.Certificates(ctx, ca.Filter{Limit: ca.MaxPage})
	var words []string
	seen := map[string]bool{}
	for _, c := range page.Items {
		for _, w := range []string{c.Title(), c.Serial.Tail()} {
			if !seen[w] && !strings.ContainsAny(w, " \t") {
				seen[w] = true
				words = append(words, w)
			}
		}
	}
	return words, err
}

func completeAuthorities(ctx context.Context, k *client.Client) ([]string, error) {
	all, err := k.Authorities(ctx)
	words := make([]string, len(all))
	for i, one := range all {
		words[i] = one.Name
	}
	return words, err
}

// completeIssuing suggests lines and generations that sign certificates.
func completeIssuing(ctx context.Context, k *client.Client) (words []string, err error) {
	all, err := k.Authorities(ctx)
	for _, one := range all {
		if one.Kind != ca.Issuing || one.State != ca.Active {
			continue
		}
		words = append(words, one.Line, one.Name)
	}
	slices.Sort(words)
	return slices.Compact(words), err
}

func completeProfiles(ctx context.Context, k *client.Client) ([]string, error) {
	all, err := k.Profiles(ctx)
	words := make([]string, len(all))
	for i, p := range all {
		words[i] = p.Name
	}
	return words, err
}
