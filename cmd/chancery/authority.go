// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

func (a *app) caCommand() *cobra.Command {
	c := &cobra.Command{Use: "ca", Short: "The authorities and their certificates", Example: "  chancery ca list\n  chancery ca bundle > ca.pem"}
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "List the authorities", Example: "  chancery ca list\n  chancery ca list --json",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.known(c.Context(), func(ctx context.Context, k *client.Client, all []ca.Authority) error {
				lists, err := k.Lists(ctx, ca.CompleteList)
				if err != nil {
					return err
				}
				if len(all) == 0 {
					if err := a.saysWaiting(ctx, k); err != nil {
						return err
					}
				}
				names, rows := make([]string, len(all)), make([]listedAuthority, len(all))
				for i, one := range all {
					names[i], rows[i].Authority = one.Name, one
					if at := slices.IndexFunc(lists, func(l ca.ListHead) bool { return l.Authority == one.Name }); at >= 0 {
						rows[i].List = &lists[at]
					}
				}
				return a.give(answer{value: rows, text: authorityTable(rows, time.Now(), columnsOf(a.out)), rows: rows, columns: authorityColumns, names: names})
			})
		},
	}, a.caBundle(), a.caChain(), a.caShow(), a.caCreate(), a.caActivate(), a.caRetire(), a.caRevoke(), a.caRenew(), a.caCross(), a.caRollover(), a.caExport(), a.caImport())
	return c
}

func (a *app) caShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show one authority, and where its parts lie", Example: "  chancery ca show issuing-g1\n  chancery ca show root-g1 -o pem",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ca show takes the name of one authority", "chancery ca list")
			}
			l, err := a.founded()
			_, away, _ := a.remote() // what is wrong with it, the call says
			if err != nil && !away {
				return err
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				// This waits for the first settling, which enters the authorities; an illness
				// it tells of, the next call meets too.
				_, _ = k.Profiles(ctx)
				one, err := k.Authority(ctx, args[0])
				if err != nil {
					return err
				}
				s, err := k.Status(ctx)
				if err != nil {
					return err
				}
				shown, err := l.describe(one, s.Sealed)
				if err != nil {
					return err
				}
				all, err := k.Authorities(ctx)
				if err != nil {
					return err
				}
				shown.Weaknesses = append(shown.Weaknesses, unseenHere(one, all)...)
				if away { // its files are on another machine
					shown.PrivatePart, shown.SetIn = "", ""
				}
				return a.give(answer{value: shown, text: fitted(shown.text(), columnsOf(a.out)), names: []string{one.Name}, der: [][]byte{one.Certificate}, label: certificateLabel})
			})
		},
	}
}

// A shownAuthority is an authority with what its certificate and the
// installation say of it.
type shownAuthority struct {
	ca.Authority
	SubjectName string `json:"subject_name"`
	Serial      string `json:"serial"`
	Fingerprint string `json:"fingerprint_sha256"`
	carriedBy
	// KeyState is "sealed", "locked", "unlocked" or "elsewhere".
	KeyState string `json:"key_state"`
	// PrivatePart is the key's file, PublicPart the certificate's address (R5).
	PrivatePart string `json:"private_part"`
	PublicPart  string `json:"public_part"`
	SetIn       string `json:"set_in"`
}

// describe tells where the parts of an authority lie (R5): both places follow
// from the directory and from pki_url, which are set once.
func (l layout) describe(a ca.Authority, locked bool) (shownAuthority, error) {
	cert, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return shownAuthority{}, fmt.Errorf("read the certificate of %s: %w", a.Name, err)
	}
	digest := sha256.Sum256(a.Certificate)
	s := shownAuthority{
		Authority: a, carriedBy: carriedIn(a, cert), SubjectName: ca.EncodedName(cert.RawSubject), Serial: hex.EncodeToString(cert.SerialNumber.Bytes()), Fingerprint: hex.EncodeToString(digest[:]),
		KeyState: "unlocked", PrivatePart: filepath.Join(l.keys(), a.Name+".key"), PublicPart: a.Issuer, SetIn: l.config(),
	}
	switch {
	case a.External:
		s.KeyState, s.PrivatePart = "elsewhere", ""
	case a.Kind != ca.Issuing:
		s.KeyState = "sealed"
	case locked:
		s.KeyState = "locked"
	}
	return s, nil
}

// keyStates are what the states of a key mean for daily work.
var keyStates = map[string]string{
	"sealed": "sealed under the recovery words, not needed for daily work", "locked": "locked: chancery key unlock", "unlocked": "unlocked", "elsewhere": "not here: what it signs is made there",
}

