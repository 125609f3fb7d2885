-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- What a part of a name is found by: all names of a certificate and its common name, in
-- lower case, a line each, under the certificate's id. A table of its own text, because
-- those that point into another table do so by a number that VACUUM may change.
CREATE VIRTUAL TABLE name_search USING fts5(names, tokenize = 'trigram case_sensitive 1', detail = none);

-- Lists by name. An index of the certificates themselves would be written to at a place of
-- its own with each of them.
CREATE TABLE name_order (
    common      TEXT NOT NULL,
    certificate BIGINT NOT NULL,
    PRIMARY KEY (common, certificate)
) WITHOUT ROWID;

-- The certificates that are not in these yet. Taking names in costs more than the rest of
-- a commit, so it is done in the pauses between them, and before a search.
CREATE TABLE name_pending (certificate INTEGER PRIMARY KEY);

INSERT INTO name_pending (certificate) SELECT id FROM certificate;

-- +goose StatementBegin
CREATE TRIGGER certificate_pending AFTER INSERT ON certificate
BEGIN
    INSERT INTO name_pending (certificate) VALUES (new.id);
END;
-- +goose StatementEnd
