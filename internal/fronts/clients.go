// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A call is one encounter, as the client sees it.
type call struct {
	host   string
	port   int
	as     string // the account at PostgreSQL
	holder Holder // the zero one has no certificate
	trust  Store  // PEM without a password, where it is no store of Java
}

// A client is a program that knocks, with one of the forms of its files.
type client struct {
	name  string
	trust Store // what it believes in when all is well
	// ask gives the answer of a server that let it in, or an error: errDistrust,
	// errRefused, or one of this machine.
	ask func(context.Context, call) (string, error)
}

// clients are those that speak the server's language. The first server meets each
// form that a client can read, the others one form: that it can be read was seen then.
func (b *bench) clients(s server) []client {
	bundle := Store{Path: b.files.Bundle}
	if s.sql {
		return []client{{"psql", bundle, psql}}
	}
	forms := s.name == daemons[0].name
	all := []client{{"curl with PEM", bundle, curlPEM}, {"openssl s_client", bundle, openssl}}
	if forms {
		all = append(all, client{"curl with PKCS#12", bundle, curlPKCS12})
	}
	for _, p := range b.peers {
		if !p.stores {
			all = append(all, client{p.name, bundle, p.ask})
			continue
		}
		for i, store := range b.files.Stores {
			if i == 0 || forms {
				all = append(all, client{p.name + " with " + filepath.Base(store.Path), store, p.ask})
			}
		}
	}
	return all
}

// welcome takes what a server sent, and is content with 200 only: nginx refuses in
// words, over a connection that it has let come up.
func welcome(response string) (string, error) {
	fields := strings.Fields(response)
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "HTTP/1.") || fields[1] != "200" {
		return "", fmt.Errorf("%w: %q", errRefused, response)
	}
	return response, nil
}

// run runs a client. code is how it ended, err what kept it from running.
func run(c *exec.Cmd) (out, talk string, code int, err error) {
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := c.Run(); errors.As(err, &exit) && exit.Exited() {
		return stdout.String(), stderr.String(), exit.ExitCode(), nil
	} else if err != nil {
		return "", "", 0, fmt.Errorf("%w: %s", err, &stderr)
	}
	return stdout.String(), stderr.String(), 0, nil
}

func curlPEM(ctx context.Context, c call) (string, error) {
	if c.holder.Name == "" {
		return curl(ctx, c)
	}
	return curl(ctx, c, "--cert", c.holder.Chain, "--key", c.holder.Key)
}

func curlPKCS12(ctx context.Context, c call) (string, error) {
	if c.holder.Name == "" {
		return curl(ctx, c)
	}
	return curl(ctx, c, "--cert-type", "P12", "--cert", c.holder.PKCS12+":"+c.holder.Password)
}

// Exits of curl that are about certificates, from its manual: the peer's was not
// trusted; and those of a connection that the other side broke off.
const (
	curlDistrusts = 60
	curlConnect   = 35
	curlEmpty     = 52
	curlSend      = 55
	curlReceive   = 56
	curlBadStatus = 91 // what was stapled, or that nothing was
)

func curl(ctx context.Context, c call, identity ...string) (string, error) {
	// The directory of the machine's own authorities would be believed beside --cacert.
	args := append([]string{"-q", "--silent", "--show-error", "--include", "--http1.1", "--noproxy", "*", "--capath", "/dev/null",
		"--cacert", c.trust.Path, "--connect-to", "::" + address(c.port)}, identity...)
	out, talk, code, err := run(command(ctx, "curl", append(args, "https://"+c.host+"/whoami")...))
	switch {
	case err != nil:
		return "", err
	case code == 0:
		return welcome(out)
	case code == curlDistrusts:
		return "", fmt.Errorf("%w: %s", errDistrust, talk)
	case code == curlConnect, code == curlEmpty, code == curlSend, code == curlReceive:
		return "", fmt.Errorf("%w: %s", errRefused, talk)
	}
	return "", fmt.Errorf("curl ended with %d: %s", code, talk)
}

func openssl(ctx context.Context, c call) (string, error) {
	args := []string{"s_client", "-quiet", "-x509_strict", "-verify_return_error", "-no-CApath", "-no-CAstore", "-CAfile", c.trust.Path,
		"-connect", address(c.port), "-servername", c.host, "-verify_hostname", c.host}
	if h := c.holder; h.Name != "" {
		args = append(args, "-cert", h.KeyCert, "-key", h.KeyCert, "-cert_chain", h.KeyCert)
	}
	cmd := command(ctx, "openssl", args...)
	cmd.Stdin = strings.NewReader("GET /whoami HTTP/1.0\r\nHost: " + c.host + "\r\n\r\n")
	out, talk, _, err := run(cmd)
	switch {
	case err != nil:
		return "", err
	case strings.Contains(talk, "verify error:"):
		return "", fmt.Errorf("%w: %s", errDistrust, talk)
	case strings.Contains(talk, "connect:"):
		return "", errors.New(talk) // nobody listens
	case out == "":
		return "", fmt.Errorf("%w: %s", errRefused, talk)
	}
	return welcome(out)
}

func psql(ctx context.Context, c call) (string, error) {
	identity := []string{"sslcert=/dev/null/none", "sslkey=/dev/null/none"}
	if h := c.holder; h.Name != "" {
		identity = []string{"sslcert=" + quoted(h.Chain), "sslkey=" + quoted(h.Key)}
	}
	conninfo := strings.Join(append(identity, "host="+c.host, "hostaddr=127.0.0.1", "port="+strconv.Itoa(c.port), "dbname=postgres",
		"user="+quoted(c.as), "sslmode=verify-full", "sslrootcert="+quoted(c.trust.Path)), " ")
	out, talk, code, err := run(command(ctx, "psql", "-XqAt", "-c",
		"SELECT client_dn || ' serial=' || client_serial FROM pg_stat_ssl WHERE pid = pg_backend_pid()", conninfo))
	switch {
	case err != nil:
		return "", err
	case code == 0:
		return out, nil
	case strings.Contains(talk, "certificate verify failed"):
		return "", fmt.Errorf("%w: %s", errDistrust, talk)
	}
	// The last two are of a refusal whose reason the reset overtook.
	for _, words := range []string{"alert", "requires a valid client certificate", "ertificate authentication failed",
		"SSL SYSCALL error", "server closed the connection"} {
		if strings.Contains(talk, words) {
			return "", fmt.Errorf("%w: %s", errRefused, talk)
		}
	}
	return "", fmt.Errorf("psql ended with %d: %s", code, talk)
}

// quoted makes a value of libpq's connection string.
func quoted(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
