// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

func TestEveryKeyOfTheFileIsASetting(t *testing.T) {
	var keys []string
	for _, s := range settings {
		keys = append(keys, s.key)
	}
	all := keysOf(reflect.TypeFor[Config](), "", nil)
	inFile := slices.DeleteFunc(slices.Clone(all), func(k string) bool { // tables
		return slices.ContainsFunc(all, func(below string) bool { return strings.HasPrefix(below, k+".") })
	})
	if !slices.Equal(keys, inFile) {
		t.Errorf("settings are %q, keys of the structure %q", keys, inFile)
	}
}

func TestLoadVariableOverFileOverDefault(t *testing.T) {
	path := file(t, "listen_http = \"127.0.0.1:9000\"\npki_url = \"http://ca.lab.example:8080\"\n[accounts]\nfront = \"web\"\n")
	c, err := Load(path, []string{
		"CHANCERY_LISTEN_HTTP=127.0.0.1:0", "CHANCERY_ACCOUNTS_SIGNER=keys", "CHANCERY_PKI_URL=",
		"CHANCERY_PASSWORD_FILE=/x", "LISTEN_HTTP=:1", "novalue",
	})
	want := Config{ListenHTTP: "127.0.0.1:0", Listen: ":8443", ListenMTLS: ":8444", PKIURL: "http://ca.lab.example:8080", Accounts: Accounts{Front: "web", Signer: "keys"}}
	if err != nil || c != want {
		t.Errorf("loaded %+v, %v, want %+v", c, err, want)
	}
	if c, err := Load("", nil); err != nil || c != Default() {
		t.Errorf("without anything loaded %+v, %v", c, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	cases := []struct {
		name, document, variable, detail string
	}{
		{"unknown key", "listen-http = \":80\"\n", "", `line 1: there is no key "listen-http"`},
		{"no port", "listen_http = \"8080\"\n", "", "listen_http is not host:port"},
		{"a path that is no path from the root", "[publish]\ndirectory = \"pki\"\n", "", "publish.directory is not a path"},
		{"a slash at its end", "[publish]\ndirectory = \"/srv/pki/\"\n", "", "publish.directory is not a path"},
		{"a hook without a directory", "[publish]\nhook = \"/usr/local/bin/push\"\n", "", "publish.directory, which is not set"},
		{"a feed of neither", "", "CHANCERY_PUBLISH_FEED=on", "publish.feed is neither"},
		{"a choice of neither", "[publish]\npem = \"true\"\n", "", "neither \"yes\" nor \"no\""},
		{"a web root that is none", "", "CHANCERY_PUBLISH_WEB=/var/www, www", "publish.web has a part that is not a path"},
		{"an address that is no network", "[lists]\nallow = \"10.0.0.0/8, 10.1.2.3\"\n", "", "lists.allow has a part that is not a network"},
		{"a network with a host", "", "CHANCERY_LISTS_ALLOW=10.1.2.3/8", "lists.allow has a part that is not a network"},
		{"a contact of two lines", "contact = \"Hana\\nroom 5\"\n", "", "contact is not one line of at most 120 characters"},
		{"a contact that is a letter", "", "CHANCERY_CONTACT=" + strings.Repeat("ä", 121), "contact is not one line of at most 120 characters"},
		{"an age without a unit", "[ocsp]\nmax_age = \"5\"\n", "", "ocsp.max_age is not a time"},
		{"an age above a day", "", "CHANCERY_OCSP_MAX_AGE=25h", "ocsp.max_age is not a time"},
		{"no memory at all", "", "CHANCERY_OCSP_MEMORY=0", "ocsp.memory is not a number of MiB"},
		{"metrics for everybody", "[metrics]\nlisten = \":9464\"\n", "", "metrics are not for everybody"},
		{"metrics for everybody, by address", "", "CHANCERY_METRICS_LISTEN=[::]:9464", "metrics are not for everybody"},
		{"a port by name", "listen_http = \":http\"\n", "", "no port"},
		{"a port too large", "", "CHANCERY_LISTEN_HTTP=:65536", "no port"},
		{"a switch that is no word", "listen = \"no\"\n", "", `"off" listens nowhere`},
		{"tokens in the clear", "base_url = \"http://ca.lab.example\"\n", "", "base_url"},
		{"https in certificates", "pki_url = \"https://ca.lab.example\"\n", "", "pki_url"},
		{"a slash at the end", "pki_url = \"http://ca.lab.example/\"\n", "", "pki_url"},
		{"a query", "pki_url = \"http://ca.lab.example?\"\n", "", "pki_url"},
		{"a user", "", "CHANCERY_PKI_URL=http://a:b@ca.lab.example", "pki_url"},
		{"another database", "database = \"mysql://secret@db/x\"\n", "", "database"},
		{"a database of no host", "database = \"postgres:///x\"\n", "", "database"},
		{"an account with a slash", "[accounts]\nfront = \"a/b\"\n", "", "accounts.front"},
		{"an account by number", "", "CHANCERY_ACCOUNTS_SIGNER=0", "accounts.signer"},
		{"a directory in a file that moves with it", "dir = \"/srv\"\n", "", "dir"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(file(t, c.document), []string{c.variable})
			var p *ca.Problem
			if !errors.As(err, &p) || p.Code != ca.E1003 || !strings.Contains(p.Detail, c.detail) {
				t.Fatalf("gave %v, want a Problem E1003 about %q", err, c.detail)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("shows the database's address: %v", err)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gave %v, want fs.ErrNotExist", err)
	}
	if _, err := Load(file(t, "#"+strings.Repeat("x", 2*MaxDocument)), nil); err == nil {
		t.Error("a file of any length is read")
	}
}

func TestDocumentReadsBack(t *testing.T) {
	for _, want := range []Config{
		Default(),
		{Database: `postgres://u:p%22@db.lab.example/a "b" \c é?sslmode=verify-full`, ListenHTTP: "[::1]:8080",
			Listen: Off, ListenMTLS: "[::1]:8444", BaseURL: "https://ca.lab.example",
			PKIURL: "http://ca.lab.example:8080/x", Accounts: Accounts{Front: "chancery-front", Signer: "chancery_signer"}},
	} {
		if c, err := Load(file(t, string(want.Document())), nil); err != nil || c != want {
			t.Errorf("read back %+v, %v, want %+v", c, err, want)
		}
	}
	if got, err := Decode[struct {
		A string `toml:"a"`
	}]([]byte("a = " + quote("\t\x00\x7f\n"))); err != nil || got.A != "\t\x00\x7f\n" {
		t.Errorf("control characters read back as %q, %v", got.A, err)
	}
}

func file(t *testing.T, document string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chancery.toml")
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
