// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"chancery/ca"
	"chancery/client"
)

// maxAlike is how many certificates of one title a directory gets in a day: what wants more
// names has each refused, since the last one is taken.
const maxAlike = 1000

// besideOthers tells whether a file is one of a directory with each form.
func besideOthers(path string) bool {
	return slices.Contains([]string{"cert.pem", "fullchain.pem", "key-cert.pem"}, filepath.Base(path))
}

// stemOf says how the names of new files begin. That of a renewal which was cut off goes on:
// its key is there, and the certificate is not, which may have been signed. The service has a
// newer one then, and whoever believed it would be left without. Those of used go to others.
func (a *app) stemOf(path string, c ca.Certificate, used map[string]bool) (stem string, begun bool) {
	dir, key, certificate := filepath.Dir(path), ".key", ".pem"
	if besideOthers(path) {
		dir, key, certificate = filepath.Dir(dir), "/key.pem", "/cert.pem"
	}
	name := strings.Replace(filepath.Base(c.Title()), "*", "_", 1) + "-"
	entries, err := os.ReadDir(dir)
	if err != nil {
		entries = nil // then nothing can be made there either, which is said later
	}
	for _, e := range slices.Backward(entries) {
		day, named := strings.CutPrefix(strings.TrimSuffix(e.Name(), key), name)
		stem := filepath.Join(dir, name+day)
		if !named || !isNumberedDay(day) || used[stem] {
			continue
		}
		_, isKey := os.Lstat(stem + key)
		if _, err := os.Lstat(stem + certificate); isKey == nil && errors.Is(err, fs.ErrNotExist) {
			return stem, true
		}
	}
	return filepath.Join(dir, name+onDay(a.now())), false
}

// isNumberedDay knows what stands behind the title: a day, or a day and the number of one more.
func isNumberedDay(text string) bool {
	at := min(len(text), dayLength)
	day, number := text[:at], text[at:]
	if digits, is := strings.CutPrefix(number, "-"); is {
		n, err := strconv.Atoi(digits)
		return err == nil && n > 1 && isDay(day)
	}
	return number == "" && isDay(day)
}

// freeStem is a stem, with a number if another certificate of the same title has the name: one
// that is renewed now, or was today. What the same title, profile and owner have there is taken
// for the renewal of this one, and stays in the way: whatever is due for ever, such as what
// lives as long as its authority, is not renewed at each run of a timer.
func freeStem(ctx context.Context, k *client.Client, stem string, one overdue, used map[string]bool) string {
	certificate := ".pem"
	if besideOthers(one.path) {
		certificate = "/cert.pem"
	}
	ofAnother := func(path string) bool {
		if certificateIn(path) == nil {
			return false
		}
		there, err := theOne(ctx, k, path, "chancery ca renew")
		return err == nil && (there.Profile != one.Profile || there.Owner != one.Owner)
	}
	free := stem
	for n := 2; n <= maxAlike && (used[free] || ofAnother(free+certificate)); n++ {
		free = fmt.Sprintf("%s-%d", stem, n)
	}
	return free
}
