// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/policy"
)

// A withdrawing is what revoke and unhold were asked.
type withdrawing struct {
	ca.Withdrawal
	confirm string
	dry     bool
	// locked says that no list is made now: the signing keys are locked.
	locked bool
	// key is the file of the certificate's own key, password that of its password.
	key, password string
	// challenge is the file of the challenge password.
	challenge string
	// search or file name many.
	search ca.Filter
	file   string
}

// many tells whether it is not about one certificate, searches whether a search finds them.
func (q withdrawing) many() bool { return q.file != "" || q.searches() }

// own tells whether it is done without an account.
func (q withdrawing) own() bool { return q.key != "" || q.challenge != "" }

func (q withdrawing) searches() bool {
	f := q.search
	return f.Name != "" || f.Owner != "" || f.Profile != "" || f.Authority != "" || f.Tag != ""
}

// narrows refuses a selector that is there and empty, such as of a variable that is not set: it
// would widen what the others find.
func narrows(c *cobra.Command) error {
	for _, flag := range []string{"name", "owner", "profile", "ca", "tag", "file"} {
		if f := c.Flags().Lookup(flag); f.Changed && f.Value.String() == "" {
			return usage("--"+flag+" is empty, and would narrow nothing", "leave it out, or say which")
		}
	}
	return nil
}

// selectors are the flags that name many.
func (q *withdrawing) selectors(a *app, c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&q.search.Name, "name", "", "all with a name, below one (*.lab.example), or that begin with or have a part (web*, *web*)")
	f.StringVar(&q.search.Owner, "owner", "", "all of an account, such as uid:1000")
	f.StringVar(&q.search.Profile, "profile", "", "all of a profile")
	f.StringVar(&q.search.Authority, "ca", "", "all of an authority")
	f.StringVar(&q.search.Tag, "tag", "", "all with this tag")
	f.StringVar(&q.file, "file", "", "file with a serial number on each line, or - for standard input")
	a.completeFlag(c, "profile", completeProfiles)
	a.completeFlag(c, "ca", completeAuthorities)
}

// lifts tells whether holds are taken back.
func (q withdrawing) lifts() bool { return q.Reason == ca.RemoveFromCRL }

// would and did are what becomes of a certificate, in words.
func (q withdrawing) would() string {
	if q.lifts() {
		return "would be good again"
	}
	return "would be revoked"
}

func (q withdrawing) did() string {
	if q.lifts() {
		return "taken back"
	}
	return "revoked"
}

// wordOf is what is said of a certificate that is revoked for a reason.
func wordOf(why ca.Reason) string {
	if why == ca.CertificateHold {
		return "held"
	}
	return "revoked"
}

// grave is why somebody has to say it twice.
func (q withdrawing) grave() string {
	switch {
	case q.lifts():
		return "whoever fetches the next list accepts again what was held"
	case q.Reason == ca.CertificateHold:
		return "whoever fetches the list refuses what is held"
	}
	return "revoking cannot be undone"
}

// keysLocked tells whether lists wait for the signing keys. Who may not ask is told what
// becomes of the list when it is asked for.
func keysLocked(ctx context.Context, k *client.Client) bool {
	s, err := k.Status(ctx)
	return err == nil && s.Sealed
}

// effect says what revoking will do, before it is done.
func effect(c ca.Certificate, q withdrawing, also fall) string {
	text := fmt.Sprintf("  %s   %s   serial …%s   valid until %s\n", c.Title(), c.Profile, c.Serial.Tail(), onDay(c.NotAfter))
	if c.Revoked != nil {
		text += fmt.Sprintf("  It is %s already, since %s, for %s.\n", wordOf(c.Revoked.Reason), atTime(c.Revoked.At), c.Revoked.Reason)
		if q.Reason == c.Revoked.Reason {
			return text + also.String()
		}
	}
	if since := q.InvalidSince; !since.IsZero() && !c.NotBefore.IsZero() && since.Before(c.NotBefore) {
		text += fmt.Sprintf("  ! The invalidity date is before it began, %s:\n    right only where its key is older than it.\n", atTime(c.NotBefore))
	}
	return text + consequence([]ca.Certificate{c}, q, also)
}

// consequence is what a step leads to, for one certificate or many.
func consequence(all []ca.Certificate, q withdrawing, also fall) (text string) {
	it, its, key, of := "the certificate", "its key is", "The key is", "it"
	if len(all) > 1 {
		it, its, key, of = "the certificates", "their keys are", "The keys are", "them"
	}
	lists := "a new list of " + strings.Join(issuersOf(slices.Concat(all, also.named)), " and of ") + " is published"
	if q.locked {
		lists += " once the keys are unlocked"
	}
	if q.lifts() {
		return fmt.Sprintf("  Effect: %s.\n          Who keeps the list before refuses %s until that ends.\n", lists, it)
	}
	switch {
	case q.Reason == ca.KeyCompromise:
		text = "  " + key + " never certified again, and every other certificate of " + of + " is revoked too.\n" + also.String()
		if also.String() == "" {
			text = "  " + key + " never certified again; no other certificate of " + of + " stands.\n"
		}
	case q.Reason.Compromises():
		text = "  From then on " + its + " never certified again.\n"
	}
	if !q.InvalidSince.IsZero() {
		text += "  The list says: not to be trusted since " + atTime(q.InvalidSince) + ".\n"
	}
	end := "This cannot be undone."
	if q.Reason == ca.CertificateHold {
		end = "chancery unhold takes it back."
	}
	return text + fmt.Sprintf("  Effect: %s, reason %s.\n          Who keeps the list before may accept %s until that ends.\n          %s\n", lists, q.Reason, it, end)
}

// spareService leaves the service's own certificates out of what a search found, unless it
// asked for their profile, or for a whole name: who clears an authority does not mean to lock
// everybody out of the service, himself included.
func (a *app) spareService(q withdrawing, found []ca.Certificate) []ca.Certificate {
	named := q.search.Name != "" && !strings.Contains(q.search.Name, "*")
	if q.file != "" || q.lifts() || named || q.search.Profile == policy.ServiceProfile {
		return found
	}
	return slices.DeleteFunc(found, func(c ca.Certificate) bool {
		own := c.Profile == policy.ServiceProfile
		if own {
			fmt.Fprint(a.err, fitted(fmt.Sprintf("%s %s   %s\n  is the service's own, and is left out; to revoke it too, name it by itself\n", a.mark(warned), c.Title(), c.PublicName()), columnsOf(a.err)))
		}
		return own
	})
}
