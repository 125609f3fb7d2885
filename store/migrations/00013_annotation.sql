-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- What people say of a certificate, in JSON: whom to write to, and words to find it by. It
-- gives nobody a right, may be changed, and is on no log but for its digest; id is the
-- event that tells of the last change.
CREATE TABLE annotation (
    certificate BIGINT PRIMARY KEY REFERENCES certificate (id),
    id          BIGINT NOT NULL CHECK (id > 0),
    document    TEXT NOT NULL
);

CREATE TABLE tag (
    value       TEXT NOT NULL,
    certificate BIGINT NOT NULL REFERENCES certificate (id),
    PRIMARY KEY (value, certificate)
);
CREATE INDEX tag_certificate ON tag (certificate, value);
