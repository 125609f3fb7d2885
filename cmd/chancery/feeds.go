// SPDX-License-Identifier: Apache-2.0

package main

import (
	"chancery/ca"
	"chancery/config"
)

// feeds tells whether the settings have compact feeds kept.
func (l layout) feeds() (bool, error) {
	s, err := l.settings()
	return s.Publish.Feed == config.Yes, err
}

// revoked tells whoever keeps lists or feeds that an authority's lack something.
func (f front) revoked(authority string, why ca.Reason) {
	f.publisher.Revoked(authority, why)
	if f.feeds {
		f.feeder.Revoked(authority)
	}
}

// feedHead is how the registrar looks at the published feeds; nil where none are kept.
func (f front) feedHead() func(authority string) (ca.Feed, bool) {
	if !f.feeds {
		return nil
	}
	return f.feeder.Newest
}
