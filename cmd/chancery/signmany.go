// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"chancery/ca"
	"chancery/client"
	"chancery/internal/csr"
	"chancery/internal/whole"
)

const (
	// groupOctets is where a call is full, whatever it carries: in base64 it stays below
	// what the service reads.
	groupOctets = 512 << 10
	// groupsAbreast is how many calls are under way at once: the service has work while
	// another answer is on its way.
	groupsAbreast = 4
	// maxDirFiles bounds a directory of requests.
	maxDirFiles = 100_000
)

// An asking is one request of many, or why it cannot be read.
type asking struct {
	line string
	der  []byte
	err  error
}

// asked reads what stands in a file.
func asked(line string, content []byte) asking {
	der, err := csr.Decode(content)
	return asking{line, der, err}
}

// fromFiles reads requests of one file each.
func (a *app) fromFiles(paths []string) iter.Seq[asking] {
	return func(yield func(asking) bool) {
		for _, path := range paths {
			content, err := a.readInput(path)
			one := asking{line: path, err: err}
			if err == nil {
				one = asked(path, content)
			}
			if !yield(one) {
				return
			}
		}
	}
}

// inDirectory are the files of a directory that are named like requests.
func inDirectory(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	defer d.Close()
	entries, err := d.ReadDir(maxDirFiles + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, unreadable(dir, err)
	}
	var paths []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.Type().IsRegular() && slices.Contains([]string{".csr", ".req", ".p10"}, ext) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(paths)
	switch {
	case len(entries) > maxDirFiles:
		return nil, usage(fmt.Sprintf("%s has more than %d files", dir, maxDirFiles), "put the requests into one file: chancery sign --batch FILE")
	case len(paths) == 0:
		return nil, usage(dir+" holds no request", "name the files .csr, .req or .p10")
	}
	return paths, nil
}

// requestsIn is how many requests a file seems to have, for the time that is left; 0 for
// what cannot be read twice.
func requestsIn(path string) (n int64) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return 0
	}
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close() //nolint:errcheck // it was only read
	for lines := bufio.NewReaderSize(f, 64<<10); ; {
		line, err := lines.ReadSlice('\n')
		if bytes.HasPrefix(line, []byte("-----BEGIN ")) {
			n++
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return n
		}
	}
}

// fromStream reads requests in PEM one after another. Text between them is passed over.
func fromStream(in io.Reader) iter.Seq[asking] {
	return func(yield func(asking) bool) {
		var block bytes.Buffer
		n := 0
		lines := bufio.NewReaderSize(in, 64<<10)
		give := func(err error) bool {
			n++
			one := asking{line: fmt.Sprintf("request %d", n), err: err}
			if err == nil {
				one = asked(one.line, block.Bytes())
			}
			block.Reset()
			return yield(one)
		}
		for {
			line, err := lines.ReadSlice('\n')
			begins := bytes.HasPrefix(line, []byte("-----BEGIN "))
			switch {
			case begins && block.Len() > 0: // the one before has no end
				if !give(nil) {
					return
				}
				block.Write(line)
			case begins || block.Len() > 0:
				block.Write(line)
			}
			if block.Len() > csr.MaxFile || bytes.HasPrefix(line, []byte("-----END ")) && block.Len() > 0 {
				if !give(nil) {
					return
				}
			}
			switch {
			case err == nil || errors.Is(err, bufio.ErrBufferFull):
			case errors.Is(err, io.EOF):
				if block.Len() > 0 {
					give(nil)
				}
				return
			default:
				give(unreadable("the requests", err))
				return
			}
		}
	}
}

// Askings are what one call asks for.
type askings struct {
	all  []asking
	done chan []outcome
}

