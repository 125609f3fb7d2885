-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- By which certificates are found that somebody has in hand: the first 8 octets of the SHA-256
-- of each. It is filled from name_pending with the two others, in the pauses between commits:
-- an index that each commit wrote to would cost it a page per certificate.
CREATE TABLE fingerprint (
    head        BYTEA NOT NULL,
    certificate BIGINT NOT NULL,
    PRIMARY KEY (head, certificate)
) WITHOUT ROWID;

-- All certificates wait for it; those that are in the others stay as they are there.
INSERT OR IGNORE INTO name_pending (certificate) SELECT id FROM certificate;
