// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// TLS is what a server shows and whom it believes: paths of PEM files.
type TLS struct {
	Chain string // its certificate and those that lead to the root
	Key   string
	Trust string // who may sign the certificates of clients
	CRLs  string // a list of each authority of theirs; empty for none
}

// secureHBA lets in who shows a certificate with the account's name in it: that is
// verify-full, and no password is asked for beside.
const secureHBA = "hostssl all all 127.0.0.1/32 cert clientcert=verify-full\n"

// Port is where the server listens on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// Secure has the server start again, and from then on take only TLS with a
// client's certificate: DSN gives access to nobody any more. The files are copied,
// because the server refuses a key that another account owns, and may not be able
// to walk to them.
func (s *Server) Secure(t TLS) error {
	settings := []string{"", "ssl = on", "ssl_cert_file = 'server.crt'", "ssl_key_file = 'server.key'", "ssl_ca_file = 'clients.crt'"}
	copies := map[string]string{"server.crt": t.Chain, "server.key": t.Key, "clients.crt": t.Trust}
	if t.CRLs != "" {
		settings = append(settings, "ssl_crl_file = 'clients.crl'")
		copies["clients.crl"] = t.CRLs
	}
	for name, from := range copies {
		content, err := os.ReadFile(from)
		if err == nil {
			err = s.write(name, content)
		}
		if err != nil {
			return fmt.Errorf("give the server its %s: %w", name, err)
		}
	}
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(settings, "\n") + "\n")
	if err := errors.Join(err, f.Close(), s.write("pg_hba.conf", []byte(secureHBA))); err != nil {
		return err
	}
	return s.run("pg_ctl", "-D", s.data(), "-l", filepath.Join(s.dir, "log"), "-m", "fast", "-w", "-t", "60", "restart")
}

// write puts a file among the data, for the server alone to read.
func (s *Server) write(name string, content []byte) error {
	path := filepath.Join(s.data(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	if s.credential == nil {
		return nil
	}
	return os.Chown(path, int(s.credential.Uid), int(s.credential.Gid))
}
