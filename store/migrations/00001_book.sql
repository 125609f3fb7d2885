-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- One row: which database this is. The signer's genesis leaf names it.
CREATE TABLE book (
    one         BIGINT PRIMARY KEY CHECK (one = 1),
    database_id TEXT NOT NULL
);

-- The logs whose rows stand here. next is the mark: below it every leaf that
-- needs a row has one. log_no is 0 until the first row.
CREATE TABLE log (
    log_id TEXT PRIMARY KEY,
    log_no BIGINT NOT NULL,
    next   BIGINT NOT NULL CHECK (next >= 0)
);

CREATE TABLE request (
    id           TEXT PRIMARY KEY,
    door         TEXT NOT NULL,
    door_key     TEXT NOT NULL,
    actor        TEXT NOT NULL,
    actor_name   TEXT NOT NULL,
    actor_method TEXT NOT NULL,
    actor_uid    BIGINT NOT NULL,
    profile      TEXT NOT NULL,
    digest       BYTEA NOT NULL,
    csr          BYTEA NOT NULL,
    not_after    BIGINT NOT NULL,
    evidence     TEXT NOT NULL,
    taken_at     BIGINT NOT NULL
);

-- id is log number and leaf index; names is JSON, so that a page of rows is one
-- query; tail is the last 8 digits of serial.
CREATE TABLE certificate (
    id             BIGINT PRIMARY KEY CHECK (id > 0),
    kind           TEXT NOT NULL CHECK (kind IN ('end-entity', 'ca', 'void')),
    issuer_key     BYTEA NOT NULL,
    serial         TEXT NOT NULL,
    tail           TEXT NOT NULL,
    authority      TEXT NOT NULL,
    request        TEXT UNIQUE,
    profile        TEXT NOT NULL,
    profile_digest BYTEA NOT NULL,
    owner          TEXT NOT NULL,
    door           TEXT NOT NULL,
    names          TEXT NOT NULL,
    common         TEXT NOT NULL,
    subject_key    BYTEA NOT NULL,
    key_type       TEXT NOT NULL,
    not_before     BIGINT NOT NULL,
    not_after      BIGINT NOT NULL,
    issued_at      BIGINT NOT NULL,
    der            BYTEA NOT NULL,
    undelivered    BOOLEAN NOT NULL,
    UNIQUE (issuer_key, serial)
);
CREATE INDEX certificate_tail ON certificate (tail, id);
CREATE INDEX certificate_authority ON certificate (authority, id);
CREATE INDEX certificate_profile ON certificate (profile, id);
CREATE INDEX certificate_owner ON certificate (owner, id);
CREATE INDEX certificate_end ON certificate (not_after, kind, id) WHERE kind <> 'void';
CREATE INDEX certificate_void ON certificate (id) WHERE kind = 'void';

-- What a certificate is found by: its names and its common name in lower case.
-- reversed has the labels of a DNS name from the last to the first, a dot after
-- each, as bytes: bytes sort alike on every engine and under every locale.
CREATE TABLE name (
    value       TEXT NOT NULL,
    certificate BIGINT NOT NULL REFERENCES certificate (id),
    reversed    BYTEA,
    PRIMARY KEY (value, certificate)
);
CREATE INDEX name_reversed ON name (reversed, certificate) WHERE reversed IS NOT NULL;

-- The same (door, actor, key) gives the same certificate until expires.
CREATE TABLE idempotency (
    door        TEXT NOT NULL,
    actor       TEXT NOT NULL,
    door_key    TEXT NOT NULL,
    certificate BIGINT NOT NULL REFERENCES certificate (id),
    expires     BIGINT NOT NULL,
    PRIMARY KEY (door, actor, door_key)
);
CREATE INDEX idempotency_expires ON idempotency (expires);

-- id is the event that entered the generation; only state changes.
-- document is the generation as the newest leaf about it has it, in JSON.
CREATE TABLE authority (
    name       TEXT PRIMARY KEY,
    id         BIGINT NOT NULL UNIQUE,
    issuer_key BYTEA NOT NULL,
    document   TEXT NOT NULL
);

CREATE TABLE event (
    id          BIGINT PRIMARY KEY CHECK (id > 0),
    kind        TEXT NOT NULL,
    actor       TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    about       TEXT NOT NULL,
    leaf        BYTEA NOT NULL
);
