-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- A step of a certificate's history; id is its leaf. A step is taken once, whoever
-- is first: UNIQUE decides between two nodes.
CREATE TABLE revocation (
    id          BIGINT PRIMARY KEY CHECK (id > 0),
    certificate BIGINT NOT NULL REFERENCES certificate (id),
    issuer_key  BYTEA NOT NULL,
    serial      TEXT NOT NULL,
    step        BIGINT NOT NULL CHECK (step > 0),
    reason      BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    revoked_at  BIGINT NOT NULL,
    UNIQUE (issuer_key, serial, step)
);
-- Who loses a key loses every certificate of it.
CREATE INDEX certificate_key ON certificate (subject_key, id);
CREATE INDEX revocation_certificate ON revocation (certificate, step);
