-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- By which certificates are found that somebody has in hand: the first 8 octets of the SHA-256
-- of each. A void row has no certificate.
CREATE INDEX certificate_fingerprint ON certificate USING hash (substr(sha256(der), 1, 8)) WHERE kind <> 'void';
