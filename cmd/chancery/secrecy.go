// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"chancery/ca"
	"chancery/config"
)

// webRoots are where web servers hand files out unless they are told otherwise. What is
// elsewhere is named by publish.web.
var webRoots = [...]string{"/var/www", "/srv/www", "/srv/http", "/srv/ftp", "/usr/share/nginx/html", "/usr/local/www", "/var/lib/tftpboot"}

// publicPlaces are the directories that everybody may read over the network: where lists
// lie, where copies go, and the roots of web servers.
func (a *app) publicPlaces() (places []string) {
	places = slices.Clone(webRoots[:])
	l, err := a.layout()
	if err != nil {
		return places
	}
	places = append(places, l.lists())
	s, err := l.settings()
	if err != nil { // of another account, or with a fault that is told elsewhere
		s, err = config.Load("", os.Environ())
	}
	if err == nil {
		places = append(append(places, s.Publish.Directory), config.List(s.Publish.Web)...)
	}
	return slices.DeleteFunc(places, func(p string) bool { return p == "" })
}

// keepsSecret refuses to write a secret where everybody may fetch it. It is asked before
// anything is made; an empty path is none.
func (a *app) keepsSecret(path, flag string) error {
	if path == "" || path == "-" {
		return nil
	}
	at := realPath(path)
	for _, place := range a.publicPlaces() {
		if open := realPath(place); below(at, open) {
			return ca.Refused(ca.E1404, path+" would hold a secret, and everybody may fetch what is in "+place, "name a file elsewhere: "+flag+" FILE")
		}
	}
	return nil
}

// secretsOf are the files of outputs that hold a key.
func (o outputs) secretsOf(key string) (paths []string) {
	if o.directory() && key != "" {
		paths = append(paths, filepath.Join(o.out, "key-cert.pem"))
	}
	if o.p12 != "" {
		paths = append(paths, o.p12)
	}
	return paths
}

// keepsKeys refuses to write files with the key where everybody may fetch them; made says
// that the key's own file may be one of them.
func (a *app) keepsKeys(o outputs, key string, made bool) error {
	for _, path := range o.secretsOf(key) {
		if err := a.keepsSecret(path, o.flag(path)); err != nil {
			return err
		}
	}
	if !made {
		return nil
	}
	return a.keepsSecret(key, "--key-file")
}

// below tells whether a path is a directory, or below it.
func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// realPath is a path without links, as far as it is there.
func realPath(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	for up, rest := path, ""; ; up, rest = filepath.Dir(up), filepath.Join(filepath.Base(up), rest) {
		if found, err := filepath.EvalSymlinks(up); err == nil {
			return filepath.Join(found, rest)
		}
		if up == filepath.Dir(up) {
			return path
		}
	}
}
