// SPDX-License-Identifier: Apache-2.0

package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"chancery/signer/journal"
)

// julian is the time SQLite sees, in milliseconds since noon of 24 November 4714
// before Christ: it stands in rows that goose writes, and equal runs are to
// be equal.
const julian = 212641632000000

// A file is an open file of SQLite's.
type file struct {
	journal.File
	mount  *Mounted
	shared *shared
	name   string
	// names is the folder to be synced with the file: SQLite's own VFS does so once
	// for a log that it may have made.
	names string
	step  int32 // of the database's lock
	maps  bool
	slots [slots]int
}

// A handle is what SQLite holds of a file.
type handle struct {
	methods uintptr
	token   uintptr
}

// methods and vfs lie still for as long as the process lives; SQLite holds their
// addresses.
var (
	methods sqlite3.Tsqlite3_io_methods
	vfs     sqlite3.Tsqlite3_vfs
)

// pointer is the memory at an address that SQLite gave.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

func of(pFile uintptr) *file {
	token := (*handle)(pointer(pFile)).token
	state.mu.Lock()
	defer state.mu.Unlock()
	return state.open[token]
}

func register() error {
	m := &methods
	m.FiVersion = 2
	*(*func(*libc.TLS, uintptr) int32)(unsafe.Pointer(&m.FxClose)) = xClose
	*(*func(*libc.TLS, uintptr, uintptr, int32, int64) int32)(unsafe.Pointer(&m.FxRead)) = xRead
	*(*func(*libc.TLS, uintptr, uintptr, int32, int64) int32)(unsafe.Pointer(&m.FxWrite)) = xWrite
	*(*func(*libc.TLS, uintptr, int64) int32)(unsafe.Pointer(&m.FxTruncate)) = xTruncate
	*(*func(*libc.TLS, uintptr, int32) int32)(unsafe.Pointer(&m.FxSync)) = xSync
	*(*func(*libc.TLS, uintptr, uintptr) int32)(unsafe.Pointer(&m.FxFileSize)) = xFileSize
	*(*func(*libc.TLS, uintptr, int32) int32)(unsafe.Pointer(&m.FxLock)) = xLock
	*(*func(*libc.TLS, uintptr, int32) int32)(unsafe.Pointer(&m.FxUnlock)) = xUnlock
	*(*func(*libc.TLS, uintptr, uintptr) int32)(unsafe.Pointer(&m.FxCheckReservedLock)) = xCheckReservedLock
	*(*func(*libc.TLS, uintptr, int32, uintptr) int32)(unsafe.Pointer(&m.FxFileControl)) = xFileControl
	*(*func(*libc.TLS, uintptr) int32)(unsafe.Pointer(&m.FxSectorSize)) = xSectorSize
	*(*func(*libc.TLS, uintptr) int32)(unsafe.Pointer(&m.FxDeviceCharacteristics)) = xDeviceCharacteristics
	*(*func(*libc.TLS, uintptr, int32, int32, int32, uintptr) int32)(unsafe.Pointer(&m.FxShmMap)) = xShmMap
	*(*func(*libc.TLS, uintptr, int32, int32, int32) int32)(unsafe.Pointer(&m.FxShmLock)) = xShmLock
	*(*func(*libc.TLS, uintptr))(unsafe.Pointer(&m.FxShmBarrier)) = xShmBarrier
	*(*func(*libc.TLS, uintptr, int32) int32)(unsafe.Pointer(&m.FxShmUnmap)) = xShmUnmap

	v := &vfs
	v.FiVersion, v.FszOsFile, v.FmxPathname = 2, int32(unsafe.Sizeof(handle{})), 512
	*(*func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32)(unsafe.Pointer(&v.FxOpen)) = xOpen
	*(*func(*libc.TLS, uintptr, uintptr, int32) int32)(unsafe.Pointer(&v.FxDelete)) = xDelete
	*(*func(*libc.TLS, uintptr, uintptr, int32, uintptr) int32)(unsafe.Pointer(&v.FxAccess)) = xAccess
	*(*func(*libc.TLS, uintptr, uintptr, int32, uintptr) int32)(unsafe.Pointer(&v.FxFullPathname)) = xFullPathname
	*(*func(*libc.TLS, uintptr, int32, uintptr) int32)(unsafe.Pointer(&v.FxRandomness)) = xRandomness
	*(*func(*libc.TLS, uintptr, int32) int32)(unsafe.Pointer(&v.FxSleep)) = xSleep
	*(*func(*libc.TLS, uintptr, int32, uintptr) int32)(unsafe.Pointer(&v.FxGetLastError)) = xGetLastError
	*(*func(*libc.TLS, uintptr, uintptr) int32)(unsafe.Pointer(&v.FxCurrentTime)) = xCurrentTime
	*(*func(*libc.TLS, uintptr, uintptr) int32)(unsafe.Pointer(&v.FxCurrentTimeInt64)) = xCurrentTimeInt64

	tls := libc.NewTLS()
	defer tls.Close()
	name, err := libc.CString(Name)
	if err != nil {
		return fmt.Errorf("register the VFS: %w", err)
	}
	v.FzName = name
	if rc := sqlite3.Xsqlite3_vfs_register(tls, uintptr(unsafe.Pointer(v)), 1); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("register the VFS: SQLite says %d", rc)
	}
	return nil
}

