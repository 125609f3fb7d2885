// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"testing"
	"testing/synctest"

	"chancery/ca"
	"chancery/policy"
)

// A rival is another front on the same book: it has a row committed at the worst moment.
type rival struct {
	*world
	row     ca.Certificate
	atSign  bool // once, when the signer is called; its session is closed by that
	outruns ca.RequestID
}

// enters commits the rival's row.
func (v *rival) enters() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rows = append(v.rows, v.row)
}

func (v *rival) Sign(ctx context.Context, drafts []policy.Cleared) ([]ca.Answer, error) {
	if v.atSign && len(drafts) > 0 {
		v.atSign = false
		v.enters()
		return nil, ca.Conflict(ca.E1402, "this session was closed", "")
	}
	return v.world.Sign(ctx, drafts)
}

// Commit says as the store does that another node was first.
func (v *rival) Commit(ctx context.Context, changes []ca.Change, next int64) ([]ca.RequestID, error) {
	first := false
	for _, c := range changes {
		first = first || c.Request != nil && c.Request.ID == v.outruns
	}
	if first {
		v.enters()
	}
	lost, err := v.world.Commit(ctx, changes, next)
	if first && err == nil {
		lost = append(lost, v.outruns)
	}
	return lost, err
}

// besides runs a registrar of a profile with the word of unique beside a rival.
func besides(v *rival, word string) (*Registrar, func()) {
	p := profile()
	p.Subject.CommonName, p.Unique = "supplied", word
	ctx, cancel := context.WithCancel(context.Background())
	r := v.registrar()
	r.o.Book, r.o.Issuer = v, v
	r.o.Bundle = func([]byte) (map[string]ca.Profile, error) { return map[string]ca.Profile{"server": p}, nil }
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return r, func() { cancel(); <-ended }
}

// R67, PF-07: whoever is outrun by another node is refused for the reason that he would have
// been refused for before, and the certificate that was signed already is revoked; nobody was
// given it. What waited while another front had the signer is not sent at all.
func TestR67_WhoIsOutrunByAnotherNodeIsRefused(t *testing.T) {
	const me, them = "uid:1000", "uid:1001"
	for _, c := range []struct {
		name   string
		key    byte
		cn     string
		atSign bool
		want   ca.Code
	}{
		{"the key, when it is committed", 1, "other", false, ca.E2210},
		{"the name, when it is committed", 9, "nas", false, ca.E2125},
		{"the key, while it waits for the signer", 1, "other", true, ca.E2210},
		{"the name, while it waits for the signer", 9, "nas", true, ca.E2125},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				v := &rival{world: w, atSign: c.atSign, row: ca.Certificate{
					ID: ca.NewID(2, 7), Kind: ca.EndEntity, IssuerKey: w.line.Key, Serial: "41aa", Authority: "issuing-g1", Profile: "server", Owner: them,
					Common: c.cn, Names: []ca.Name{{Type: ca.DNS, Value: c.cn + ".lab.example"}}, Key: ca.Digest{c.key}, NotAfter: w.line.NotAfter, DER: w.line.Certificate,
				}}
				q, read := of(1, me, "nas", 1, "nas")
				if !c.atSign {
					v.outruns = q.ID
				}
				r, stop := besides(v, policy.UniqueName)
				defer stop()
				if _, err := r.Submit(t.Context(), q, read); code(err) != c.want {
					t.Errorf("it gets %v, want %s", err, c.want)
				}
				synctest.Wait()
				w.mu.Lock()
				defer w.mu.Unlock()
				mine := 0
				for _, row := range w.rows {
					if row.Owner == me && row.Kind == ca.EndEntity {
						mine++
						if row.Revoked == nil || row.Revoked.Reason != ca.Superseded {
							t.Errorf("its certificate stands: %+v", row.Revoked)
						}
					}
				}
				if want := map[bool]int{true: 0, false: 1}[c.atSign]; mine != want {
					t.Errorf("%d certificates were signed, want %d", mine, want)
				}
			})
		})
	}
}
