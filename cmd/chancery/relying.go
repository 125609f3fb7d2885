// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"chancery/ca"
	"chancery/internal/whole"
)

// maxRelying bounds the hosts that one rollover waits for, and the file that names them.
const maxRelying = 10_000

// A relying is who must have the new bundle before a successor is activated, by the name
// of the generation that is followed: each host, and whether somebody said that it has it.
// Nobody else can know: the file is a list to be ticked off.
type relying map[string]map[string]bool

func (l layout) relying() string { return filepath.Join(l.front(), "relying.json") }

func (l layout) readRelying() (relying, error) {
	r := relying{}
	body, err := os.ReadFile(l.relying())
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err != nil {
		return nil, ca.Invalid(ca.E1102, l.relying()+" cannot be read", "mend it, or remove it: it has the hosts of --expects and --mark").Because(err.Error())
	}
	return r, nil
}

// writeRelying puts the new file in place of the old one in one step.
func (l layout) writeRelying(r relying) error {
	body, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the relying parties: %w", err)
	}
	if err := whole.Put(l.relying(), fileMode, append(body, '\n')); err != nil {
		return unwritable(l.relying(), err)
	}
	return nil
}

// ticked adds the hosts that a rollover waits for, and ticks off those that have the
// bundle. A host that was not expected is a slip of the hand.
func (r relying) ticked(name string, expects, marked []string) error {
	hosts := r[name]
	if hosts == nil {
		hosts = map[string]bool{}
	}
	for _, h := range expects {
		if _, is := hosts[h]; !is {
			hosts[h] = false
		}
	}
	if len(hosts) > maxRelying {
		return usage(fmt.Sprintf("a rollover waits for at most %d hosts", maxRelying), "name groups of them")
	}
	for _, h := range marked {
		if _, is := hosts[h]; !is {
			return usage(ca.Show(h)+" is none of the hosts that are expected", "chancery ca rollover "+name+" --expects "+h)
		}
		hosts[h] = true
	}
	if r[name] = hosts; len(hosts) == 0 {
		delete(r, name)
	}
	return nil
}

// missing are the hosts that nobody ticked off.
func (r relying) missing(name string) (hosts []string) {
	for _, h := range slices.Sorted(maps.Keys(r[name])) {
		if !r[name][h] {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// lacking refuses to activate a successor while hosts are missing, unless as many were
// accepted by number: whoever counted them knows of them.
func (r relying) lacking(name string, accepted int) error {
	missing := r.missing(name)
	switch {
	case len(missing) == accepted:
		return nil
	case len(missing) < accepted:
		return usage(fmt.Sprintf("--accept-missing %d is more than lack the bundle: %d", accepted, len(missing)), "look who does, and say how many: chancery ca rollover "+name)
	}
	return ca.Refused(ca.E2603, fmt.Sprintf("%s of %d that were named lack the bundle: %s", counted(len(missing), "host"), len(r[name]), short(missing)),
		fmt.Sprintf("chancery ca rollover %s --mark HOST for each that has it, or --activate --accept-missing %d", name, len(missing))).
		Because("activating now would lock clients with new certificates out of them")
}

// short names the first of many.
func short(names []string) string {
	if len(names) > maxListed {
		return strings.Join(names[:maxListed], ", ") + fmt.Sprintf(" and %d more", len(names)-maxListed)
	}
	return strings.Join(names, ", ")
}
