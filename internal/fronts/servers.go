// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"chancery/internal/pgtest"
)

// A server is one that listens.
type server struct {
	name string
	port int
	// serial is how it writes a client's serial number, for Sprintf; empty if it
	// tells only the name.
	serial string
	sql    bool // it is PostgreSQL, to which psql alone speaks
}

// A daemon is a server that is run from a configuration file.
type daemon struct {
	name   string
	serial string
	// prepare writes the configuration, and gives the program and its arguments.
	prepare func(b *bench, dir, port string) ([]string, error)
}

var daemons = []daemon{
	{"nginx", "serial=%X", (*bench).nginx},
	{"apache", "serial=%X", (*bench).apache},
	{"haproxy", "serial=%X", (*bench).haproxy},
	{"stunnel", "", (*bench).stunnel},
}

// start starts all servers at once, and those programs that are clients too.
func (b *bench) start(ctx context.Context, t testing.TB) error {
	var wait sync.WaitGroup
	var mu sync.Mutex // guards servers, peers and errs, for an append
	var errs []error
	add := func(s server, p *peer, err error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("start %s: %w", s.name, err))
			return
		case p != nil:
			b.peers = append(b.peers, p)
		}
		b.servers = append(b.servers, s)
	}
	for _, l := range languages {
		wait.Go(func() {
			p, err := b.peer(ctx, t, l)
			s := server{name: l.name, serial: "serial=%X"}
			if err == nil {
				s.port = p.port
			}
			add(s, p, err)
		})
	}
	for _, d := range daemons {
		wait.Go(func() {
			port, err := b.daemon(ctx, t, d)
			add(server{name: d.name, port: port, serial: d.serial}, nil, err)
		})
	}
	wait.Go(func() {
		port, err := b.postgres(ctx, t)
		add(server{name: "PostgreSQL", port: port, serial: "serial=%d", sql: true}, nil, err)
	})
	wait.Wait()
	return errors.Join(errs...)
}

// daemon starts a server and waits until it listens.
func (b *bench) daemon(ctx context.Context, t testing.TB, d daemon) (port int, err error) {
	dir := filepath.Join(b.dir, d.name)
	if err := errors.Join(os.Mkdir(dir, 0o700), passable(dir)); err != nil {
		return 0, err
	}
	for range maxTries {
		if port, err = freePort(); err != nil {
			return 0, err
		}
		var args []string
		if args, err = d.prepare(b, dir, strconv.Itoa(port)); err != nil {
			return 0, err
		}
		var path string
		if path, err = tool(args[0]); err != nil {
			return 0, err
		}
		var p *process
		if p, err = b.spawn(t, d.name, command(context.WithoutCancel(ctx), path, args[1:]...)); err != nil {
			return 0, err
		}
		if err = p.listens(ctx, port); err == nil || ctx.Err() != nil {
			break
		}
	}
	return port, err
}

// config writes a configuration file, a line for each part.
func config(path string, parts ...string) error {
	return os.WriteFile(path, []byte(strings.Join(parts, "\n")+"\n"), 0o600)
}

func (b *bench) nginx(dir, port string) ([]string, error) {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // its workers need no other account here
	}
	var temporary []string
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary = append(temporary, what+"_temp_path "+filepath.Join(dir, what)+";")
	}
	file := filepath.Join(dir, "nginx.conf")
	return []string{"nginx", "-p", dir, "-c", file, "-e", "stderr"}, config(file, user,
		"daemon off; worker_processes 1; pid "+filepath.Join(dir, "pid")+"; error_log stderr info;",
		"events { worker_connections 512; }",
		"http {", strings.Join(temporary, "\n"), "access_log off;",
		"server {", "listen 127.0.0.1:"+port+" ssl;", b.files.at("nginx", port),
		`location / { default_type text/plain; return 200 "$ssl_client_s_dn serial=$ssl_client_serial"; }`,
		"}", "}")
}

