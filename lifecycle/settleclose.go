// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"chancery/ca"
)

// close decides the intents that no leaf has closed: the row first, then the
// leaf, then the mark. If the process dies between two of them, the intent is
// still above the mark and is found as S05 or S06.
func (s *settling) close(ctx context.Context) (settled, error) {
	open := slices.SortedFunc(maps.Values(s.open), func(a, b intent) int { return cmp.Compare(a.record.Index, b.record.Index) })
	if err := s.decide(ctx, open); err != nil {
		return settled{}, err
	}
	done := settled{next: s.next, lowest: s.next}
	var acts []ca.Settlement
	for _, i := range open {
		row, ok, err := s.row(ctx, i)
		switch {
		case err != nil:
			return settled{}, err
		case !ok && !s.wentBack:
			return settled{}, contradiction{row: "S02", index: i.record.Index, what: "its id or its request belongs to another row"}
		case !ok: // S04 after the mark went back
			done.unknown = append(done.unknown, i)
			done.lowest = s.mark
		case row.Kind == ca.Void: // S06, and S04 by now
			acts = append(acts, ca.Settlement{Index: i.record.Index, Act: ca.SettleVoid})
		default: // S05
			acts = append(acts, ca.Settlement{Index: i.record.Index, Act: ca.SettleFinal, DER: row.DER})
		}
	}
	for _, index := range slices.Sorted(maps.Keys(s.taken)) {
		acts = append(acts, ca.Settlement{Index: index, Act: ca.SettleAbandoned})
	}
	for len(acts) > 0 {
		n := fits(acts)
		if err := s.log.Settle(ctx, acts[:n]); err != nil {
			return settled{}, refusal(acts[:n], err)
		}
		acts = acts[n:]
	}
	if done.lowest > s.mark {
		if err := s.commit(ctx, nil, done.lowest); err != nil {
			return settled{}, err
		}
	}
	return done, nil
}

// decide gives intents without a row theirs: a void row, or, after the mark went
// back, what an officer has said.
func (s *settling) decide(ctx context.Context, open []intent) error {
	if !s.wentBack {
		return s.voidRows(ctx, open)
	}
	var void []intent
	for _, i := range open {
		switch d, ok := s.decided[i.record.Index]; {
		case ok && d.Void:
			void = append(void, i)
		case ok:
			b, err := i.body()
			if err != nil {
				return err
			}
			if err := s.insert(ctx, []ca.Change{i.change(s.session.LogNo, b, d.DER)}); err != nil {
				return err
			}
		}
	}
	return s.voidRows(ctx, void)
}

// fits says how many of the settlements one call may carry, at least one.
func fits(acts []ca.Settlement) int {
	octets := 0
	for n, a := range acts {
		octets += wishOctets + len(a.DER)*4/3
		if n == maxGroup || n > 0 && octets > maxOctets {
			return n
		}
	}
	return len(acts)
}

// voidRows puts void rows in the places of intents that have none (S04). The
// look-up decides nothing: a COMMIT whose connection broke may still arrive.
// Only the unique key decides; if the certificate took it, that row is the answer.
func (s *settling) voidRows(ctx context.Context, open []intent) error {
	var missing []ca.Change
	for _, i := range open {
		_, ok, err := s.row(ctx, i)
		if err != nil {
			return err
		}
		if ok {
			continue
		}
		b, err := i.body()
		if err != nil {
			return err
		}
		missing = append(missing, i.change(s.session.LogNo, b, nil))
	}
	for group := range slices.Chunk(missing, maxGroup) {
		err := s.commit(ctx, group, s.mark)
		if !errors.Is(err, ca.ErrTaken) {
			if err != nil {
				return err
			}
			continue
		}
		for _, c := range group {
			if err := s.commit(ctx, []ca.Change{c}, s.mark); err != nil && !errors.Is(err, ca.ErrTaken) {
				return err
			}
		}
	}
	return nil
}

// refusal makes the signer's no to a settlement what it is: it knows of
// something that excludes what the book says.
func refusal(group []ca.Settlement, err error) error {
	var p *ca.Problem
	if errors.As(err, &p) && p.Code == ca.E1406 {
		return contradiction{row: "S13", index: group[0].Index, what: p.Detail}
	}
	return fmt.Errorf("settle %d intents: %w", len(group), err)
}
