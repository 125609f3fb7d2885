// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// joined writes the files of one name in several directories into one.
func joined(t *testing.T, dirs []string, to string, names ...string) string {
	t.Helper()
	var all []byte
	for _, dir := range dirs {
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
	}
	if err := os.WriteFile(to, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// serverLists is whom each server lets in with a set of lists in its one file, by issuers with
// every type of key. docs/revocation.md says so. Of half of the shards is missing: nobody is
// let in of whom it would tell.
var serverLists = map[string]string{"complete": truth, "arls": truth, "deltas": before, "shards": truth, "half": truth}

// onShard are those of some holders whose certificates name the first shard.
func onShard(t *testing.T, dir string, holders []string) []string {
	t.Helper()
	return slices.DeleteFunc(holders, func(name string) bool {
		chain, err := Holder{Chain: filepath.Join(dir, name+"-chain.pem")}.certificates()
		if err != nil || len(chain[0].CRLDistributionPoints) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		return !strings.HasSuffix(chain[0].CRLDistributionPoints[0], ".s0.crl")
	})
}

// R86, R87: with lists in a file every server lets in who is good, and neither who is revoked
// nor who is held, by issuers of each type of key at once, the root's list of its type beside;
// what they make of the other kinds of lists is as the page says.
func TestServersJudgeByTheListsOfEachTypeOfKey(t *testing.T) {
	t.Parallel()
	var dirs []string
	for _, keyType := range listKeys {
		dirs = append(dirs, listed(t, keyType))
	}
	trust := joined(t, dirs, filepath.Join(t.TempDir(), "trust.pem"), "root.pem", "issuing.pem")
	for set, want := range serverLists {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "fronts") // see passable
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := os.RemoveAll(dir); err != nil {
					t.Error(err)
				}
			})
			if err := passable(dir); err != nil {
				t.Fatal(err)
			}
			at := func(dir, name string) Holder {
				path := filepath.Join(dir, name)
				return Holder{Name: name, Chain: path + "-chain.pem", Key: path + ".key", KeyCert: path + "-all.pem"}
			}
			b := &bench{dir: dir, files: Files{Host: "good", Server: at(dirs[0], "good"), Bundle: trust, CRLs: joined(t, dirs, filepath.Join(t.TempDir(), "lists.pem"), set+"-lists.pem")}}
			for _, d := range daemons {
				port, err := b.daemon(t.Context(), t, d)
				if err != nil {
					t.Fatal(err)
				}
				for i, keyType := range listKeys {
					var let []string
					for _, name := range listHolders {
						_, err := curlPEM(t.Context(), call{host: "good", port: port, holder: at(dirs[i], name), trust: Store{Path: trust}})
						if err == nil {
							let = append(let, name)
						} else if !errors.Is(err, errRefused) {
							t.Errorf("%s, %s: %v", d.name, name, err)
						}
					}
					want := strings.Fields(want)
					if set == "half" {
						want = onShard(t, dirs[i], want)
					}
					if !slices.Equal(let, want) {
						t.Errorf("%s with the lists %s lets %q in of an issuer with %s, not %q", d.name, set, let, keyType, want)
					}
				}
			}
		})
	}
}
