// SPDX-License-Identifier: Apache-2.0

package store

// All SQL but the lists of filter.go, in one text for both engines: parameters
// are $1 to $n, each once, in ascending order of appearance, which every driver
// binds alike. Each query must be answered by an index; a test reads the plans.

const (
	selectDatabaseID = `SELECT database_id FROM book WHERE one = 1`
	insertDatabaseID = `INSERT INTO book (one, database_id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING`

	// One row per node that ever wrote; not worth an index.
	selectLogs = `SELECT log_id FROM log ORDER BY log_id`
	insertLog  = `INSERT INTO log (log_id, log_no, next) VALUES ($1, 0, 0) ON CONFLICT (log_id) DO NOTHING`
	selectMark = `SELECT next FROM log WHERE log_id = $1`
	// The mark never goes back: leaves below it would not be read again.
	updateMark = `UPDATE log SET next = $1 WHERE log_id = $2 AND next <= $3`
	// With rows, the log's number is learnt once and held to from then on.
	updateMarkAndNumber = `UPDATE log SET next = $1, log_no = $2 WHERE log_id = $3 AND next <= $4 AND log_no IN (0, $5)`

	// countLogs follows one of them where several nodes may write: one row for each of them.
	countLogs = ` RETURNING (SELECT COUNT(*) FROM log)`

	// One row per migration; not worth an index.
	selectVersion = `SELECT COALESCE(MAX(version_id), 0) FROM ` + schemaTable

	insertRequest = `INSERT INTO request (id, door, door_key, actor, actor_name, actor_method, actor_uid, profile, digest, csr, not_after, evidence, taken_at, line)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

	insertCertificate = `INSERT INTO certificate (id, kind, issuer_key, serial, tail, authority, request, profile, profile_digest, owner, door, names, common, subject_key, key_type, not_before, not_after, issued_at, der, undelivered)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`

	insertName = `INSERT INTO name (value, certificate, reversed) VALUES ($1, $2, $3)`

	insertEvent = `INSERT INTO event (id, kind, actor, happened_at, about, leaf) VALUES ($1, $2, $3, $4, $5, $6)`

	insertRevocation = `INSERT INTO revocation (id, certificate, issuer_key, serial, step, reason, actor, revoked_at, invalid_since) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

	// A key that ran out can be taken again; one that holds stays with its owner,
	// and the statement changes no row.
	takeKey = `INSERT INTO idempotency (door, actor, door_key, certificate, expires) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (door, actor, door_key) DO UPDATE SET certificate = excluded.certificate, expires = excluded.expires WHERE idempotency.expires <= $6`
	dropKeys = `DELETE FROM idempotency WHERE expires <= $1`

	// A generation's name and the leaf that entered it are for good; its document changes
	// with its state. Its key never does: a row with another was written by somebody else,
	// and must keep nobody from putting it right.
	putAuthority = `INSERT INTO authority (name, id, issuer_key, document) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET issuer_key = excluded.issuer_key, document = excluded.document`

	selectAuthorities = `SELECT id, name, issuer_key, document FROM authority WHERE id > 0 ORDER BY id LIMIT $1`

	// columns are those of scanCertificate, in its order.
	columns = `c.id, c.kind, c.issuer_key, c.serial, c.authority, COALESCE(c.request, ''), c.profile, c.profile_digest, c.owner, c.door, c.names, c.common, c.subject_key, c.key_type, c.not_before, c.not_after, c.issued_at, c.der, c.undelivered,
COALESCE((SELECT v.revoked_at FROM revocation v WHERE v.certificate = c.id
AND v.step > COALESCE((SELECT MAX(l.step) FROM revocation l WHERE l.certificate = c.id AND l.reason = 8), 0) ORDER BY v.step LIMIT 1), 0),
COALESCE((SELECT v.invalid_since FROM revocation v WHERE v.certificate = c.id ORDER BY v.step DESC LIMIT 1), 0),
COALESCE((SELECT v.id FROM revocation v WHERE v.certificate = c.id ORDER BY v.step DESC LIMIT 1), 0),
COALESCE((SELECT v.step FROM revocation v WHERE v.certificate = c.id ORDER BY v.step DESC LIMIT 1), 0),
COALESCE((SELECT v.reason FROM revocation v WHERE v.certificate = c.id ORDER BY v.step DESC LIMIT 1), 0),
COALESCE((SELECT n.document FROM annotation n WHERE n.certificate = c.id), '')`

	selectByID      = `SELECT ` + columns + ` FROM certificate c WHERE c.id = $1`
	selectByRequest = `SELECT ` + columns + ` FROM certificate c WHERE c.request = $1`
	selectCSR       = `SELECT csr FROM request WHERE id = $1`
	selectBySerial  = `SELECT ` + columns + ` FROM certificate c WHERE c.issuer_key = $1 AND c.serial = $2`
	selectByTail    = `SELECT ` + columns + ` FROM certificate c WHERE c.tail = $1 ORDER BY c.id DESC LIMIT $2`
	selectByName    = `SELECT ` + columns + ` FROM name n JOIN certificate c ON c.id = n.certificate
WHERE n.value = $1 AND c.kind <> 'void' ORDER BY n.certificate DESC LIMIT $2`
	selectByNameOf = `SELECT ` + columns + ` FROM name n JOIN certificate c ON c.id = n.certificate
WHERE n.value = $1 AND c.kind <> 'void' AND (c.owner = $2 OR c.kind = 'ca') ORDER BY n.certificate DESC LIMIT $3`
	// columns are followed by those of scanRepeated.
	selectByKey = `SELECT ` + columns + `, r.id, r.csr, r.not_after, r.taken_at, r.line FROM idempotency i JOIN certificate c ON c.id = i.certificate JOIN request r ON r.id = c.request
WHERE i.door = $1 AND i.actor = $2 AND i.door_key = $3 AND i.expires > $4`

	// kind <> 'void' is that of the index, which nothing else lets a database use.
	selectCounts = `SELECT
(SELECT COUNT(*) FROM certificate WHERE kind <> 'void' AND kind = 'end-entity' AND not_after >= $1),
(SELECT COUNT(*) FROM certificate WHERE kind <> 'void' AND kind = 'end-entity' AND not_after >= $2 AND not_after < $3),
(SELECT COUNT(*) FROM certificate WHERE kind <> 'void' AND kind = 'end-entity' AND not_after < $4),
(SELECT COUNT(*) FROM certificate WHERE kind = 'void' AND id > 0),
(SELECT COUNT(*) FROM revocation v CROSS JOIN certificate c WHERE v.id > 0 AND v.step = 1 AND c.id = v.certificate AND c.kind = 'end-entity' AND c.not_after >= $5 AND ` + lastReason + ` <> 8),
(SELECT COUNT(*) FROM revocation v CROSS JOIN certificate c WHERE v.id > 0 AND v.step = 1 AND c.id = v.certificate AND c.kind = 'end-entity' AND c.not_after >= $6 AND c.not_after < $7 AND ` + lastReason + ` <> 8),
(SELECT COUNT(*) FROM revocation v CROSS JOIN certificate c WHERE v.id > 0 AND v.step = 1 AND c.id = v.certificate AND c.kind = 'end-entity' AND c.not_after >= $8 AND ` + lastReason + ` = 6)`

	// The limit is of what is read: who has a million to replace waits no longer for it.
	selectFallen = `SELECT COUNT(*), COALESCE(SUM(CASE WHEN c.kind = 'end-entity' AND c.not_after >= $1 AND COALESCE(` + lastReason + `, 8) = 8 THEN 1 ELSE 0 END), 0)
FROM (SELECT id, kind, not_after FROM certificate WHERE authority = $2 ORDER BY id DESC LIMIT $3) c`

	// lastReason is how a certificate c that was ever revoked stands; 8 is removeFromCRL.
	lastReason = `(SELECT l.reason FROM revocation l WHERE l.certificate = c.id ORDER BY l.step DESC LIMIT 1)`
)
