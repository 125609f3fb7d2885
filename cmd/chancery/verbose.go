// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

// maxTraced is how much of a body --debug shows.
const maxTraced = 4096

// verbosity has the calls of a command told on stderr: -vv each of them, --debug with
// its bodies.
func (a *app) verbosity(c *cobra.Command) {
	if a.verbose < 2 && !a.debug {
		return
	}
	c.SetContext(client.WithTrace(c.Context(), func(e client.Exchange) {
		fmt.Fprintf(a.err, "call: %s %s: %d\n", e.Method, ca.Show(e.Path), e.Status)
		if !a.debug {
			return
		}
		for _, one := range []struct {
			what string
			body []byte
		}{{"sent", e.Sent}, {"got", e.Got}} {
			if len(one.body) > 0 {
				fmt.Fprintf(a.err, "  %s: %s\n", one.what, one.body[:min(len(one.body), maxTraced)])
			}
		}
	}))
}

// explain says with -v what a command does that nobody sees.
func (a *app) explain(format string, values ...any) {
	if a.verbose > 0 || a.debug {
		a.note(format, values...)
	}
}

// note says what is worth knowing besides the answer, in lines that fit, as errors do.
func (a *app) note(format string, values ...any) {
	fmt.Fprint(a.err, fitted("note: "+fmt.Sprintf(format, values...)+"\n", columnsOf(a.err)))
}
