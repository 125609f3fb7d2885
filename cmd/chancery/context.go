// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/config"
	"chancery/internal/whole"
)

// A remoteService is one that commands reach over TLS, and the one root that it is
// known by.
type remoteService struct {
	URL   string `toml:"url"`
	Root  string `toml:"root"`
	Token string `toml:"token,omitempty"`
}

// contexts are the file of a person's services elsewhere.
type contexts struct {
	// Current is the one that commands use when nobody says otherwise; empty is this machine.
	Current string                   `toml:"current"`
	Context map[string]remoteService `toml:"context"`
}

// contextsFile is where a person's contexts are.
func (a *app) contextsFile() (string, error) {
	dir := a.env("XDG_CONFIG_HOME")
	if dir == "" {
		home := a.env("HOME")
		if home == "" {
			return "", usage("there is no place for contexts: neither HOME nor XDG_CONFIG_HOME is set", "HOME=/root chancery login …")
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "chancery", "contexts.toml"), nil
}

// readContexts reads them; there is none without a file. It holds tokens, so others must
// not read it.
func (a *app) readContexts() (contexts, error) {
	path, err := a.contextsFile()
	if err != nil {
		return contexts{}, err
	}
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return contexts{}, nil
	}
	if err != nil {
		return contexts{}, ca.Invalid(ca.E1102, path+" cannot be read", "correct its owner").Because(err.Error())
	}
	if st.Mode().Perm()&0o077 != 0 || st.Size() > config.MaxDocument {
		return contexts{}, ca.Refused(ca.E1404, fmt.Sprintf("%s holds tokens, and others may read it: its mode is %04o, it must be 0600", path, st.Mode().Perm()), "chmod 600 "+path)
	}
	document, err := os.ReadFile(path)
	if err != nil {
		return contexts{}, ca.Invalid(ca.E1102, path+" cannot be read", "correct its owner").Because(err.Error())
	}
	var c contexts
	if err := toml.NewDecoder(bytes.NewReader(document)).DisallowUnknownFields().Decode(&c); err != nil {
		return contexts{}, ca.Invalid(ca.E1003, path+" is not as chancery login writes it", "correct it, or remove it and log in again").Because(err.Error())
	}
	return c, nil
}

func (a *app) writeContexts(c contexts) error {
	path, err := a.contextsFile()
	if err != nil {
		return err
	}
	document, err := toml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the contexts: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return unwritable(path, err)
	}
	if err := a.keepsSecret(path, "XDG_CONFIG_HOME"); err != nil {
		return err
	}
	document = append([]byte("# Services that chancery login knows. It holds tokens: keep it to yourself.\n"), document...)
	if err := whole.Put(path, fileMode, document); err != nil {
		return unwritable(path, err)
	}
	return nil
}

// remote is the service elsewhere that a command means: that of --context, or, unless a
// directory was named, that of CHANCERY_CONTEXT or of the last login. false is this machine.
func (a *app) remote() (remoteService, bool, error) {
	name := a.context
	switch {
	case a.here:
		return remoteService{}, false, nil
	case name != "" && a.dir != "":
		return remoteService{}, false, usage("--context and --dir mean two different services", "name one of them")
	case name == "" && (a.dir != "" || a.env("CHANCERY_DIR") != ""):
		return remoteService{}, false, nil
	case name == "":
		name = a.env("CHANCERY_CONTEXT")
	}
	c, err := a.readContexts()
	if err != nil {
		if name == "" && a.env("HOME") == "" { // a service account may have no home
			return remoteService{}, false, nil
		}
		return remoteService{}, false, err
	}
	if name == "" {
		name = c.Current
	}
	if name == "" {
		return remoteService{}, false, nil
	}
	at, ok := c.Context[name]
	if !ok {
		return remoteService{}, false, ca.NotFound(ca.E1001, "there is no context "+ca.Show(name), "chancery login https://HOST:8443 --fingerprint DIGITS --context "+name)
	}
	return at, true, nil
}

// there does something with a service elsewhere.
func (at remoteService) there(ctx context.Context, do func(context.Context, *client.Client) error) error {
	k, err := client.DialTLS(client.Remote{URL: at.URL, Root: at.Root, Token: at.Token})
	if err != nil {
		return err
	}
	defer k.Close()
	return do(ctx, k)
}

