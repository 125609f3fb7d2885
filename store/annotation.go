// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"

	"chancery/ca"
)

const (
	// The newest event wins, whichever node comes first.
	putAnnotation = `INSERT INTO annotation (certificate, id, document) VALUES ($1, $2, $3)
ON CONFLICT (certificate) DO UPDATE SET id = excluded.id, document = excluded.document WHERE annotation.id < excluded.id`
	dropTags  = `DELETE FROM tag WHERE certificate = $1`
	insertTag = `INSERT INTO tag (value, certificate) VALUES ($1, $2)`
)

// annotation writes what people say of a certificate now.
func (w *writing) annotation(a ca.Annotated, event ca.ID) error {
	document, err := json.Marshal(a.Annotation)
	if err != nil {
		return err
	}
	result, err := w.tx.ExecContext(w.ctx, putAnnotation, int64(a.Certificate), int64(event), string(document))
	if err != nil {
		return err
	}
	if changed, err := result.RowsAffected(); err != nil || changed == 0 {
		return err
	}
	if _, err := w.tx.ExecContext(w.ctx, dropTags, int64(a.Certificate)); err != nil {
		return err
	}
	for _, t := range a.Tags {
		if _, err := w.tx.ExecContext(w.ctx, insertTag, t, int64(a.Certificate)); err != nil {
			return err
		}
	}
	return nil
}
