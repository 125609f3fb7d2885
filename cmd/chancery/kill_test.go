// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chancery/client"
	"chancery/internal/pgtest"
)

const (
	// killCallers is how many clients are at the door when somebody dies.
	killCallers = 8
	// killDelay is the longest time between the first answer and the death.
	killDelay = 50 * time.Millisecond
	// killWait is when a test no longer waits for what must come by itself.
	killWait = time.Minute
)

// A death is who is killed, and what becomes of the rest.
type death struct {
	name string
	// roles are killed at once; "" is the parent.
	roles []string
	// stays says that the parent lives, and starts the dead again.
	stays bool
}

// deaths come in this order, from a random one on, so that each comes as often.
var deaths = []death{
	{"the parent", []string{""}, false},
	{"the front", []string{"front"}, true},
	{"the signer, and then the parent", []string{"signer", ""}, false},
	{"everybody", []string{"", "front", "signer"}, false},
	{"the signer", []string{"signer"}, true},
	{"the front, and then the parent", []string{"front", ""}, false},
}

// A tally counts over all installations of a test.
type tally struct {
	mu          sync.Mutex
	kills       map[string]int
	told, gone  int // certificates and revocations acknowledged
	met         map[string]int
	began       time.Time
	interrupted time.Duration // the longest from a death to the next answer
}

func newTally() *tally {
	return &tally{kills: map[string]int{}, met: map[string]int{}, began: time.Now()}
}

func (y *tally) add(do func(*tally)) {
	y.mu.Lock()
	defer y.mu.Unlock()
	do(y)
}

func (y *tally) String() string {
	text := func(of map[string]int) string {
		var all []string
		for _, k := range slices.Sorted(maps.Keys(of)) {
			all = append(all, fmt.Sprintf("%s %d", k, of[k]))
		}
		return strings.Join(all, "; ")
	}
	n := 0
	for _, k := range y.kills {
		n += k
	}
	return fmt.Sprintf("%d deaths in %.0f s (%s); %d certificates and %d revocations acknowledged; %.1f s at most from a death to the next answer; left behind: %s",
		n, time.Since(y.began).Seconds(), text(y.kills), y.told, y.gone, y.interrupted.Seconds(), text(y.met))
}

// A killing is an installation whose processes are killed, again and again.
type killing struct {
	hand
	coins   *rand.Rand
	callers []*caller
	tally   *tally
	service *watched // nil if none is running
	root    string   // file of the root
	// generations are those that have signed, the newest last.
	generations []string
	kept        [][]byte // checkpoints seen
	voids       int64    // VOID rows when it was last settled
	// listed is a certificate that was on the last list that was published.
	listed *held
}

// killings is how many deaths a test has, over so many installations.
func killings(usual, night int) int {
	if os.Getenv("CHANCERY_SOAK") == "1" {
		return night
	}
	return usual
}