func (s shownAuthority) text() string {
	uses := "certificates of authorities"
	if len(s.Use) > 0 {
		uses = strings.Join(s.Use, ", ")
	}
	rows := [][2]string{
		{"authority", fmt.Sprintf("%s   (%s, %s)", s.Name, s.Kind, s.State)}, {"line", s.Line}, {"subject", s.SubjectName}, {"signed by", s.Parent}, {"signs", uses},
		{"key", s.KeyType + ", " + keyStates[s.KeyState]}, {"valid", atTime(s.NotBefore) + " to " + atTime(s.NotAfter)},
		{"serial", s.Serial}, {"fingerprint", fingerprint(s.Certificate)}, {"", "(SHA-256)"},
	}
	rows = append(append(rows, s.carriedBy.rows()...), s.others()...)
	if n := s.Sharded(); n > 0 {
		rows = append(rows, [2]string{"shards", fmt.Sprintf("%d: %s and so on", n, s.ListAddress(ca.ShardList(0)))})
	}
	return table(append(rows, [][2]string{
		{"private part", s.PrivatePart}, {"public part", s.PublicPart + "   (chancery ca show " + s.Name + " -o pem)"}, {"revocation list", s.CRL}, {"OCSP", s.OCSP},
		{"set in", s.SetIn + "   (pki_url), and by --dir"},
	}...))
}

// authorities asks for all generations, and refuses to go on while there is none.
func (a *app) authorities(ctx context.Context, do func(context.Context, *client.Client, []ca.Authority) error) error {
	return a.known(ctx, func(ctx context.Context, k *client.Client, all []ca.Authority) error {
		if len(all) == 0 {
			s, err := k.Status(ctx)
			if err == nil && s.Problem != nil {
				return s.Problem
			}
			return errors.Join(err, ca.NotFound(ca.E2101, "there is no authority", "chancery status"))
		}
		return do(ctx, k, all)
	})
}

// saysWaiting says why nothing is issued yet, if that is so: people meet it beside an
// answer that is about something else.
func (a *app) saysWaiting(ctx context.Context, k *client.Client) error {
	s, err := k.Status(ctx)
	if err == nil && s.Problem != nil {
		fmt.Fprintf(a.err, "%s waiting: %s\nNext:  %s\n", a.mark(warned), s.Problem.Detail, a.pasteable(s.Problem.Fix))
	}
	return err
}

// known asks for all generations; before the first settling there are none in the book,
// which is over within a moment of a start.
func (a *app) known(ctx context.Context, do func(context.Context, *client.Client, []ca.Authority) error) error {
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		// The profiles are known once log and book have been settled.
		_, settled := k.Profiles(ctx)
		all, err := k.Authorities(ctx)
		if err != nil || len(all) == 0 && settled != nil {
			return errors.Join(err, settled)
		}
		return do(ctx, k, all)
	})
}

// authorityColumns are what -o csv has of an authority.
var authorityColumns = []string{"name", "line", "kind", "state", "parent", "key_type", "not_before", "not_after"}

// A listedAuthority is an authority with its published list, nil if there is none.
type listedAuthority struct {
	ca.Authority
	List *ca.ListHead `json:"list"`
}

// age says how old a list is and when the next must come.
func (a listedAuthority) age(now time.Time) string {
	if a.List == nil && a.External {
		return "elsewhere"
	}
	if a.List == nil {
		return "none"
	}
	end := onDay(a.List.NextUpdate)
	if !now.Before(a.List.NextUpdate) {
		return "ENDED " + end
	}
	old := now.Sub(a.List.ThisUpdate)
	text := "just now"
	switch {
	case old >= 48*time.Hour:
		text = fmt.Sprintf("%d d ago", old/(24*time.Hour))
	case old >= time.Hour:
		text = fmt.Sprintf("%d h ago", old/time.Hour)
	case old >= time.Minute:
		text = fmt.Sprintf("%d min ago", old/time.Minute)
	}
	return text + ", next by " + end
}

// stateText is its state, and whether what signed it revoked it.
func (a listedAuthority) stateText() string {
	if a.RevokedByParent() {
		return string(a.State) + ", revoked"
	}
	return string(a.State)
}

// keyText is the type of the key, and a sign if something about the authority is weak.
func (a listedAuthority) keyText(all []ca.Authority) string {
	text := a.KeyType
	if a.External {
		text = "elsewhere"
	}
	if cert, err := x509.ParseCertificate(a.Certificate); err == nil && len(weaknesses(a.Authority, cert))+len(unseenHere(a.Authority, all)) > 0 {
		text += " (weak)"
	}
	return text
}

func authorityTable(all []listedAuthority, now time.Time, columns int) string {
	g := newGrid("NAME", "KIND", "STATE", "KEY", "UNTIL", "SIGNED BY", "LIST")
	bare := make([]ca.Authority, len(all))
	for i, one := range all {
		bare[i] = one.Authority
	}
	for _, one := range all {
		g.row(one.Name, one.Kind, one.stateText(), one.keyText(bare), onDay(one.NotAfter), one.Parent, one.age(now))
	}
	return g.text(columns)
}
