// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"chancery/ca"
)

// A Config is the settings of an installation. The directory is not among them:
// the file lies in it, so that it can be moved. A setting a.b is also the
// variable CHANCERY_A_B; a flag wins over the variable, the variable over the
// file, the file over the default.
type Config struct {
	// Database is a PostgreSQL address (postgres://…); empty is the embedded one
	// under Dir. It may hold a password and is never shown.
	Database string `toml:"database"`
	// ListenHTTP is host:port for revocation lists and CA certificates, which
	// nobody can enrol through. Port 0 takes a free one.
	ListenHTTP string `toml:"listen_http"`
	// Listen is host:port for the API over TLS, and ListenMTLS the same where clients
	// bring a certificate; "off" listens nowhere.
	Listen     string `toml:"listen"`
	ListenMTLS string `toml:"listen_mtls"`
	// BaseURL is where people and programs reach Listen, such as
	// https://ca.lab.example:8443, without a slash at the end. Its host is the name in
	// the service's own certificate. Empty is the host of PKIURL.
	BaseURL string `toml:"base_url"`
	// PKIURL is where relying parties reach ListenHTTP, such as
	// http://ca.lab.example:8080. It goes into certificates and has no slash at the
	// end.
	PKIURL string `toml:"pki_url"`
	// Contact is whom the public pages name to ask: a name, an address, a number.
	Contact string `toml:"contact"`
	// Accounts are the operating-system accounts the processes run as.
	Accounts Accounts `toml:"accounts"`
	// Publish is where copies go of what everybody may fetch.
	Publish Publish `toml:"publish"`
	// Lists is who may fetch lists; without it everybody.
	Lists Lists `toml:"lists"`
	// Metrics is where numbers are for a monitoring program.
	Metrics Metrics `toml:"metrics"`
	// Lookup is what everybody may know of a certificate.
	Lookup Lookup `toml:"lookup"`
	// OCSP is how answers about certificates are kept.
	OCSP OCSP `toml:"ocsp"`
}

// Accounts name the operating-system account of each process; an empty name is
// the account that starts the service.
type Accounts struct {
	// Front listens and writes the database.
	Front string `toml:"front"`
	// Signer holds the keys. If it is Front's, a thief of the front has the keys.
	Signer string `toml:"signer"`
}

// Default is the settings where nothing is said.
func Default() Config { return Config{ListenHTTP: ":8080", Listen: ":8443", ListenMTLS: ":8444"} }

// Off is what Listen and ListenMTLS say to listen nowhere: an empty setting is one that
// was not made.
const Off = "off"

// A setting is one key of Config.
type setting struct {
	key   string
	of    func(*Config) *string
	fault func(string) string
}

// settings in the order of the file. All are text, so that variables and file
// are judged by the same words.
var settings = [...]setting{
	{"database", func(c *Config) *string { return &c.Database }, faultOfDatabase},
	{"listen_http", func(c *Config) *string { return &c.ListenHTTP }, faultOfListener},
	{"listen", func(c *Config) *string { return &c.Listen }, faultOfSwitch},
	{"listen_mtls", func(c *Config) *string { return &c.ListenMTLS }, faultOfSwitch},
	{"base_url", func(c *Config) *string { return &c.BaseURL }, faultOfBase},
	{"pki_url", func(c *Config) *string { return &c.PKIURL }, faultOfURL},
	{"contact", func(c *Config) *string { return &c.Contact }, faultOfContact},
	{"accounts.front", func(c *Config) *string { return &c.Accounts.Front }, faultOfAccount},
	{"accounts.signer", func(c *Config) *string { return &c.Accounts.Signer }, faultOfAccount},
	{"publish.directory", func(c *Config) *string { return &c.Publish.Directory }, faultOfPath},
	{"publish.pem", func(c *Config) *string { return &c.Publish.PEM }, faultOfChoice},
	{"publish.hook", func(c *Config) *string { return &c.Publish.Hook }, faultOfProgram},
	{"publish.web", func(c *Config) *string { return &c.Publish.Web }, faultOfPaths},
	{"publish.feed", func(c *Config) *string { return &c.Publish.Feed }, faultOfChoice},
	{"lists.allow", func(c *Config) *string { return &c.Lists.Allow }, faultOfNetworks},
	{"lists.clients", func(c *Config) *string { return &c.Lists.Clients }, faultOfChoice},
	{"metrics.listen", func(c *Config) *string { return &c.Metrics.Listen }, faultOfMetrics},
	{"lookup.names", func(c *Config) *string { return &c.Lookup.Names }, faultOfChoice},
	{"lookup.text", func(c *Config) *string { return &c.Lookup.Text }, faultOfChoice},
	{"ocsp.max_age", func(c *Config) *string { return &c.OCSP.MaxAge }, faultOfAge},
	{"ocsp.memory", func(c *Config) *string { return &c.OCSP.Memory }, faultOfMemory},
}

