// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"time"

	"chancery/ca"
	"chancery/lifecycle"
	"chancery/store"
)

// restoredSince is for how long the doctor tells of a row that was put right: somebody
// could write in the database, and may be able to still.
const restoredSince = 30 * 24 * time.Hour

// A saying is what one leaf says of a generation.
type saying struct {
	leaf int64
	ca.Authority
}

// A restoring is that a row of an authority was put right.
type restoring struct {
	name string
	at   time.Time
}

// lookAtRows holds the database's rows of the authorities against the log. The service
// shows what the log says, so that a forged one reaches nobody; who wrote it could write
// elsewhere too.
func lookAtRows(ctx context.Context, p *patient) (found []finding) {
	c := p.chronicle(ctx)
	for _, r := range c.restored {
		if p.now.Sub(r.at) < restoredSince {
			found = append(found, warning("find out who can write in the database", "on %s the database's row of the authority %s was not what the log says, and was put right",
				atTime(r.at), ca.Show(r.name)))
		}
	}
	s, err := p.layout.settings()
	if err != nil {
		return found // lookAtSettings says it
	}
	o := store.Options{DSN: s.Database, LogID: c.report.Log.String()}
	if o.DSN == "" {
		o.DSN = p.layout.database()
	}
	book, err := store.OpenAudit(ctx, o)
	if err != nil {
		return found // lookAtDatabase says it
	}
	defer book.Close() //nolint:errcheck // it was only read
	b, err := book.Book(ctx, c.report.LogNo)
	if err != nil {
		return append(found, illness("the authorities in the database cannot be read", err))
	}
	wrong := c.differing(b.Authorities, b.Mark)
	if len(wrong) > 0 { // a service may have gone on since the log was read
		p.record = chronicle{}
		if c = p.chronicle(ctx); c.err != nil {
			return append(found, unread("the authorities in the database")...)
		}
		wrong = c.differing(b.Authorities, b.Mark)
	}
	return append(found, wrong...)
}

// differing are the findings about rows: each says what the newest leaf below the mark
// says, or one above it, and each generation that was settled has one.
func (c *chronicle) differing(rows []ca.AuthorityRow, mark int64) (found []finding) {
	tell := func(name, what string) {
		found = append(found, failure("find out who can write in the database, and run the service, which puts right what it can: chancery audit verify",
			"the database's row of the authority %s is not what the log says, and is shown to nobody: %s", ca.Show(name), what))
	}
	for _, row := range rows {
		said := c.said[row.Name]
		for len(said) > 1 && said[1].leaf < mark {
			said = said[1:]
		}
		switch {
		case len(said) == 0:
			tell(row.Name, "the log has no authority of that name")
		case row.Fault != nil:
			tell(row.Name, row.Fault.Error())
		case !slices.ContainsFunc(said, func(s saying) bool { return row.Same(s.Authority) }):
			tell(row.Name, "its document is another")
		}
	}
	for _, a := range c.authorities {
		has := slices.ContainsFunc(rows, func(r ca.AuthorityRow) bool { return r.Name == a.Name })
		if !has && c.said[a.Name][0].leaf < mark {
			tell(a.Name, "it is missing")
		}
	}
	return found
}

// restores takes an event of the front, if it is that a row was put right.
func (c *chronicle) restores(e ca.EventBody, at time.Time) {
	if e.Kind == lifecycle.EventRestored {
		c.restored = append(c.restored, restoring{e.About, at})
	}
}
