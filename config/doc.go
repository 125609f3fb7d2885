// SPDX-License-Identifier: Apache-2.0

// Package config reads TOML: the documents of profiles, and the settings of an
// installation. It is the only place that does.
//
// It reads strictly. A key nobody knows is refused with its line and the nearest
// key there is, because a misspelt limit that is skipped is a limit nobody has.
//
// It does not say whether a profile is sound (package policy), opens no database
// and no listener. Start at Profile for documents and at Load for settings.
package config
