// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"errors"
	"fmt"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// second is the generation that a ceremony makes.
const second = "issuing-g2"

// ceremony makes a second generation, has it sign, and renews the first.
func (w *world) ceremony() error {
	if err := w.creates(); err != nil {
		return err
	}
	if err := w.activates(); err != nil {
		return err
	}
	renewed, err := w.Signer.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 1900, Words: w.site.words})
	return w.answered(err, renewed.Authority)
}

func (w *world) creates() error {
	made, err := w.Signer.Create(signer.Creation{
		Generation: signer.Generation{
			Name: second, Line: "issuing", Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "Lab Issuing G2"}},
			KeyType: "ecdsa-p256", Days: 1500, Use: []string{"server", "client"},
		},
		Kind: ca.Issuing, Parent: "root-g1", PKI: "http://ca.lab.example:8080", Words: w.site.words,
	})
	return w.answered(err, made.Authority)
}

func (w *world) activates() error {
	turned, err := w.Signer.Turn(signer.Turn{Authority: second, To: ca.Active})
	return w.answered(err, turned.Authorities...)
}

// answered writes down what a step of a ceremony answered. A checkpoint is shown over
// it before the next one, so that two runs make the same calls in the same order.
func (w *world) answered(err error, made ...ca.Authority) error {
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.ledger.made = append(w.ledger.made, made...)
	w.mu.Unlock()
	all, err := w.Signer.Leaves(0) // which waits for a checkpoint that is on its way
	if err != nil || w.shows(len(all)) {
		return err
	}
	w.step()
	_, err = w.Signer.Leaves(0)
	w.quiet(err)
	return err
}

// shows tells whether the newest checkpoint is over so many leaves.
func (w *world) shows(leaves int) bool {
	paper, err := read(w.disk, "state/checkpoint")
	if err != nil {
		return false
	}
	c, err := audit.ParseCheckpoint(paper, w.site.log, w.site.logKey)
	return err == nil && c.Size == int64(leaves)
}

// secondStands gives the site a second generation that waits to be activated.
func (s *site) secondStands(t *testing.T) {
	t.Helper()
	disk := s.disk.Kill(nil)
	w, err := s.open(disk, ledger{at: s.began}, start{gate: true, ceremony: (*world).creates})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.settled(), w.stop()); err != nil {
		t.Fatal(err)
	}
	disk.Watch(nil)
	s.disk, s.keys, s.began = disk, w.ledger.ring, w.now()
	s.responders(t, 2)
}

// signedBy refuses a new certificate of another generation than the one of which
// people were told that it signs.
func (l ledger) signedBy(authority string) error {
	for _, made := range l.made {
		if made.State == ca.Active && made.Name != authority {
			return fmt.Errorf("%s is active, and %s signed", made.Name, authority)
		}
	}
	return nil
}