// killSeed is the seed of all that is random in these tests.
func killSeed(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	if v := os.Getenv("CHANCERY_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("CHANCERY_SEED=%d", seed)
	return seed
}

// newKilling founds an installation; the variables are init's.
func newKilling(t *testing.T, y *tally, seed, n uint64, variables ...string) *killing {
	t.Helper()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	c := h.command(t.Context(), "init", "--names", "lab.example", "--recovery-file", h.file("words"))
	c.Env = append(c.Env, variables...)
	if s := h.runs(c); s.code != 0 {
		t.Fatal(s.err)
	}
	k := &killing{hand: h, coins: rand.New(rand.NewPCG(seed, n)), tally: y, generations: []string{"issuing-g1"}}
	k.root = h.write("root.pem", h.done("ca", "bundle").out)
	all, err := requests(64)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(killCallers) {
		k.callers = append(k.callers, &caller{name: fmt.Sprintf("caller-%d", i), coins: rand.New(rand.NewPCG(seed, n<<32|i+1)), requests: all})
	}
	t.Cleanup(func() { k.ends(syscall.SIGKILL) })
	return k
}

// round is one death under load, and what must be true after it.
func (k *killing) round(d death, patient bool) {
	k.t.Helper()
	k.begins()
	children := k.family()
	l := &load{served: make(chan struct{}), stays: d.stays}
	if !patient {
		close(l.served) // somebody dies while the service settles, or says its hello
		l.first.Store(true)
	}
	ctx, cancel := context.WithTimeout(k.t.Context(), killWait)
	defer cancel()
	served := k.calling(ctx, l)
	select {
	case <-l.served:
	case <-ctx.Done():
		k.t.Fatal("nobody was served within a minute")
	}
	<-time.After(time.Duration(k.coins.Int64N(int64(killDelay))))
	for _, role := range d.roles {
		k.kills(role, children)
	}
	died := time.Now()
	l.killed.Store(true)
	switch {
	case d.stays:
		if n := served(); n != killCallers {
			k.t.Errorf("%s died: %d of %d callers are served again", d.name, n, killCallers)
		}
	case d.name == "everybody":
		served()
		k.corpse(children)
		k.begins()
	default:
		// At once: what is left of the old service is ending meanwhile.
		k.begins()
		served()
		k.gone(children)
	}
	back := time.Since(died)
	k.holds()
	k.tally.add(func(y *tally) { y.kills[d.name]++; y.interrupted = max(y.interrupted, back) })
}

// calling lets all callers call. What it gives waits for them, and says how many of
// them were served at the end.
func (k *killing) calling(ctx context.Context, l *load) func() int {
	var all sync.WaitGroup
	served := make([]bool, len(k.callers))
	for i, c := range k.callers {
		all.Go(func() { served[i] = c.calls(ctx, k.dir, l) })
	}
	return func() (n int) {
		all.Wait()
		for _, yes := range served {
			if yes {
				n++
			}
		}
		return n
	}
}

// dies has so many deaths, and then kills everybody once more just after a list was
// published.
func (k *killing) dies(times int) {
	k.t.Helper()
	first := k.coins.IntN(len(deaths))
	for n := range times {
		k.round(deaths[(first+n)%len(deaths)], k.coins.IntN(4) > 0)
		if k.t.Failed() {
			k.t.FailNow()
		}
	}
	k.begins()
	children := k.family()
	k.repeats(k.t.Context(), true)
	if err := k.asked(k.t.Context(), func(s *client.Client) error { return k.publishes(k.t.Context(), s) }); err != nil {
		k.t.Error(err)
	}
	for _, role := range []string{"", "front", "signer"} {
		k.kills(role, children)
	}
	k.corpse(children)
	k.agrees()
	if k.listed == nil {
		k.t.Error("nothing was revoked")
	}
	k.counted()
}

// counted adds what all callers were told to the tally.
func (k *killing) counted() {
	k.tally.add(func(y *tally) {
		for _, c := range k.callers {
			y.told, y.gone = y.told+len(c.truth.told), y.gone+len(c.revoked)
		}
	})
}

// FT-02, R29: whoever is killed under load, nothing that was acknowledged is lost,
// nothing is signed twice, and nothing that was signed is unknown.
func TestFT02_KilledUnderLoadOnSQLite(t *testing.T) {
	t.Parallel()
	const installations = 6
	seed, y := killSeed(t), newTally()
	t.Cleanup(func() { t.Log(y) })
	for n := range uint64(installations) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			newKilling(t, y, seed, n).dies(killings(60, 300) / installations)
		})
	}
}

func TestFT02_KilledUnderLoadOnPostgreSQL(t *testing.T) {
	t.Parallel()
	const installations = 2
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	seed, y := killSeed(t), newTally()
	t.Cleanup(func() {
		t.Log(y)
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := sql.Open("pgx", server.DSN("template1"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(installations) {
		execute(t, admin, fmt.Sprintf("CREATE DATABASE book%d", n))
	}
	if err := admin.Close(); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(installations) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			newKilling(t, y, seed, 100+n, "CHANCERY_DATABASE="+server.DSN(fmt.Sprintf("book%d", n))).dies(killings(20, 100) / installations)
		})
	}
}
