// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"net/http"

	"chancery/config"
	"chancery/web"
)

// pages puts the public pages before what everybody may fetch.
func (l layout) pages(f front, log *slog.Logger) (http.Handler, error) {
	s, err := l.settings()
	if err != nil {
		return nil, err
	}
	title := "Certificate authority"
	if host := baseHost(s); host != "" {
		title += " · " + host
	}
	secure := s.BaseURL
	if s.Listen == config.Off {
		secure = ""
	}
	p, err := web.New(web.Options{Book: f.book, Shelf: f.vouched, Teller: f.ocsp, Log: log, Now: wallClock(),
		Names: s.Lookup.Names == config.Yes, Text: s.Lookup.Text == config.Yes, Title: title,
		PKI: s.PKIURL, Secure: secure, Contact: s.Contact})
	if err != nil {
		return nil, err
	}
	return web.Beside(p, f.public), nil
}
