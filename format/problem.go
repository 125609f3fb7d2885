// SPDX-License-Identifier: Apache-2.0

package format

import "chancery/ca"

// unreadable is E2501: damaged, or nothing we know.
func unreadable(detail, fix string) *ca.Problem { return ca.Invalid(ca.E2501, detail, fix) }

// copyAgain is the hint for a damaged file.
const copyAgain = "copy the file again from where it was made; binary files must not pass through an editor"

// damaged is E2501 for a file whose form is known.
func damaged(what string) *ca.Problem { return unreadable(what+" is damaged", copyAgain) }

// needsPassword is E2502.
func needsPassword(what string) *ca.Problem {
	return ca.Invalid(ca.E2502, what+" is encrypted, and no password was given", "give the password it was written with")
}

// wrongPassword is E2503.
func wrongPassword(what string) *ca.Problem {
	return ca.Invalid(ca.E2503, "the password does not open "+what, "try again with the password it was written with; if that is right, the file is damaged").
		Because("what the password decrypts is not what was encrypted, or its checksum differs")
}

// tooMuch is E2504: beyond a bound.
func tooMuch(detail, why string) *ca.Problem {
	return ca.Refused(ca.E2504, detail, "split the file, or write it again with its tool's default settings").Because(why)
}

// unfit is E2505: the writer's form cannot hold this.
func unfit(detail, fix string) *ca.Problem { return ca.Invalid(ca.E2505, detail, fix) }

// unsupported is E2506: a form that is known and not read.
func unsupported(detail, fix string) *ca.Problem { return ca.Invalid(ca.E2506, detail, fix) }
