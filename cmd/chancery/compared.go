// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"chancery/ca"
	checker "chancery/check"
	"chancery/internal/csr"
)

// compared reads a new certificate again, and says on standard error which names are in
// it that were asked for, which are not, and which nobody asked for. It believes the
// octets alone, not what the service says of them.
func (a *app) compared(asked []ca.Name, i ca.Issued) error {
	if a.quiet {
		return nil
	}
	_, got, err := checker.Names(i.Certificate.DER)
	if err != nil {
		return fmt.Errorf("read the names of the new certificate: %w", err)
	}
	fmt.Fprint(a.err, fitted(comparison(asked, got, i.Notices), columnsOf(a.err)))
	return nil
}

// asks are the names that a request asks for.
func asks(request []byte) ([]ca.Name, error) {
	raw, err := csr.Decode(request)
	if err != nil {
		return nil, err
	}
	p, err := csr.Parse(raw)
	return p.Names, err
}

// askedFor are names as they are asked for by issue.
func askedFor(names []string) (out []ca.Name, err error) {
	for _, n := range names {
		kind := ca.DNS
		switch {
		case net.ParseIP(n) != nil:
			kind = ca.IP
		case strings.Contains(n, "@"):
			kind = ca.Email
		}
		one, err := ca.NewName(kind, n)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// comparison tells how the names of a certificate differ from those asked for. What notices
// have told is not said again.
func comparison(asked, got []ca.Name, told []string) string {
	without := func(all, others []ca.Name) []ca.Name {
		return slices.DeleteFunc(slices.Clone(all), func(n ca.Name) bool { return slices.Contains(others, n) })
	}
	say := func(names []ca.Name) string {
		texts := make([]string, len(names))
		for i, n := range names {
			texts[i] = n.Value
		}
		return strings.Join(texts, ", ")
	}
	missing, more := without(asked, got), without(got, asked)
	more = slices.DeleteFunc(more, func(n ca.Name) bool {
		return slices.ContainsFunc(told, func(notice string) bool { return strings.Contains(notice, n.Value) })
	})
	text := ""
	if len(missing) > 0 {
		text += "! asked for and not in the certificate: " + say(missing) + "\n"
	}
	if len(more) > 0 {
		text += "note: added by the profile: " + say(more) + "\n"
	}
	if text == "" {
		text = "checked: the certificate has the names that were asked for: " + say(got) + "\n"
	}
	return text
}
