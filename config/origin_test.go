// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chancery/config"
)

// A variable wins over the file, the file over the default, and each value says where
// it comes from; a variable that is set to nothing is none.
func TestEachSettingSaysWhereItComesFrom(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "chancery.toml")
	if err := os.WriteFile(path, []byte("listen = \":9443\"\nlisten_http = \":9080\"\ndatabase = \"postgres://c:secret@db/c?password=more\"\n\n[accounts]\nfront = \"www\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := config.Settings(path, []string{"CHANCERY_LISTEN=:7443", "CHANCERY_LISTEN_HTTP=", "CHANCERY_ACCOUNTS_SIGNER=sig"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]config.Setting{
		"listen":          {Value: ":7443", Source: config.FromVariable, Where: "CHANCERY_LISTEN"},
		"listen_http":     {Value: ":9080", Source: config.FromFile, Where: path},
		"listen_mtls":     {Value: ":8444", Source: config.FromDefault},
		"accounts.front":  {Value: "www", Source: config.FromFile, Where: path},
		"accounts.signer": {Value: "sig", Source: config.FromVariable, Where: "CHANCERY_ACCOUNTS_SIGNER"},
		"pki_url":         {Source: config.FromDefault},
	}
	for _, one := range all {
		if strings.Contains(one.Value, "secret") || strings.Contains(one.Value, "more") {
			t.Errorf("%s shows a password: %s", one.Key, one.Value)
		}
		if w, is := want[one.Key]; is {
			if w.Key = one.Key; one != w {
				t.Errorf("%+v, want %+v", one, w)
			}
			delete(want, one.Key)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

// What Load takes and what Settings shows are the same, from whatever variables.
func FuzzSettingsAreThoseOfLoad(f *testing.F) {
	f.Add(":1", "off", "http://a.example")
	f.Add("", "x", "")
	f.Fuzz(func(t *testing.T, listen, mtls, pki string) {
		environ := []string{"CHANCERY_LISTEN=" + listen, "CHANCERY_LISTEN_MTLS=" + mtls, "CHANCERY_PKI_URL=" + pki}
		c, err := config.Load("", environ)
		all, also := config.Settings("", environ)
		if (err == nil) != (also == nil) {
			t.Fatalf("Load: %v, Settings: %v", err, also)
		}
		for _, one := range all {
			if one.Key == "listen" && one.Value != c.Listen || one.Key == "listen_mtls" && one.Value != c.ListenMTLS {
				t.Errorf("%+v is not %+v", one, c)
			}
		}
	})
}
