// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"testing"

	"chancery/ca"
)

func TestSG04_AnIssuingKeyIsLoadedIfItsCertificateBindsItOrSomebodyAnswersForIt(t *testing.T) {
	wide := errors.New("its path length is not 0")
	for _, tt := range []struct {
		name   string
		kind   ca.AuthorityKind
		online error
		except []string
		want   ca.Code
	}{
		{"bound", ca.Issuing, nil, nil, ""},
		{"wide", ca.Issuing, wide, nil, ca.E3004},
		{"wide, and answered for", ca.Issuing, wide, []string{"else", "online:sub-g1"}, ""},
		{"another one is answered for", ca.Issuing, wide, []string{"online:sub-g10", "online:sub", "sub-g1"}, ca.E3004},
		{"no key is online", ca.Root, wide, nil, ""},
	} {
		err := Bundle{Exceptions: tt.except}.Loadable(ca.Authority{Name: "sub-g1", Kind: tt.kind, Certificate: []byte("der")}, func(cert []byte) error {
			if string(cert) != "der" {
				t.Errorf("%s: asked about %q", tt.name, cert)
			}
			return tt.online
		})
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if p := problem(t, err); p.Code != tt.want || p.Why != wide.Error() {
			t.Errorf("%s: %+v", tt.name, p)
		}
	}
}