func (a *app) loginCommand() *cobra.Command {
	var fingerprint, root, token string
	var dry bool
	c := &cobra.Command{
		Use: "login URL", Short: "Use the service on another machine from here on",
		Long: "Keeps where a service is, the root it is known by, and a token, in contexts.toml under your configuration. From then\n" +
			"on commands go there; --dir DIR still means this machine, and chancery logout ends it. Compare the fingerprint with\n" +
			"one that you got another way (paper, phone): whoever you ask over this network could answer with his own.",
		Example: "  chancery login https://ca.lab.example:8443 --fingerprint 7F3A91C2… --token-file ci.token\n  chancery login https://ca.lab.example:8443 --ca root.pem --context lab",
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return usage("login takes the address of a service", "chancery login https://ca.lab.example:8443 --fingerprint DIGITS")
			case (fingerprint == "") == (root == ""):
				return usage("login needs to know the service's root: one of --fingerprint and --ca", "chancery ca show root-g1, on the server, prints the fingerprint")
			}
			at := remoteService{URL: strings.TrimRight(args[0], "/")}
			var err error
			if root != "" {
				at.Root, err = rootFile(root)
			} else {
				at.Root, err = client.Pin(c.Context(), at.URL, fingerprint)
			}
			if err == nil && token != "" {
				at.Token, err = tokenFile(token)
			}
			if err != nil {
				return err
			}
			return a.login(c.Context(), at, dry)
		},
	}
	f := c.Flags()
	f.StringVar(&fingerprint, "fingerprint", "", "SHA-256 of the service's root certificate, compared by you")
	f.StringVar(&root, "ca", "", "file with the service's root certificate, in PEM")
	f.StringVar(&token, "token-file", "", "file with a token that chancery token create printed")
	dryFlag(c, &dry)
	return c
}

// login sees that the service answers, and keeps it.
func (a *app) login(ctx context.Context, at remoteService, dry bool) error {
	var who ca.Identity
	err := at.there(ctx, func(ctx context.Context, k *client.Client) (err error) {
		who, err = k.Whoami(ctx)
		return err
	})
	var p *ca.Problem
	if errors.As(err, &p) && p.Code == ca.E1306 && at.Token == "" {
		err = nil // it is the service, and nobody has a token yet
	}
	if err != nil {
		return err
	}
	all, err := a.readContexts()
	if err != nil {
		return err
	}
	name := a.context
	if name == "" {
		name = hostOf(at.URL)
	}
	if all.Context == nil {
		all.Context = map[string]remoteService{}
	}
	if dry {
		return a.print(who, fmt.Sprintf("  + context %s: %s\nnothing was kept\n", name, at.URL))
	}
	all.Context[name], all.Current = at, name
	if err := a.writeContexts(all); err != nil {
		return err
	}
	text := fmt.Sprintf("%s context %s: %s", a.mark(fine), name, at.URL)
	if who.ID == "" {
		text += ", without a token: log in again with --token-file\n"
	} else {
		text += ", as " + who.ID + " (" + who.Name + ")\n"
	}
	return a.print(who, text)
}

// rootFile reads the one certificate of a file.
func rootFile(path string) (string, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return "", ca.Invalid(ca.E1102, "the root cannot be read", "name the file of its certificate: --ca FILE").Because(err.Error())
	}
	block, _ := pem.Decode(document)
	if block == nil || block.Type != certificateLabel {
		return "", ca.Invalid(ca.E1102, path+" holds no certificate in PEM", "chancery ca show root-g1 -o pem, on the server, prints it")
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: certificateLabel, Bytes: block.Bytes})), nil
}

// tokenFile reads a token, and sees that it was copied whole.
func tokenFile(path string) (string, error) {
	text, err := readSecret(path, "token-file")
	if err != nil {
		return "", err
	}
	text = strings.TrimSpace(text)
	if _, ok := ca.TokenSecret(text); !ok {
		return "", ca.Invalid(ca.E1306, path+" holds no token, or not all of one", "chancery token create prints one line that begins with chy_")
	}
	return text, nil
}

func (a *app) logoutCommand() *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use: "logout", Short: "Forget a service on another machine, and the token for it",
		Long:    "Forgets the context of --context, or the one in use. The token goes on being good for whoever has a copy:\nchancery token revoke ends it.",
		Example: "  chancery logout\n  chancery logout --context lab",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("logout takes no words", "chancery logout --context NAME")
			}
			all, err := a.readContexts()
			if err != nil {
				return err
			}
			name := a.context
			if name == "" {
				name = all.Current
			}
			if _, ok := all.Context[name]; !ok {
				return ca.NotFound(ca.E1001, "there is nothing to log out of", "chancery login https://HOST:8443 --fingerprint DIGITS")
			}
			forgotten := struct {
				Context string `json:"context"`
			}{name}
			if dry {
				return a.print(forgotten, "  - context "+name+"\nnothing was forgotten\n")
			}
			delete(all.Context, name)
			if all.Current == name {
				all.Current = ""
			}
			if err := a.writeContexts(all); err != nil {
				return err
			}
			return a.print(forgotten, a.mark(fine)+" forgotten: "+name+"\n")
		},
	}
	dryFlag(c, &dry)
	return c
}

func (a *app) whoamiCommand() *cobra.Command {
	return &cobra.Command{
		Use: "whoami", Short: "Say who you are to the service, and what you may do", Example: "  chancery whoami\n  chancery whoami --context lab --json",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("whoami takes no words", "chancery whoami")
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				who, err := k.Whoami(ctx)
				if err != nil {
					return err
				}
				var b strings.Builder
				fmt.Fprintf(&b, "%s  %s, by %s\n", who.ID, who.Name, who.Method)
				for _, r := range who.Roles {
					fmt.Fprintf(&b, "  %s\n", r)
				}
				if t := who.Token; t != nil {
					b.WriteString(scopeText(*t))
				}
				return a.print(who, b.String())
			})
		},
	}
}
