// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Stapled runs nginx and HAProxy with answers that lie in files, the former beside the
// server's Chain, the latter beside its KeyCert, and gives what openssl s_client -status
// says to each: the answer that comes with the first connection.
func Stapled(t testing.TB, f Files) map[string]string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fronts")
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
	b := &bench{files: f, dir: dir}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out := map[string]string{}
	for _, d := range []daemon{{"nginx", "", (*bench).staplingNginx}, {"haproxy", "", (*bench).staplingHAProxy}} {
		port, err := b.daemon(ctx, t, d)
		if err != nil {
			t.Fatalf("start %s: %v\n%s", d.name, err, (&process{log: filepath.Join(dir, d.name+".log")}).tail())
		}
		c := command(ctx, "openssl", "s_client", "-connect", "127.0.0.1:"+strconv.Itoa(port), "-servername", f.Host, "-status", "-CAfile", f.Bundle, "-verify_return_error")
		said, err := c.CombinedOutput() // standard input is empty, so it ends by itself
		if err != nil {
			t.Errorf("%s: %v\n%s", d.name, err, said)
		}
		out[d.name] = string(said)
	}
	return out
}

func (b *bench) staplingNginx(dir, port string) ([]string, error) {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	file := filepath.Join(dir, "nginx.conf")
	return []string{"nginx", "-p", dir, "-c", file, "-e", "stderr"}, config(file, user,
		"daemon off; worker_processes 1; pid "+filepath.Join(dir, "pid")+"; error_log stderr info;", "events { worker_connections 64; }",
		"http {", "client_body_temp_path "+filepath.Join(dir, "body")+"; proxy_temp_path "+filepath.Join(dir, "proxy")+"; fastcgi_temp_path "+filepath.Join(dir, "fastcgi")+";",
		"uwsgi_temp_path "+filepath.Join(dir, "uwsgi")+"; scgi_temp_path "+filepath.Join(dir, "scgi")+"; access_log off;",
		"server {", "listen 127.0.0.1:"+port+" ssl;", "ssl_certificate "+b.files.Server.Chain+";", "ssl_certificate_key "+b.files.Server.Key+";",
		"ssl_stapling on;", "ssl_stapling_file "+b.files.Server.Chain+".ocsp;", "}", "}")
}

func (b *bench) staplingHAProxy(dir, port string) ([]string, error) {
	file := filepath.Join(dir, "haproxy.cfg")
	return []string{"haproxy", "-db", "-f", file}, config(file,
		"global", "maxconn 20", "log stderr format raw local0",
		"defaults", "mode http", "timeout connect 30s", "timeout client 30s", "timeout server 30s",
		"frontend staples", "bind 127.0.0.1:"+port+" ssl crt "+b.files.Server.KeyCert,
		"http-request return status 200 content-type text/plain string welcome")
}
