// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"chancery/ca"
)

// A Document is a profile as it stands in the bundle: its name and the exact text.
type Document struct {
	Name     string `json:"name"`
	Document string `json:"document"`
}

// homeAddresses are the ranges nobody can own (RFC 1918, RFC 4193) and this
// machine itself: what a server in a private network is reached by.
var homeAddresses = [...]string{"10.0.0.0/8", "127.0.0.1", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"}

// keyLine is shared by the shipped profiles.
const keyLine = `["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"]`

// Shipped renders the profiles a new installation starts with: server, client,
// email and device, in this order. names are what `init --names` was given: DNS
// patterns such as lab.example and *.lab.example, addresses or prefixes, e-mail
// addresses or @domain. Each is a ca.Problem (E2110) if it is none of these. The
// email profile is left out if there is no domain for it.
func Shipped(names []string) ([]Document, error) {
	dns, ip, email, err := sortNames(names)
	if err != nil {
		return nil, err
	}
	serverIP := slices.Clone(ip)
	for _, home := range homeAddresses {
		if !slices.Contains(serverIP, home) {
			serverIP = append(serverIP, home)
		}
	}
	out := []Document{
		{"server", shippedServer + shippedNames(dns, serverIP, nil) + "wildcards = true\nfrom_cn = " + fmt.Sprint(len(dns) > 0) + "\n\n[subject]\ncommon_name = \"optional\"\ncommon_name_in_names = true\n"},
	}
	if len(dns)+len(ip)+len(email) > 0 {
		out = append(out, Document{"client", shippedClient + shippedNames(dns, ip, email) + "from_cn = " + fmt.Sprint(len(dns) > 0) + "\n\n[subject]\ncommon_name = \"optional\"\ncommon_name_in_names = true\n"})
	}
	if len(email) > 0 {
		out = append(out, Document{"email", shippedEmail + shippedNames(nil, nil, email) + "\n[subject]\ncommon_name = \"optional\"\n"})
	}
	if len(dns) > 0 {
		out = append(out, Document{"device", shippedDevice + shippedNames(dns, ip, nil) + "from_cn = true\n\n[subject]\ncommon_name = \"optional\"\ncommon_name_in_names = true\n"})
	}
	return out, nil
}

// The heads of the shipped documents. Once released they are changed only for new
// installations: an installed bundle holds its own copy.
const (
	shippedServer = `# Certificates for servers: web, mail, directory, anything that speaks TLS.
schema = 1
name = "server"
line = "issuing"
doors = ["cli", "api"]
use = ["server"]
days = 90
max_days = 397
keys = ` + keyLine + "\n"

	shippedClient = `# Certificates by which a program signs in to a server.
schema = 1
name = "client"
line = "issuing"
doors = ["cli", "api"]
use = ["client"]
days = 90
max_days = 397
keys = ` + keyLine + "\n"

	shippedEmail = `# Certificates for signing and encrypting mail (S/MIME). They do not sign in
# anywhere, so the common name may be a person's.
schema = 1
name = "email"
line = "issuing"
doors = ["cli", "api"]
use = ["email"]
days = 365
max_days = 825
keys = ` + keyLine + "\n"

	shippedDevice = `# Certificates for devices that both serve and sign in: printers, switches,
# database peers.
schema = 1
name = "device"
line = "issuing"
doors = ["cli", "api"]
use = ["server", "client"]
days = 365
max_days = 825
keys = ` + keyLine + "\n"
)

// shippedNames is the [names] table.
func shippedNames(dns, ip, email []string) string {
	var b strings.Builder
	b.WriteString("\n[names]\nmax = 20\n")
	for _, row := range []struct {
		key      string
		patterns []string
	}{{"dns", dns}, {"ip", ip}, {"email", email}} {
		if len(row.patterns) > 0 {
			// The patterns are sound, so they hold nothing that TOML would escape.
			b.WriteString(row.key + ` = ["` + strings.Join(row.patterns, `", "`) + "\"]\n")
		}
	}
	return b.String()
}

// sortNames tells the types of patterns apart, each once. Mail is taken for the
// DNS names that are whole names too, since who owns lab.example owns its mail.
func sortNames(names []string) (dns, ip, email []string, err error) {
	add := func(to *[]string, s string) {
		if !slices.Contains(*to, s) {
			*to = append(*to, s)
		}
	}
	for _, given := range names {
		s := strings.TrimSpace(given)
		_, errPrefix := netip.ParsePrefix(s)
		_, errAddr := netip.ParseAddr(s)
		lower := strings.ToLower(s)
		switch {
		case (errPrefix == nil || errAddr == nil) && isIPPattern(s):
			add(&ip, s)
		case strings.Contains(s, "@") && isEmailPattern(s):
			add(&email, s)
		case lower != "*" && isDNSPattern(lower):
			add(&dns, lower)
			if !strings.HasPrefix(lower, "*") {
				add(&email, "@"+lower)
			}
		default:
			return nil, nil, nil, ca.Invalid(ca.E2110, ca.Show(given)+" is not a name to certify", "write names such as lab.example, *.lab.example, 10.0.0.0/8 or @lab.example")
		}
	}
	return dns, ip, email, nil
}
