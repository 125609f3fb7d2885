-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- An API token: id is the leaf that tells of its making, digest what the leaf says of
-- it. A row whose digest is not its own, or on no leaf, is nobody's token. document is
-- what gives it power, in JSON.
CREATE TABLE token (
    digest   BYTEA PRIMARY KEY,
    id       BIGINT NOT NULL UNIQUE CHECK (id > 0),
    secret   BYTEA NOT NULL UNIQUE,
    owner    TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX token_owner ON token (owner, id);

-- A token's revocation; id is its leaf.
CREATE TABLE token_end (
    token    BYTEA PRIMARY KEY,
    id       BIGINT NOT NULL UNIQUE CHECK (id > 0),
    actor    TEXT NOT NULL,
    ended_at BIGINT NOT NULL
);

-- When a token was used last, to the hour. It decides nothing.
CREATE TABLE token_use (
    token   BYTEA PRIMARY KEY,
    used_at BIGINT NOT NULL
);
