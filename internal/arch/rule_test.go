// SPDX-License-Identifier: Apache-2.0

package arch

// module is the path that our own import paths begin with.
const module = "chancery"

// anything, as an entry of may, lets a package see all others.
const anything = "*"

// may says which of our packages each package may import, tests apart. A package
// that is not listed is forbidden altogether; see docs/adr/0002-import-rule.md.
var may = map[string]string{
	"ca": "",

	"policy": "ca",
	"access": "ca",
	"audit":  "ca",
	"encode": "ca",
	"check":  "ca",

	"format": "ca",

	"feed":        "ca",
	"feed/verify": "", // copied by others: it stands alone

	"lifecycle": "ca policy access audit",

	"signer":         "ca policy audit encode check feed internal/csr signer/journal signer/softkey",
	"signer/journal": "audit",
	"signer/softkey": "ca",
	"signer/wire":    "ca policy audit signer",
	"store":          "ca audit",
	"status":         "ca encode feed feed/verify format internal/ocsp",
	"listen":         "ca internal/csr internal/respond",
	"verify":         "ca",
	"web":            "ca format internal/respond",
	"trust":          "ca",
	"config":         "ca",
	"api":            "ca format internal/csr internal/respond",
	"client":         "ca",

	"internal/crash":     "",
	"internal/arch":      "",
	"internal/csr":       "ca",
	"internal/lab":       "ca config internal/csr lifecycle policy signer signer/softkey",
	"internal/load":      "",
	"internal/nearest":   "",
	"internal/ocsp":      "ca",
	"internal/socket":    "",
	"internal/faults":    "",
	"internal/fronts":    "internal/pgtest",
	"internal/hierarchy": "ca encode",
	"internal/pgtest":    "",
	"internal/respond":   "ca",
	"internal/sim":       "signer/journal",
	"internal/sim/vfs":   "internal/sim signer/journal store",
	"internal/strict":    "",
	"internal/verifyall": "audit ca",
	"internal/whole":     "",

	"cmd/chancery": anything,
}

// everybodys are packages that all may import beside what may says: they know
// nothing of ours, and a second reader of JSON would be a second opinion.
var everybodys = []string{"internal/faults", "internal/nearest", "internal/socket", "internal/strict", "internal/whole"}

// testsOnly are packages that no program may import, cmd/chancery included: a disk
// that crashes and servers to throw away must not be a flag away from an operator.
var testsOnly = []string{"internal/fronts", "internal/hierarchy", "internal/lab", "internal/load", "internal/pgtest", "internal/sim", "internal/sim/vfs", "internal/verifyall"}

// notDirectly lists import paths that a package must not name itself; a path
// covers those below it, except where it has its own line in but. What ca uses
// reaches os in the end, as everything does, so this is not about reach.
var notDirectly = map[string]struct{ paths, but []string }{
	"ca": {
		paths: []string{"context", "database", "log", "net", "os", "syscall", "testing"},
		but:   []string{"net/netip", "net/url"}, // parse and print, and open nothing
	},
	"feed":        {paths: []string{"context", "database", "log", "net", "os", "syscall", "testing"}},
	"feed/verify": {paths: []string{"context", "database", "log", "net", "os", "syscall", "testing"}},
}

// notEvenThroughOthers lists what a package must not reach by any road: a parser
// of requests, queries or pages beside the keys is a way in to them.
var notEvenThroughOthers = map[string][]string{
	"signer":         {"net/http", "database/sql", "html/template"},
	"signer/journal": {"net/http", "database/sql", "html/template"},
	"signer/softkey": {"net/http", "database/sql", "html/template"},
}

// standardOnly are packages that use no module but the standard library.
var standardOnly = []string{"ca", "feed", "feed/verify"}

// The budgets. Medians and percentiles are taken over the files and functions of
// the program; tests are bound by the length of files and lists of parameters
// alone, since a table of cases is as long as its cases are many.
const (
	maxFileLines = 600
	p95FileLines = 400
	medFileLines = 150

	maxFuncLines = 100
	p99FuncLines = 70

	maxParams  = 5
	maxMethods = 5
)

// largeInterfaces are excused from maxMethods.
var largeInterfaces = []string{
	"signer/journal.File", // a method for each call to the kernel, all of which the simulator must see
}

// foreignSignatures are files whose functions somebody else's C calls.
var foreignSignatures = []string{
	"internal/sim/vfs/vfs.go", // SQLite's methods of a VFS
}

// clockOwners may read the wall clock; all others are given it, so that a test
// can say what time it is.
var clockOwners = []string{"cmd/chancery"}

// wallClock are the functions of package time that read it.
var wallClock = []string{"Now", "Since", "Until"}

// licence is the first line of each Go file.
const licence = "// SPDX-License-Identifier: Apache-2.0"