func isExist(err error) bool { return errors.Is(err, fs.ErrExist) }

// said turns an error of the disk into SQLite's code for it.
func said(err error, otherwise int32) int32 {
	switch {
	case err == nil:
		return sqlite3.SQLITE_OK
	case errors.Is(err, syscall.ENOSPC) && otherwise == sqlite3.SQLITE_IOERR_WRITE:
		return sqlite3.SQLITE_FULL // as its own VFS does, of writes alone
	}
	return otherwise
}

func xOpen(_ *libc.TLS, _ uintptr, zName uintptr, pFile uintptr, flags int32, pOut uintptr) int32 {
	*(*handle)(pointer(pFile)) = handle{}
	if zName == 0 {
		return sqlite3.SQLITE_CANTOPEN // no file of ours is without a name
	}
	m, name, err := at(libc.GoString(zName))
	if err != nil {
		return sqlite3.SQLITE_CANTOPEN
	}
	mode := journal.Write
	if flags&sqlite3.SQLITE_OPEN_READONLY != 0 {
		mode = journal.Read
	}
	f := &file{mount: m, name: name}
	f.File, err = m.disk.OpenFile(name, mode)
	if errors.Is(err, fs.ErrNotExist) && flags&sqlite3.SQLITE_OPEN_CREATE != 0 {
		f.File, err = m.disk.OpenFile(name, journal.Create)
	}
	if err != nil {
		return sqlite3.SQLITE_CANTOPEN
	}
	if flags&sqlite3.SQLITE_OPEN_CREATE != 0 && flags&(sqlite3.SQLITE_OPEN_WAL|sqlite3.SQLITE_OPEN_MAIN_JOURNAL) != 0 {
		folder, _, _ := strings.Cut(name, "/")
		f.names = folder + "/"
	}
	m.mu.Lock()
	if m.files[name] == nil {
		m.files[name] = &shared{}
	}
	f.shared = m.files[name]
	m.mu.Unlock()
	state.mu.Lock()
	state.last++
	token := state.last
	state.open[token] = f
	state.mu.Unlock()
	if pOut != 0 {
		*(*int32)(pointer(pOut)) = flags
	}
	*(*handle)(pointer(pFile)) = handle{uintptr(unsafe.Pointer(&methods)), token}
	return sqlite3.SQLITE_OK
}

func xClose(tls *libc.TLS, pFile uintptr) int32 {
	f := of(pFile)
	f.shared.unlock(f, sqlite3.SQLITE_LOCK_NONE)
	f.shared.forget(tls, f)
	state.mu.Lock()
	delete(state.open, (*handle)(pointer(pFile)).token)
	state.mu.Unlock()
	return said(f.Close(), sqlite3.SQLITE_IOERR_CLOSE)
}

func xRead(_ *libc.TLS, pFile, zBuf uintptr, n int32, off int64) int32 {
	b := unsafe.Slice((*byte)(pointer(zBuf)), n)
	got, err := of(pFile).ReadAt(b, off)
	switch {
	case got == len(b):
		return sqlite3.SQLITE_OK
	case err != nil && !errors.Is(err, io.EOF):
		return sqlite3.SQLITE_IOERR_READ
	}
	clear(b[got:])
	return sqlite3.SQLITE_IOERR_SHORT_READ
}

func xWrite(_ *libc.TLS, pFile, zBuf uintptr, n int32, off int64) int32 {
	_, err := of(pFile).WriteAt(unsafe.Slice((*byte)(pointer(zBuf)), n), off)
	return said(err, sqlite3.SQLITE_IOERR_WRITE)
}

func xTruncate(_ *libc.TLS, pFile uintptr, size int64) int32 {
	return said(of(pFile).Truncate(size), sqlite3.SQLITE_IOERR_TRUNCATE)
}

