// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/signer"
	"chancery/signer/softkey"
	"chancery/signer/wire"
)

// maxSecret bounds what is read of a file that should hold a passphrase.
const maxSecret = 4096

func (a *app) keyCommand() *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "List, unlock and lock the keys", Example: "  chancery key list\n  chancery key unlock"}
	c.AddCommand(a.keyList(), a.keyUnlock(), a.keyLock())
	return c
}

func (a *app) keyList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys and how each is opened", Example: "  chancery key list\n  chancery key list --json",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.keys(c.Context(), func(ctx context.Context, k *wire.Client) (signer.KeyStates, error) { return k.Keys(ctx) })
		},
	}
}

func (a *app) keyLock() *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use: "lock", Short: "Seal the signing keys: nothing is issued until they are unlocked", Example: "  chancery key lock\n  chancery key unlock",
		RunE: func(c *cobra.Command, _ []string) error {
			if dry {
				return a.keys(c.Context(), a.wouldTurn("locked"))
			}
			return a.keys(c.Context(), func(ctx context.Context, k *wire.Client) (signer.KeyStates, error) { return k.Lock(ctx) })
		},
	}
	dryFlag(c, &dry)
	return c
}

// wouldTurn says what the signing keys would be, and asks only what they are.
func (a *app) wouldTurn(to string) func(context.Context, *wire.Client) (signer.KeyStates, error) {
	return func(ctx context.Context, k *wire.Client) (signer.KeyStates, error) {
		states, err := k.Keys(ctx)
		from := "unlocked"
		if states.Sealed {
			from = "locked"
		}
		if err == nil {
			fmt.Fprintf(a.err, "  ~ signing keys   %s → %s\nnothing was changed\n", from, to)
		}
		return states, err
	}
}

func (a *app) keyUnlock() *cobra.Command {
	var file string
	var words, dry bool
	c := &cobra.Command{
		Use: "unlock", Short: "Open the signing keys", Example: "  chancery key unlock\n  chancery key unlock --password-file /run/credentials/pass",
		RunE: func(c *cobra.Command, _ []string) error {
			if dry {
				return a.keys(c.Context(), a.wouldTurn("unlocked"))
			}
			return a.keys(c.Context(), func(ctx context.Context, k *wire.Client) (signer.KeyStates, error) {
				states, err := k.Keys(ctx)
				if err != nil || states.Automatic && file == "" && !words {
					if err != nil {
						return states, err
					}
					return k.Unlock(ctx, signer.Unlocking{})
				}
				secret, err := a.secret(ctx, byPasswordFile, file, words)
				if err != nil {
					return states, err
				}
				if words {
					return k.Unlock(ctx, signer.Unlocking{Words: secret})
				}
				return k.Unlock(ctx, signer.Unlocking{Passphrase: secret})
			})
		},
	}
	c.Flags().StringVar(&file, "password-file", "", "file with the passphrase, or the words with --words; - for standard input (CHANCERY_PASSWORD_FILE)")
	c.Flags().BoolVar(&words, "words", false, "use the recovery words instead of the passphrase")
	dryFlag(c, &dry)
	return c
}

// secret reads a passphrase or words from a file, or asks at a terminal.
func (a *app) secret(ctx context.Context, by byFlag, file string, words bool) (string, error) {
	if file == "" {
		file = a.env("CHANCERY_PASSWORD_FILE")
	}
	if file == "-" {
		return firstLine(a.in)
	}
	if file != "" {
		return readSecret(file, by)
	}
	in, _ := a.in.(*os.File)
	what := "passphrase"
	if words {
		what = "recovery words"
	}
	if err := a.unanswered("this takes the "+what, by.with("FILE")); err != nil {
		return "", err
	}
	return a.hidden(ctx, by, in, strings.ToUpper(what[:1])+what[1:]+": ")
}

// readSecret gives the first line of a file.
func readSecret(path string, by byFlag) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", ca.Invalid(ca.E1102, "the file with the secret cannot be read", "name another: "+by.with("FILE")).Because(err.Error())
	}
	defer f.Close()
	return firstLine(f)
}

// firstLine reads a secret to the end of its line.
func firstLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// keys does one call on the ceremony socket and prints what the keys are like then.
func (a *app) keys(ctx context.Context, call func(context.Context, *wire.Client) (signer.KeyStates, error)) error {
	if err := a.canGive(answer{value: signer.KeyStates{}}); err != nil {
		return err
	}
	l, err := a.founded()
	if err != nil {
		return err
	}
	states, err := call(ctx, wire.Dial(dialPath(l.socket("ceremony"))))
	if err != nil {
		return l.silent(err)
	}
	names := make([]string, len(states.Keys))
	for i, k := range states.Keys {
		names[i] = k.KeyID
	}
	return a.give(answer{value: states, text: keyTable(states, columnsOf(a.out)), names: names})
}

// silent is why a call on the ceremony socket had no answer. What the signer itself
// answered stays as it is.
func (l layout) silent(err error) error {
	if !errors.Is(err, wire.ErrUnknown) {
		return err
	}
	if errors.Is(err, fs.ErrPermission) {
		return errors.Join(l.ours(), err)
	}
	var asked *url.Error // its address is made up
	if errors.As(err, &asked) {
		err = asked.Err
	}
	return ca.Unavailable(ca.E1201, "the signer does not answer", "chancery serve --dir "+l.dir).Because(err.Error())
}

func keyTable(s signer.KeyStates, columns int) string {
	g := newGrid("KEY", "PURPOSE", "TYPE", "OPENED BY", "STATE")
	for _, k := range s.Keys {
		methods := make([]string, len(k.Methods))
		for i, m := range k.Methods {
			methods[i] = string(m)
		}
		purpose := string(k.Purpose)
		if of := s.Responders[k.KeyID]; of != "" {
			purpose += " of " + of
		}
		g.row(k.KeyID, purpose, k.KeyType, strings.Join(methods, ", "), keyState(s, k))
	}
	var b strings.Builder
	b.WriteString(g.text(columns))
	if s.Sealed {
		b.WriteString("\nThe signing keys are locked: nothing is issued until `chancery key unlock`.\n")
	} else {
		b.WriteString("\nThe signing keys are unlocked.\n")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Unopened)) {
		fmt.Fprintf(&b, "%s does not sign: %s\n", name, ca.Show(s.Unopened[name]))
	}
	return b.String()
}

// keyState is whether a key can sign now. The log's own key always can: a file opens
// it, since a log without promises would be worse. Only the words open a root.
func keyState(s signer.KeyStates, k softkey.Info) string {
	switch {
	case k.Purpose == softkey.LogKey:
		return "unlocked"
	case !slices.ContainsFunc(k.Methods, func(m softkey.Method) bool { return m != softkey.ByWords }):
		return "sealed"
	case s.Sealed:
		return "locked"
	case s.Unopened[k.KeyID] != "":
		return "not loaded"
	}
	return "unlocked"
}
