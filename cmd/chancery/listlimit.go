// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"

	"chancery/ca"
	"chancery/config"
	"chancery/status"
)

// refusedState is the file with those who were refused lists.
func (l layout) refusedState() string { return filepath.Join(l.front(), "refused.json") }

// limited puts the limit of the settings before the lists that everybody may fetch.
func (l layout) limited(f front, log *slog.Logger) (http.Handler, error) {
	s, err := l.settings()
	if err != nil || !listsLimited(s) {
		return f.public, err
	}
	limit := &status.Limit{State: l.refusedState(), Log: log, Now: wallClock()}
	for _, one := range config.List(s.Lists.Allow) {
		p, err := netip.ParsePrefix(one)
		if err != nil {
			return nil, fmt.Errorf("read lists.allow: %w", err)
		}
		limit.Networks = append(limit.Networks, p)
	}
	if s.Lists.Clients == config.Yes {
		limit.Client = func(r *http.Request) bool {
			row, err := f.registrar.Standing(r.Context(), r.TLS.PeerCertificates[0].Raw)
			now := limit.Now()
			return err == nil && row.Revoked == nil && !now.Before(row.NotBefore) && !now.After(row.NotAfter)
		}
	}
	return limit.Guard(f.public), nil
}

func listsLimited(s config.Config) bool { return s.Lists.Allow != "" || s.Lists.Clients == config.Yes }

// limits says who lacks the lists that are not for everybody (R92): those who asked and were
// refused, and those whose certificates name nothing else.
func (p *patient) limits(authorities []ca.Authority) (found []finding) {
	s, err := p.layout.settings()
	if err != nil || !listsLimited(s) {
		return nil
	}
	refused, err := status.ReadRefused(p.layout.refusedState())
	if err != nil {
		found = append(found, warning("remove "+p.layout.refusedState(), "%v", err))
	}
	var sources []string
	for _, one := range refused {
		sources = append(sources, one.Source)
	}
	if len(sources) > 0 {
		found = append(found, warning("add them to lists.allow, or have them ask OCSP; then remove "+p.layout.refusedState(), "lists were refused to %s, and asked for from there: %s", counted(len(sources), "source"), short(sources)))
	}
	for _, a := range authorities {
		if a.CRL != "" && a.OCSP == "" && p.now.Before(a.NotAfter) {
			found = append(found, warning("chancery ca rollover "+a.Name+", for certificates that name OCSP too", "certificates of %s name its list and no OCSP, and the list is not for everybody", a.Name))
		}
	}
	if s.Publish.Directory != "" {
		found = append(found, warning("see that its web server is limited as well", "lists are limited here, and copied to %s", s.Publish.Directory))
	}
	if len(found) == 0 {
		return []finding{ok("lists are limited, and nobody was refused one")}
	}
	return found
}
