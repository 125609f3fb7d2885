// SPDX-License-Identifier: Apache-2.0

// Command zlint reads certificates in PEM from standard input and prints what zlint says
// against them: a line for each finding of level error or fatal, with the lint's name, its
// details and the certificate's serial number, and at the end how many were read. It is for
// tests, in a module of its own so that the program does not depend on what it needs.
//
// The sources are those that hold for everybody, RFC 5280, RFC 5480 and the community's. Rules
// for public authorities are left out: a private one certifies names that no public one may.
package main

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, to io.Writer) error {
	registry, err := lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: lint.SourceList{lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.Community}})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(to)
	all, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	n := 0
	for block, rest := pem.Decode(bytes.TrimSpace(all)); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("certificate %d: %w", n, err)
		}
		n++
		for name, r := range zlint.LintCertificateEx(c, registry).Results {
			if r.Status >= lint.Error {
				fmt.Fprintf(out, "%s %s: %s (serial %x)\n", r.Status, name, r.Details, c.SerialNumber)
			}
		}
	}
	fmt.Fprintf(out, "%d certificates, %d lints\n", n, len(registry.Names()))
	return out.Flush()
}
