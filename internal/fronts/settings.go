// SPDX-License-Identifier: Apache-2.0

package fronts

import "strings"

// settings are the lines of each server's configuration that are about
// certificates, with the paths of an operator. docs/servers.md has them as they
// stand here, and the bench runs them with the paths of a test.
var settings = map[string]string{
	"nginx": `ssl_certificate        /etc/chancery/live/nas.lab.example/fullchain.pem;
ssl_certificate_key    /etc/chancery/live/nas.lab.example/key.pem;
ssl_client_certificate /etc/chancery/trust/bundle.pem;
ssl_crl                /etc/chancery/trust/crls.pem;
ssl_verify_client      on;
ssl_verify_depth       4;
`,
	"apache": `SSLEngine on
SSLCertificateFile      /etc/chancery/live/nas.lab.example/fullchain.pem
SSLCertificateKeyFile   /etc/chancery/live/nas.lab.example/key.pem
SSLCACertificateFile    /etc/chancery/trust/bundle.pem
SSLCARevocationFile     /etc/chancery/trust/crls.pem
SSLCARevocationCheck    chain
SSLVerifyClient         require
SSLVerifyDepth          4
`,
	"haproxy": `bind 127.0.0.1:8443 ssl crt /etc/chancery/live/nas.lab.example/key-cert.pem ca-file /etc/chancery/trust/bundle.pem crl-file /etc/chancery/trust/crls.pem verify required
`,
	"stunnel": `cert = /etc/chancery/live/nas.lab.example/key-cert.pem
CAfile = /etc/chancery/trust/bundle.pem
CRLfile = /etc/chancery/trust/crls.pem
verifyChain = yes
requireCert = yes
`,
}

// at gives a server's settings with the paths of the files and the port; without
// lists the line, or the words, that name them are left out.
func (f Files) at(server, port string) string {
	text := settings[server]
	if f.CRLs == "" {
		var kept strings.Builder
		for line := range strings.Lines(strings.ReplaceAll(text, " crl-file /etc/chancery/trust/crls.pem", "")) {
			if !strings.Contains(line, "crls.pem") && !strings.Contains(line, "SSLCARevocationCheck") {
				kept.WriteString(line)
			}
		}
		text = kept.String()
	}
	if f.asks {
		text += ocspSettings[server]
	}
	const live, trust = "/etc/chancery/live/nas.lab.example/", "/etc/chancery/trust/"
	return strings.NewReplacer(live+"fullchain.pem", f.Server.Chain, live+"key-cert.pem", f.Server.KeyCert,
		live+"key.pem", f.Server.Key, trust+"bundle.pem", f.Bundle, trust+"crls.pem", f.CRLs, "127.0.0.1:8443", "127.0.0.1:"+port).Replace(text)
}