func (b *bench) apache(dir, port string) ([]string, error) {
	// What all who are let in are given; who they are stands in a header. Apache's
	// children are of another account if it starts as root.
	page := filepath.Join(dir, "whoami")
	if err := errors.Join(os.WriteFile(page, []byte("welcome\n"), 0o600), os.Chmod(page, 0o644)); err != nil { //nolint:gosec // it is public
		return nil, err
	}
	account := ""
	if os.Getuid() == 0 {
		account = "User nobody\nGroup nogroup"
	}
	var modules strings.Builder
	for _, name := range []string{"mpm_event", "authz_core", "headers", "socache_shmcb", "ssl"} {
		fmt.Fprintf(&modules, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", name, name)
	}
	file := filepath.Join(dir, "apache.conf")
	return []string{"apache2", "-d", dir, "-f", file, "-DFOREGROUND"}, config(file, modules.String(), account,
		"ServerName localhost", "PidFile "+filepath.Join(dir, "pid"), "DefaultRuntimeDir "+dir, "Mutex file:"+dir+" default",
		"ErrorLog /dev/stderr", "LogLevel info", "DocumentRoot "+dir, "SSLSessionCache none", "SSLStaplingCache shmcb:"+filepath.Join(dir, "stapling")+"(65536)", "Listen 127.0.0.1:"+port,
		"<VirtualHost 127.0.0.1:"+port+">", b.files.at("apache", port),
		`Header always set X-Client "%{SSL_CLIENT_S_DN}s serial=%{SSL_CLIENT_M_SERIAL}s"`,
		"</VirtualHost>")
}

func (b *bench) haproxy(dir, port string) ([]string, error) {
	file := filepath.Join(dir, "haproxy.cfg")
	return []string{"haproxy", "-db", "-f", file}, config(file,
		"global", "maxconn 200", "log stderr format raw local0",
		"defaults", "mode http", "timeout connect 30s", "timeout client 30s", "timeout server 30s",
		"frontend mutual", b.files.at("haproxy", port),
		`http-request return status 200 content-type text/plain lf-string "%{+Q}[ssl_c_s_dn] serial=%[ssl_c_serial,hex]"`)
}

// stunnelAnswer is what stunnel runs for each who is let in. It tells the name, and
// no serial number.
const stunnelAnswer = `#!/bin/sh
while read -r line && test "${#line}" -gt 1; do :; done
printf 'HTTP/1.0 200 OK\r\n\r\n%s' "$SSL_CLIENT_DN"
`

func (b *bench) stunnel(dir, port string) ([]string, error) {
	answer, file := filepath.Join(dir, "answer"), filepath.Join(dir, "stunnel.conf")
	if err := os.WriteFile(answer, []byte(stunnelAnswer), 0o700); err != nil { //nolint:gosec // a program
		return nil, err
	}
	return []string{"stunnel", file}, config(file, "foreground = yes", "pid =", "debug = info", "syslog = no",
		"[mutual]", "accept = 127.0.0.1:"+port, "exec = "+answer, b.files.at("stunnel", port))
}

// postgres starts a database with an account for each client's name.
func (b *bench) postgres(ctx context.Context, t testing.TB) (port int, err error) {
	s, err := pgtest.Start()
	if err != nil {
		return 0, err
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	accounts, seen := []string{"-XqAt"}, map[string]bool{}
	for _, h := range append(append([]Holder{}, b.files.Clients...), b.files.Refused...) {
		if !seen[h.Name] { // the certificates of two generations may have one name
			accounts = append(accounts, "-c", `CREATE ROLE "`+h.Name+`" LOGIN`)
		}
		seen[h.Name] = true
	}
	if err := said(command(ctx, "psql", append(accounts, s.DSN("postgres"))...)); err != nil {
		return 0, err
	}
	return s.Port(), s.Secure(pgtest.TLS{Chain: b.files.Server.Chain, Key: b.files.Server.Key, Trust: b.files.Bundle, CRLs: b.files.CRLs})
}
