-- SPDX-License-Identifier: Apache-2.0
-- Rows of these tables are inserted once and never changed (security rule IS-08).
-- +goose Up

-- +goose StatementBegin
CREATE TRIGGER certificate_no_update BEFORE UPDATE ON certificate
BEGIN
    SELECT RAISE(ABORT, 'rows of certificate are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER certificate_no_delete BEFORE DELETE ON certificate
BEGIN
    SELECT RAISE(ABORT, 'rows of certificate are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'rows of event are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN
    SELECT RAISE(ABORT, 'rows of event are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER name_no_update BEFORE UPDATE ON name
BEGIN
    SELECT RAISE(ABORT, 'rows of name are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER name_no_delete BEFORE DELETE ON name
BEGIN
    SELECT RAISE(ABORT, 'rows of name are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER request_no_update BEFORE UPDATE ON request
BEGIN
    SELECT RAISE(ABORT, 'rows of request are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER request_no_delete BEFORE DELETE ON request
BEGIN
    SELECT RAISE(ABORT, 'rows of request are never changed');
END;
-- +goose StatementEnd