// xSync syncs the folder as well, once, as SQLite's own VFS does; like that it
// does not ask whether this went well.
func xSync(_ *libc.TLS, pFile uintptr, _ int32) int32 {
	f := of(pFile)
	if err := f.Sync(); err != nil {
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	if f.names != "" {
		_ = f.mount.disk.SyncDir(f.names)
		f.names = ""
	}
	return sqlite3.SQLITE_OK
}

func xFileSize(_ *libc.TLS, pFile, pSize uintptr) int32 {
	size, err := of(pFile).Size()
	*(*int64)(pointer(pSize)) = size
	return said(err, sqlite3.SQLITE_IOERR_FSTAT)
}

func xLock(_ *libc.TLS, pFile uintptr, step int32) int32 {
	f := of(pFile)
	return f.shared.lock(f, step)
}

func xUnlock(_ *libc.TLS, pFile uintptr, step int32) int32 {
	f := of(pFile)
	f.shared.unlock(f, step)
	return sqlite3.SQLITE_OK
}

func xCheckReservedLock(_ *libc.TLS, pFile, pOut uintptr) int32 {
	f := of(pFile)
	f.shared.mu.Lock()
	defer f.shared.mu.Unlock()
	*(*int32)(pointer(pOut)) = libc.BoolInt32(f.shared.reserved != nil)
	return sqlite3.SQLITE_OK
}

func xFileControl(*libc.TLS, uintptr, int32, uintptr) int32 { return sqlite3.SQLITE_NOTFOUND }

func xSectorSize(*libc.TLS, uintptr) int32 { return 4096 }

// xDeviceCharacteristics promises what SQLite's own VFS promises of every disk,
// and the simulated one keeps: a write changes nothing beside itself.
func xDeviceCharacteristics(*libc.TLS, uintptr) int32 {
	return sqlite3.SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

func xShmMap(tls *libc.TLS, pFile uintptr, i, size, extend int32, pp uintptr) int32 {
	f := of(pFile)
	*(*uintptr)(pointer(pp)) = f.shared.region(tls, f, i, size, extend != 0)
	return sqlite3.SQLITE_OK
}

func xShmLock(_ *libc.TLS, pFile uintptr, first, n, how int32) int32 {
	f := of(pFile)
	return f.shared.slot(f, first, n, how)
}

// xShmBarrier orders memory between connections, which a lock taken does.
func xShmBarrier(_ *libc.TLS, pFile uintptr) {
	f := of(pFile)
	f.shared.mu.Lock()
	defer f.shared.mu.Unlock()
}

func xShmUnmap(tls *libc.TLS, pFile uintptr, _ int32) int32 {
	f := of(pFile)
	f.shared.forget(tls, f)
	return sqlite3.SQLITE_OK
}

func xDelete(_ *libc.TLS, _, zName uintptr, syncDir int32) int32 {
	m, name, err := at(libc.GoString(zName))
	if err != nil {
		return sqlite3.SQLITE_IOERR_DELETE_NOENT
	}
	err = m.disk.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return sqlite3.SQLITE_IOERR_DELETE_NOENT
	}
	if err == nil && syncDir != 0 {
		folder, _, _ := strings.Cut(name, "/")
		err = m.disk.SyncDir(folder + "/")
	}
	return said(err, sqlite3.SQLITE_IOERR_DELETE)
}

// xAccess tells whether there is a file with something in it, as SQLite's own VFS.
func xAccess(_ *libc.TLS, _, zName uintptr, flags int32, pOut uintptr) int32 {
	*(*int32)(pointer(pOut)) = 0
	m, name, err := at(libc.GoString(zName))
	if err != nil {
		return sqlite3.SQLITE_OK
	}
	f, err := m.disk.OpenFile(name, journal.Read)
	if err != nil {
		return sqlite3.SQLITE_OK
	}
	size, err := f.Size()
	if err == nil && (size > 0 || flags != sqlite3.SQLITE_ACCESS_EXISTS) {
		*(*int32)(pointer(pOut)) = 1
	}
	return said(f.Close(), sqlite3.SQLITE_IOERR_ACCESS)
}

func xFullPathname(_ *libc.TLS, _, zPath uintptr, room int32, zOut uintptr) int32 {
	path := libc.GoString(zPath)
	if len(path) >= int(room) {
		return sqlite3.SQLITE_CANTOPEN
	}
	out := unsafe.Slice((*byte)(pointer(zOut)), room)
	out[copy(out, path)] = 0
	return sqlite3.SQLITE_OK
}

func xRandomness(_ *libc.TLS, _ uintptr, n int32, zOut uintptr) int32 {
	state.mu.Lock()
	defer state.mu.Unlock()
	coins := rand.New(rand.NewPCG(state.seed, 0))
	state.seed++
	out := unsafe.Slice((*byte)(pointer(zOut)), n)
	for i := range out {
		out[i] = byte(coins.Uint64())
	}
	return n
}

// xSleep lets another connection end what SQLite waits for; it tries a number of
// times and then gives up.
func xSleep(_ *libc.TLS, _ uintptr, micros int32) int32 {
	time.Sleep(time.Duration(micros) * time.Microsecond)
	return micros
}

func xGetLastError(*libc.TLS, uintptr, int32, uintptr) int32 { return 0 }

func xCurrentTime(_ *libc.TLS, _, pOut uintptr) int32 {
	*(*float64)(pointer(pOut)) = float64(julian) / 86400000
	return sqlite3.SQLITE_OK
}

func xCurrentTimeInt64(_ *libc.TLS, _, pOut uintptr) int32 {
	*(*int64)(pointer(pOut)) = julian
	return sqlite3.SQLITE_OK
}