// Variable is the environment variable of a key: CHANCERY_ACCOUNTS_FRONT for
// accounts.front.
func Variable(key string) string {
	return "CHANCERY_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Load reads the file at path, or no file if path is "", over the defaults, and
// the variables over that; environ is as os.Environ gives it. Variables of ours
// that are no settings, such as CHANCERY_PASSWORD_FILE, belong to others and are
// let be. The error joins a ca.Problem (E1003) for each fault, or is about the
// file; fs.ErrNotExist is kept in it.
func Load(path string, environ []string) (Config, error) {
	c := Default()
	if path != "" {
		document, err := read(path)
		if err != nil {
			return Config{}, fmt.Errorf("read settings: %w", err)
		}
		file, err := Decode[Config](document)
		if err != nil {
			return Config{}, fmt.Errorf("read settings %q: %w", path, err)
		}
		for _, s := range settings {
			if value := *s.of(&file); value != "" {
				*s.of(&c) = value
			}
		}
	}
	variables := make(map[string]string, len(environ))
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok {
			variables[name] = value
		}
	}
	for _, s := range settings {
		// A variable that is set to nothing is how people switch one off.
		if value := variables[Variable(s.key)]; value != "" {
			*s.of(&c) = value
		}
	}
	if err := c.Check(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Check judges every setting. The error joins a ca.Problem (E1003) for each
// fault; none shows the database's address.
func (c Config) Check() error {
	var faults []error
	for _, s := range settings {
		if detail := s.fault(*s.of(&c)); detail != "" {
			faults = append(faults, fault(s.key, 0, s.key+" "+detail, "correct "+s.key+" in the configuration, or "+Variable(s.key)))
		}
	}
	if c.Publish.Hook != "" && c.Publish.Directory == "" {
		faults = append(faults, fault("publish.hook", 0, "publish.hook is told of changes in publish.directory, which is not set", "set publish.directory, or leave the hook out"))
	}
	return errors.Join(faults...)
}

// Document writes the settings as a file that Load reads back: what init leaves
// in the directory. Empty settings are left out.
func (c Config) Document() []byte {
	var b strings.Builder
	b.WriteString("# Settings of this authority. Each can also be given as a variable:\n# listen_http is CHANCERY_LISTEN_HTTP.\n")
	table := ""
	for _, s := range settings {
		value := *s.of(&c)
		if value == "" {
			continue
		}
		key := s.key
		if in, name, ok := strings.Cut(s.key, "."); ok {
			if in != table {
				fmt.Fprintf(&b, "\n[%s]\n", in)
			}
			table, key = in, name
		}
		fmt.Fprintf(&b, "%s = %s\n", key, quote(value))
	}
	return []byte(b.String())
}

// quote writes a TOML basic string (TOML 1.0, "String").
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// read takes at most one octet more than a document may have, which Decode then
// refuses.
func read(path string) (document []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, MaxDocument+1))
}

func faultOfDatabase(s string) string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" && u.Query().Get("host") == "" {
		return "is not an address such as postgres://chancery@db.lab.example/chancery; leave it out for the embedded database"
	}
	return ""
}

func faultOfListener(s string) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil || !ca.PlainText(host) {
		return "is not host:port, such as :8080 or 127.0.0.1:8080"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "has no port from 0 to 65535"
	}
	return ""
}

// faultOfSwitch takes what faultOfListener takes, and the word that switches it off.
func faultOfSwitch(s string) string {
	if s == Off {
		return ""
	}
	if detail := faultOfListener(s); detail != "" {
		return detail + `; "off" listens nowhere`
	}
	return ""
}

// faultOfBase wants HTTPS: tokens travel there.
func faultOfBase(s string) string {
	if s == "" || isAddress(s, "https") {
		return ""
	}
	return "is not an address such as https://ca.lab.example:8443, without a slash at the end"
}

// isAddress tells whether a setting is scheme, host and at most a path.
func isAddress(s, scheme string) bool {
	n, err := ca.NewName(ca.URI, s)
	if err != nil || n.Value != s {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == scheme && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && !strings.HasSuffix(s, "/") && !strings.ContainsAny(s, "?#")
}

// faultOfURL wants plain HTTP: who checks a certificate to open HTTPS would need
// to check another one first (RFC 5280 §8).
func faultOfURL(s string) string {
	if s == "" || isAddress(s, "http") {
		return ""
	}
	return "is not an address such as http://ca.lab.example:8080, without a slash at the end"
}

func faultOfAccount(s string) string {
	const most = 32 // the bound of useradd
	if s == "" {
		return ""
	}
	if len(s) > most || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" || s[0] == '-' || s[0] >= '0' && s[0] <= '9' {
		return "is not the name of an account"
	}
	return ""
}
