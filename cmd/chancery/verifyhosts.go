// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"chancery/ca"
)

// maxHosts is how many names of a certificate are asked for: a stranger may have written it.
const maxHosts = 100

// What a host serves, compared with a certificate.
const (
	servesSame   = "same"
	servesOther  = "another"
	servesNone   = "no answer"
	servesNobody = "not asked"
)

// A served host is what was found where a name of a certificate leads.
type servedHost struct {
	Name string `json:"name"`
	// Common says that it is the common name, which is where no program looks for it.
	Common bool `json:"common_name,omitempty"`
	// Addresses are those that the name leads to; the name itself where it is one.
	Addresses []string `json:"addresses,omitempty"`
	// Serves is same, another, no answer, or not asked.
	Serves string `json:"serves"`
	// Detail says what is served instead, or why nothing is.
	Detail string `json:"detail,omitempty"`
}

// hosts connects to every name of a certificate, and says who really serves it (R55).
func (a *app) hosts(ctx context.Context, path string, port int) error {
	der := certificateIn(path)
	if der == nil {
		return ca.Invalid(ca.E2501, path+" holds no certificate", "name its file: chancery verify nas.pem --hosts")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return ca.Invalid(ca.E2501, "the certificate in "+path+" cannot be read", "chancery show "+path).Because(err.Error())
	}
	rows := hostsOf(c)
	if len(rows) == 0 {
		return ca.Invalid(ca.E1101, "the certificate names no host", "--hosts is for certificates of servers")
	}
	p := a.progress(task{what: "hosts", of: "hosts were asked", total: int64(len(rows))})
	err = each(ctx, len(rows), func(i int) {
		ask(ctx, &rows[i], port, c)
		p.add(1)
	})
	if p.end(ctx); err != nil {
		return err
	}
	if err := a.give(answer{value: rows, text: hostsText(rows, a), rows: rows}); err != nil {
		return err
	}
	if slices.ContainsFunc(rows, func(h servedHost) bool { return h.Serves == servesOther || h.Serves == servesNone }) {
		return errFaults
	}
	return nil
}

// hostsOf are the hosts that a certificate names, each once: by its names, and by a common
// name that looks like one.
func hostsOf(c *x509.Certificate) []servedHost {
	var rows []servedHost
	add := func(name string, common bool) {
		known := slices.ContainsFunc(rows, func(h servedHost) bool { return strings.EqualFold(h.Name, name) })
		if !known && name != "" && len(rows) < maxHosts {
			rows = append(rows, servedHost{Name: name, Common: common})
		}
	}
	for _, name := range c.DNSNames {
		add(name, false)
	}
	for _, ip := range c.IPAddresses {
		add(ip.String(), false)
	}
	if cn := c.Subject.CommonName; net.ParseIP(cn) != nil || strings.Contains(cn, ".") && !strings.ContainsAny(cn, " @/") {
		add(cn, true)
	}
	return rows
}

// ask finds out what is served under one name. Whom to trust is not the question here.
func ask(ctx context.Context, h *servedHost, port int, want *x509.Certificate) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	if strings.Contains(h.Name, "*") {
		h.Serves, h.Detail = servesNobody, "it stands for many names"
		return
	}
	if net.ParseIP(h.Name) != nil {
		h.Addresses = []string{h.Name}
	} else {
		all, err := net.DefaultResolver.LookupHost(ctx, h.Name)
		if err != nil {
			h.Serves, h.Detail = servesNone, "the name leads nowhere: "+reason(err).Error()
			return
		}
		h.Addresses = all[:min(len(all), maxFetches)]
	}
	// All that it leads to must serve it: whoever is sent to the other one is warned.
	for _, address := range h.Addresses {
		got, err := leafAt(ctx, net.JoinHostPort(address, strconv.Itoa(port)), h.Name)
		switch {
		case err != nil:
			h.Serves, h.Detail = servesNone, address+": "+reason(err).Error()
			return
		case !bytes.Equal(got.Raw, want.Raw):
			h.Serves, h.Detail = servesOther, fmt.Sprintf("%s serves %s, until %s, by %s", address, ca.Show(calledBy(got)), onDay(got.NotAfter), ca.Show(got.Issuer.CommonName))
			return
		}
	}
	h.Serves = servesSame
}

// calledBy is what people call a certificate of whomever.
func calledBy(c *x509.Certificate) string {
	if c.Subject.CommonName == "" && len(c.DNSNames) > 0 {
		return c.DNSNames[0]
	}
	return ca.EncodedName(c.RawSubject)
}

// leafAt gives the certificate that a server shows for a name.
func leafAt(ctx context.Context, address, name string) (*x509.Certificate, error) {
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10} //nolint:gosec // it is only looked at: nothing is sent or believed
	if net.ParseIP(name) == nil {
		config.ServerName = name
	}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // all that was wanted is there
	shown := conn.(*tls.Conn).ConnectionState().PeerCertificates
	if len(shown) == 0 {
		return nil, errors.New("it shows no certificate")
	}
	return shown[0], nil
}

func hostsText(rows []servedHost, a *app) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, h := range rows {
		mark, name := fine, h.Name
		switch h.Serves {
		case servesOther, servesNone:
			mark = failed
		case servesNobody:
			mark = warned
		}
		switch {
		case h.Common && net.ParseIP(h.Name) != nil:
			name += " (common name, which is an address and no name)"
		case h.Common:
			name += " (common name, leads to " + strings.Join(h.Addresses, ", ") + ")"
		}
		fmt.Fprintf(w, "%s %s\t%s\t%s\n", a.mark(mark), name, h.Serves, h.Detail)
	}
	_ = w.Flush() // a builder takes everything
	return b.String()
}
