// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"chancery/ca"
)

// A byFlag names the flag that says beforehand what a prompt would ask. Nothing is read from
// a terminal but for one: a script can say whatever a person can.
type byFlag string

const (
	byYes             byFlag = "yes"
	byConfirm         byFlag = "confirm" // what cannot be undone
	byPasswordFile    byFlag = "password-file"
	byRecoveryFile    byFlag = "recovery-file"
	byOwnRecoveryFile byFlag = "own-recovery-file"
	byNames           byFlag = "names"
	byOrg             byFlag = "org"
	byHostname        byFlag = "hostname"
	byRootSubject     byFlag = "root-subject"
	bySubject         byFlag = "subject"
)

// with is the flag as it is typed.
func (r byFlag) with(value string) string { return strings.TrimSpace("--" + string(r) + " " + value) }

// unless is the flag with what to type behind it, or nothing if it was given.
func (r byFlag) unless(given bool, value string) string {
	if given {
		return ""
	}
	return r.with(value)
}

// unlessFile is unless for a file with a secret, which the environment can name too.
func (a *app) unlessFile(r byFlag, path string) string {
	return r.unless(path != "" || a.env("CHANCERY_PASSWORD_FILE") != "", "FILE")
}

// unanswered refuses what would have to ask where nobody can be asked. A command that
// asks more than one thing calls it before the first: all flags are named at once.
func (a *app) unanswered(why string, flags ...string) error {
	flags = slices.DeleteFunc(flags, func(f string) bool { return f == "" })
	if a.interactive() || len(flags) == 0 {
		return nil
	}
	return usage(why+", and there is no terminal to ask at", "the same again with "+strings.Join(flags, " "))
}

// typeable is a word as a shell takes it for itself: bare, if nothing in it means more.
func typeable(word string) string {
	if word != "" && strings.Trim(strings.ToLower(word), "abcdefghijklmnopqrstuvwxyz0123456789.-_@:/+=,") == "" {
		return word
	}
	return ca.Show(word)
}
