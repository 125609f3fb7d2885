// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"
	"time"

	"chancery/ca"
)

// How many wrong challenge passwords a certificate takes (security rule KY-06; docs/adr/0021).
// None of these lets one stranger keep the owner from guessing right.
const (
	// ownGuesses are those of one account or address at once; one more comes every ownPause.
	ownGuesses = 5
	ownPause   = 12 * time.Minute
	// nearGuesses are those of all addresses of a network: a customer of a provider has as many
	// of IPv6 as he likes, and a rented machine neighbours of IPv4.
	nearGuesses = 15
	nearPause   = 4 * time.Minute
	// nearBits4 and nearBits6 are what such a network has in common.
	nearBits4, nearBits6 = 24, 48
	// allGuesses are those of all who have no account: what bounds a guesser with many networks.
	// He alone keeps the others from guessing, and not who has an account.
	allGuesses = 120
	allPause   = 30 * time.Second
)

// guesses counts wrong challenge passwords by who gave them and the name that was called,
// whether or not there is such a certificate: who guesses must not learn that.
type guesses struct {
	// strangers has room for the one guess that is made by somebody without an account, whose
	// memory is the price (policy.ChallengeKey), so that nobody gets ahead of what is counted
	// by guessing in parallel either. accounts has it for who has one: many strangers can keep
	// the other taken.
	strangers, accounts chan struct{}

	mu sync.Mutex
	// known is own for accounts: so many strangers can guess that some would share a cell.
	own, known, near, all budget
}

func newGuesses() *guesses {
	return &guesses{
		strangers: make(chan struct{}, 1),
		accounts:  make(chan struct{}, 1),
		own:       budget{most: ownGuesses, every: ownPause, seed: maphash.MakeSeed()},
		known:     budget{most: ownGuesses, every: ownPause, seed: maphash.MakeSeed()},
		near:      budget{most: nearGuesses, every: nearPause, seed: maphash.MakeSeed()},
		all:       budget{most: allGuesses, every: allPause, seed: maphash.MakeSeed()},
	}
}

// busy is where somebody's guess is made.
func (g *guesses) busy(who ca.Actor) chan struct{} {
	if who.Method == ca.MethodEvidence {
		return g.strangers
	}
	return g.accounts
}

// enter says whether somebody may guess at a name now. It reads nothing, so that whoever may
// not costs nothing.
func (g *guesses) enter(who ca.Actor, name string, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var wait time.Duration
	for _, c := range g.counted(who, name) {
		wait = max(wait, c.budget.wait(c.of, now))
	}
	if wait == 0 {
		return nil
	}
	minutes := (wait + time.Minute - 1) / time.Minute
	return ca.Busy(ca.E1307, "too many wrong passwords were given for this certificate", fmt.Sprintf(
		"wait %d minutes; or revoke it by its key (chancery revoke FILE --key KEY), by its account (chancery revoke NAME), or have a CA administrator do it", minutes))
}

// wrong counts a guess.
func (g *guesses) wrong(who ca.Actor, name string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.counted(who, name) {
		c.budget.spend(c.of, now)
	}
}

// A count is whose budget somebody's guess is taken from.
type count struct {
	budget *budget
	of     string
}

// counted are the budgets of a guess. Accounts have their own alone: what strangers do must
// not keep them out.
func (g *guesses) counted(who ca.Actor, name string) []count {
	own := who.ID + "\x00" + name
	if who.Method != ca.MethodEvidence {
		return []count{{&g.known, own}}
	}
	return []count{{&g.own, own}, {&g.near, around(who) + "\x00" + name}, {&g.all, name}}
}

// around is the wider network of a stranger's address.
func around(who ca.Actor) string {
	p, err := netip.ParsePrefix(strings.TrimPrefix(who.ID, ca.SourcePrefix))
	if err != nil {
		return "unknown"
	}
	bits := nearBits6
	if p.Addr().Is4() {
		bits = nearBits4
	}
	return netip.PrefixFrom(p.Addr(), bits).Masked().String()
}

// budgetCells are how many names a budget tells apart. Two that share a cell share what may be
// spent, and which do nobody can find out who does not know the seed. So memory is bounded, two
// megabytes each, without a table that strangers could fill: one guess takes so long
// (policy.ChallengeKey) that all that are made in an hour leave one or none in most cells.
const budgetCells = 1 << 18

// A budget counts tries by name: most at once, and one more every so often.
type budget struct {
	most  int
	every time.Duration
	seed  maphash.Seed
	// until is, by cell, the nanosecond in which nothing will be spent any more; nil before
	// anything was.
	until []int64
}

// wait is how long a name must wait; zero if it need not.
func (b *budget) wait(name string, now time.Time) time.Duration {
	if b.until == nil {
		return 0
	}
	return max(0, b.spent(b.cell(name), now)-time.Duration(b.most-1)*b.every)
}

// spend takes one from a name's budget.
func (b *budget) spend(name string, now time.Time) {
	if b.until == nil {
		b.until = make([]int64, budgetCells)
	}
	i := b.cell(name)
	b.until[i] = now.Add(b.spent(i, now) + b.every).UnixNano()
}

// spent is how long a cell takes to be whole again. It is never more than all: where the clock
// was set back, what was noted by the other time is cut.
func (b *budget) spent(cell uint64, now time.Time) time.Duration {
	whole := time.Duration(b.most) * b.every
	b.until[cell] = min(b.until[cell], now.Add(whole).UnixNano())
	return max(0, time.Duration(b.until[cell]-now.UnixNano()))
}

func (b *budget) cell(name string) uint64 { return maphash.String(b.seed, name) % budgetCells }
