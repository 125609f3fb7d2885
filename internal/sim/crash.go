// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// sector is how many octets reach the disk as one. Real sectors have 512 at
// least; fewer tear the small writes of tests in more ways.
const sector = 64

// A Choice says what of the unsynced reaches the disk before the power is cut.
type Choice struct {
	// Keep of 256 is the chance of each sector, new length and naming: 0 keeps none
	// of them, 256 all.
	Keep uint64
	// Stale has lost sectors in newly taken space hold what an older file left
	// there; else they are zeros, or not there.
	Stale bool
	Seed  uint64
}

// Kill gives the disk as the next process sees it after this one has died and the
// machine lives on: the page cache is there, and so is its debt. The disk it is
// called on stays as it is, so that several ends of one moment can be tried.
func (d *Disk) Kill(plan Plan) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	out, _ := d.copied(plan)
	return out
}

// copied gives a copy, and which file became which. Open files without a name are
// copied only as far as somebody has named them before. The caller holds mu.
func (d *Disk) copied(plan Plan) (*Disk, map[*inode]*inode) {
	out := &Disk{plan: plan, folders: map[string]*folder{}, waste: d.waste[:len(d.waste):len(d.waste)]}
	copies := map[*inode]*inode{nil: nil}
	clone := func(n *inode) *inode {
		if _, ok := copies[n]; !ok {
			copies[n] = &inode{now: n.now.clone(), stable: n.stable.clone(), debt: n.debt[:len(n.debt):len(n.debt)]}
		}
		return copies[n]
	}
	names := func(in map[string]*inode) map[string]*inode {
		m := make(map[string]*inode, len(in))
		for name, n := range in {
			m[name] = clone(n)
		}
		return m
	}
	for dir, f := range d.folders {
		g := &folder{now: names(f.now), stable: names(f.stable)}
		for _, n := range f.debt {
			g.debt = append(g.debt, names(n))
		}
		out.folders[dir] = g
	}
	return out, copies
}

// Cut gives the disk as the next process sees it after the power was cut. The
// disk it is called on stays as it is.
func (d *Disk) Cut(c Choice, plan Plan) *Disk {
	out := d.Kill(plan)
	coins := rand.New(rand.NewPCG(c.Seed, c.Keep))
	kept := func() bool { return coins.Uint64N(256) < c.Keep }
	cut := map[*inode]bool{}
	for _, dir := range folders {
		f := out.folders[dir]
		for _, n := range f.debt {
			if !kept() {
				continue
			}
			for _, name := range sorted(n) {
				if n[name] == nil {
					delete(f.stable, name)
				} else {
					f.stable[name] = n[name]
				}
			}
		}
		f.debt, f.now = nil, map[string]*inode{}
		for _, name := range sorted(f.stable) {
			n := f.stable[name]
			f.now[name] = n
			if !cut[n] { // after a torn rename a file may have two names
				var old *content
				if c.Stale {
					old = out.left(name, coins)
				}
				n.cut(kept, old)
				cut[n] = true
			}
		}
	}
	return out
}

// left draws what an older file left in the space of a new one: mostly one of the
// same name, as disks give out again what was given back last.
func (d *Disk) left(name string, coins *rand.Rand) *content {
	same := slices.DeleteFunc(slices.Clone(d.waste), func(w wasted) bool { return w.name != name })
	if len(same) == 0 || coins.Uint64N(4) == 0 {
		same = d.waste
	}
	if len(same) == 0 {
		return nil
	}
	return &same[coins.IntN(len(same))].content
}

// cut leaves of a file what is on the disk and what of its debt is kept. Where a
// sector of new space is lost, old says what stands there; nil are zeros.
func (n *inode) cut(kept func() bool, old *content) {
	before, written := n.stable.clone(), map[int64]bool{}
	for _, c := range n.debt {
		if c.data == nil {
			if kept() {
				c.on(&n.stable)
			}
			continue
		}
		for rest := c; len(rest.data) > 0; {
			step := min(sector-rest.at%sector, int64(len(rest.data)))
			switch place := rest.at / sector; {
			case kept():
				change{at: rest.at, data: rest.data[:step]}.on(&n.stable)
				written[place] = true
			case old != nil && before.fresh(rest.at) && !written[place]:
				change{at: rest.at, data: old.around(rest.at, step)}.on(&n.stable)
			}
			rest = change{at: rest.at + step, data: rest.data[step:]}
		}
	}
	n.now, n.debt = n.stable.clone(), nil
}

// Save writes the files as a process sees them to a directory of the operating
// system, for whoever wants to look at an image.
func (d *Disk) Save(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return err
		}
		for name, n := range d.folders[folder].now {
			b := make([]byte, n.now.size)
			n.now.read(b, 0)
			if err := os.WriteFile(filepath.Join(dir, folder, name), b, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}
