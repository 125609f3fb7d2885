// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/itchyny/gojq"

	"chancery/ca"
)

// question makes a program of --jq. It sees the answer alone: neither variables of
// the environment nor files.
func question(expression string) (*gojq.Code, error) {
	parsed, err := gojq.Parse(expression)
	if err != nil {
		return nil, usage("--jq "+ca.Show(expression)+" is no expression of jq", "such as chancery list --jq '.items[].serial'").Because(err.Error())
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		return nil, usage("--jq "+ca.Show(expression)+" cannot be carried out", "such as chancery list --jq '.items[].serial'").Because(err.Error())
	}
	return code, nil
}

// giveAsked writes what --jq makes of an answer as JSON: texts bare, as shells want
// them, all else as JSON in a line each.
func (a *app) giveAsked(body []byte) error {
	code, err := question(a.jq)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // serial numbers of lists would lose digits as floats
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	for results := code.Run(v); ; {
		result, more := results.Next()
		if !more {
			return nil
		}
		if fault, is := result.(error); is {
			var halt *gojq.HaltError
			if errors.As(fault, &halt) && halt.Value() == nil { // the expression ends itself: halt
				return nil
			}
			return usage("--jq "+ca.Show(a.jq)+" does not fit this answer", "look at it first: chancery … -o json").Because(fault.Error())
		}
		if text, is := result.(string); is {
			err = a.write([]byte(text + "\n"))
		} else if line, fault := gojq.Marshal(result); fault != nil {
			err = fault
		} else {
			err = a.write(append(line, '\n'))
		}
		if err != nil {
			return err
		}
	}
}