// signMany signs requests without end: some calls are under way, and their lines are
// written in order as the answers come, so that memory stays bounded. The same requests again give the
// same certificates for a day. Somebody who stops it gets the lines of all that was asked for.
func (a *app) signMany(ctx context.Context, q signing, source iter.Seq[asking], total int64) error {
	if form := a.form(); form != "" && form != asLines || a.jq != "" || len(a.fields) > 0 {
		return usage("many requests are answered line by line", "chancery sign … -o jsonl")
	}
	if q.out == "" && !q.dry && !a.quiet && a.form() != asLines {
		return usage("many certificates need a place", "name a directory: --out certs/; or have each in its line: -o jsonl")
	}
	good, bad := 0, 0
	distinct := map[string]bool{}
	deed := context.WithoutCancel(ctx)
	err := a.with(deed, func(_ context.Context, k *client.Client) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		p := a.progress(task{what: "sign", of: "requests were answered, each above; the same again goes on", total: total, hidden: a.shown()})
		defer p.end(ctx)
		groups := begun(ctx, source, func(all []asking) []outcome { return a.signGroup(deed, k, q, all) })
		for g := range groups {
			for _, o := range <-g.done {
				if o.OK {
					good++
					if len(distinct) <= maxRows { // beyond that nobody counts: memory stays bounded
						distinct[o.Certificate] = true
					}
				} else {
					bad++
				}
				if err := a.oneLine(o); err != nil {
					return err
				}
				p.add(1)
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	what := "certified"
	if q.dry {
		what = "would be certified"
	}
	if good+bad == 0 {
		return ca.Invalid(ca.E2203, "there came no request", "chancery sign --batch FILE, with requests in PEM")
	}
	fmt.Fprintf(a.err, "%d out of %d %s%s\n", good, good+bad, what, sameAgain(good, len(distinct), q.dry))
	if bad > 0 {
		return errFaults
	}
	return nil
}

// sameAgain says how many certificates so many answers are, if the same request came twice.
func sameAgain(answers, certificates int, dry bool) string {
	if dry || certificates > maxRows || certificates == answers {
		return ""
	}
	return fmt.Sprintf(": %s, as %d had been made for the same request", counted(certificates, "certificate"), answers-certificates)
}

// begun starts some calls at once, and none any more when ctx has ended: those that were
// started come out all the same. A source that stays silent is left behind.
func begun(ctx context.Context, source iter.Seq[asking], call func([]asking) []outcome) <-chan askings {
	parts, groups := make(chan []asking), make(chan askings, groupsAbreast)
	go func() {
		defer close(parts)
		for all := range grouped(source) {
			select {
			case parts <- all:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		defer close(groups)
		for {
			select {
			case <-ctx.Done():
				return
			case all, more := <-parts:
				if !more {
					return
				}
				g := askings{all, make(chan []outcome, 1)}
				groups <- g
				go func() { g.done <- call(g.all) }()
			}
		}
	}()
	return groups
}

// oneLine writes one line of the answer.
func (a *app) oneLine(o outcome) error {
	switch {
	case a.quiet && !o.OK:
		return nil
	case a.quiet:
		return a.write([]byte(o.Certificate + "\n"))
	case a.form() == asLines:
		b, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
		return a.write(append(b, '\n'))
	}
	return a.tell(fitted(o.tell(a), columnsOf(a.out)))
}

// grouped gathers requests into what one call carries.
func grouped(source iter.Seq[asking]) iter.Seq[[]asking] {
	return func(yield func([]asking) bool) {
		var all []asking
		octets := 0
		for one := range source {
			if len(all) > 0 && (len(all) == client.MaxBatch || octets+len(one.der) > groupOctets) {
				if !yield(all) {
					return
				}
				all, octets = nil, 0
			}
			all, octets = append(all, one), octets+len(one.der)+512
		}
		if len(all) > 0 {
			yield(all)
		}
	}
}

// signGroup has a group signed, and writes the files of what came of it.
func (a *app) signGroup(ctx context.Context, k *client.Client, q signing, all []asking) []outcome {
	out := make([]outcome, len(all))
	var orders []client.Order
	var places []int
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %d", q.Profile, q.Authority, q.Days)
	for i, one := range all {
		if one.err != nil {
			out[i] = went(one.line, ca.Certificate{}, one.err)
			continue
		}
		o := q.Order
		o.CSR = one.der
		orders, places = append(orders, o), append(places, i)
		fmt.Fprintf(h, " %x", sha256.Sum256(one.der))
	}
	if len(orders) == 0 {
		return out
	}
	results, err := k.IssueMany(ctx, orders, fmt.Sprintf("many-%x", h.Sum(nil)), q.dry)
	for n, i := range places {
		switch {
		case err != nil:
			out[i] = went(all[i].line, ca.Certificate{}, err)
		case n >= len(results):
			out[i] = went(all[i].line, ca.Certificate{}, errors.New("the service gave no answer to it"))
		case results[n].Problem != nil:
			out[i] = went(all[i].line, ca.Certificate{}, results[n].Problem)
		case results[n].Issued == nil:
			out[i] = outcome{Line: all[i].line, OK: results[n].Plan != nil, Detail: "would be signed"}
		default:
			out[i] = went(all[i].line, results[n].Issued.Certificate, a.keep(q, all[i].line, *results[n].Issued))
			if q.out == "" {
				out[i].Chain = chainText(*results[n].Issued)
			}
		}
	}
	return out
}

// keep writes a certificate with its chain into the directory of --out, under the name of
// its request's file. One that is there already is as it should be, or somebody else's.
func (a *app) keep(q signing, line string, i ca.Issued) error {
	if q.out == "" {
		return nil
	}
	base := i.Certificate.PublicName()
	if ext := filepath.Ext(line); ext != "" {
		base = strings.TrimSuffix(filepath.Base(line), ext)
	}
	path := filepath.Join(q.out, base+".pem")
	err := whole.Write(path, 0o644, []byte(chainText(i)))
	if have, again := os.ReadFile(path); errors.Is(err, fs.ErrExist) && again == nil && string(have) == chainText(i) {
		return nil
	}
	if err != nil {
		return taken(path, "--out", err)
	}
	return nil
}
