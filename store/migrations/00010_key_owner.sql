-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- Whether somebody else has a key is asked for every request.
DROP INDEX certificate_key;
CREATE INDEX certificate_key ON certificate (subject_key, owner, id);
