-- SPDX-License-Identifier: Apache-2.0
-- Rows of these tables are inserted once and never changed (security rule IS-08).
-- +goose Up

-- +goose StatementBegin
CREATE FUNCTION never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER certificate_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON certificate
    FOR EACH STATEMENT EXECUTE FUNCTION never_changed();

CREATE TRIGGER event_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION never_changed();

CREATE TRIGGER name_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON name
    FOR EACH STATEMENT EXECUTE FUNCTION never_changed();

CREATE TRIGGER request_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON request
    FOR EACH STATEMENT EXECUTE FUNCTION never_changed();
