// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"time"
)

// OCSP says how answers about certificates are kept.
type OCSP struct {
	// MaxAge is how long caches on the way may keep an answer, such as 5s or 1h, a day at
	// most: a revocation is seen that much later. Empty is 5s.
	MaxAge string `toml:"max_age"`
	// Memory is how much the answers that are kept may take, in MiB, 2 to 4096. Empty is 64.
	Memory string `toml:"memory"`
}

// maxMemory is the most MiB that answers may take.
const maxMemory = 4096

// Age is MaxAge; zero if it was not set.
func (o OCSP) Age() time.Duration {
	d, err := time.ParseDuration(o.MaxAge)
	if err != nil {
		return 0
	}
	return d
}

// Room is Memory in octets; zero if it was not set.
func (o OCSP) Room() int {
	n, err := strconv.Atoi(o.Memory)
	if err != nil {
		return 0
	}
	return n << 20
}

func faultOfAge(s string) string {
	if d, err := time.ParseDuration(s); s == "" || err == nil && d >= time.Second && d <= 24*time.Hour && d%time.Second == 0 {
		return ""
	}
	return "is not a time such as 5s or 1h, in whole seconds, a day at most"
}

func faultOfMemory(s string) string {
	if n, err := strconv.Atoi(s); s == "" || err == nil && n >= 2 && n <= maxMemory {
		return ""
	}
	return "is not a number of MiB from 2 to 4096"
}
