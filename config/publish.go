// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"chancery/ca"
)

// Publish says where copies of what everybody may fetch go, beside the plain listener.
type Publish struct {
	// Directory takes a copy of each list, certificate and bundle, named as at its address.
	// It must be there, and be written by the front's account.
	Directory string `toml:"directory"`
	// PEM puts a copy in PEM beside each file of Directory that is DER: Yes or No.
	PEM string `toml:"pem"`
	// Hook is a program that is run after each change of Directory; the changed files are
	// its arguments. No shell takes part.
	Hook string `toml:"hook"`
	// Web names further directories that a web server hands out, with commas between:
	// nothing secret is written there.
	Web string `toml:"web"`
	// Feed keeps compact revocation feeds beside the lists: Yes or No, which is the default.
	// Each costs a leaf of the log and the reading of all that is live, every hour and after
	// each revocation (docs/feed.md).
	Feed string `toml:"feed"`
}

// Lists say who may fetch revocation lists and feeds. OCSP stays open.
type Lists struct {
	// Allow names networks, with commas between, such as 10.0.0.0/8, 2001:db8::/32.
	Allow string `toml:"allow"`
	// Clients lets those have them too who bring a certificate of ours to ListenMTLS: Yes
	// or No.
	Clients string `toml:"clients"`
}

// Metrics say where a monitoring program finds numbers, beside admin.sock.
type Metrics struct {
	// Listen is host:port for GET /metrics, by plain HTTP and for whoever reaches it; empty
	// listens nowhere.
	Listen string `toml:"listen"`
}

// Lookup says what the public page /lookup shows beside how a certificate stands. Owners are
// never shown.
type Lookup struct {
	// Names shows the names that a certificate is for: Yes or No.
	Names string `toml:"names"`
	// Text shows the certificate itself, as text and in PEM, its names with it: Yes or No.
	Text string `toml:"text"`
}

// Yes and No are the values of a switch.
const (
	Yes = "yes"
	No  = "no"
)

// List takes a setting apart that has several values.
func List(setting string) (values []string) {
	for one := range strings.SplitSeq(setting, ",") {
		if one = strings.TrimSpace(one); one != "" {
			values = append(values, one)
		}
	}
	return values
}

// maxContact is how long a contact may be, in characters: two lines of a telephone's screen, and
// a third one.
const maxContact = 120

// faultOfContact takes one line of plain text, which pages show as it is.
func faultOfContact(s string) string {
	if s == strings.TrimSpace(s) && ca.PlainText(s) && utf8.RuneCountInString(s) <= maxContact {
		return ""
	}
	return "is not one line of at most 120 characters, such as Hana, hana@lab.example"
}

// faultOfPath takes a path from the root: the service's own directory of the moment is
// nobody's wish.
func faultOfPath(s string) string {
	if s == "" || filepath.IsAbs(s) && filepath.Clean(s) == s && ca.PlainText(s) {
		return ""
	}
	return "is not a path such as /srv/pki, from the root and without a slash at the end"
}

// faultOfProgram takes the path of one program: it is run without a shell, which would look for it.
func faultOfProgram(s string) string {
	if faultOfPath(s) == "" {
		return ""
	}
	return "is not the path of one program such as /usr/local/bin/push-pki, from the root and without arguments"
}

func faultOfPaths(s string) string {
	for _, one := range List(s) {
		if detail := faultOfPath(one); detail != "" {
			return "has a part that " + detail
		}
	}
	return ""
}

func faultOfNetworks(s string) string {
	for _, one := range List(s) {
		if p, err := netip.ParsePrefix(one); err != nil || p != p.Masked() {
			return "has a part that is not a network such as 10.0.0.0/8, without a host in it"
		}
	}
	return ""
}

// faultOfMetrics wants a host: numbers are not for everybody who reaches any address of the
// machine.
func faultOfMetrics(s string) string {
	if s == "" {
		return ""
	}
	if detail := faultOfListener(s); detail != "" {
		return detail
	}
	host, _, err := net.SplitHostPort(s)
	if at, bad := netip.ParseAddr(host); err != nil || host == "" || bad == nil && at.IsUnspecified() {
		return "names every address of the machine; metrics are not for everybody: 127.0.0.1:9464, or the address of an inner network"
	}
	return ""
}

func faultOfChoice(s string) string {
	if s == "" || s == Yes || s == No {
		return ""
	}
	return `is neither "yes" nor "no"`
}
