package main

// A storage backend: keeps the registry's objects as files in the directory that the operator grants under `/data`.
//
// Object `a/b` is the file `objects/a.d/b.o`: keys are flat, so there may be objects `a` and `a/b` at the same time, and a file
// system can't have a file and a directory of one name. Objects are written under `new/` and renamed when they are finished, so
// that nobody ever sees half of one. Replace the file system by what you need.
//
// This is stock Go without a module: wharf.go has the types of the world and what the host calls, memory.go moves values.
// A panic is a trap: the instance is lost, and so is the transfer.

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
	"syscall"
)

const (
	directory = "/data"
	objects   = directory + "/objects"
	staging   = directory + "/new"
)

// Init is called once on each new instance. Check the configuration here, and keep it cheap.
func Init() *InitError {
	for _, folder := range []string{objects, staging} {
		if err := os.Mkdir(folder, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return &InitError{Other: err.Error() + `: grant a directory with guest = "` + directory + `" and write = true`}
		}
	}
	return nil
}

// Health is asked before this component takes over from another one, and by the health checks.
func Health() *Error {
	_, err := os.Stat(objects)
	return failure(err)
}

// Capabilities tells what goes beyond the minimum: nothing.
func Capabilities() uint32 { return 0 }

// Stat tells size and age of an object.
func Stat(key string) (ObjectMeta, *Error) {
	info, err := os.Stat(pathOf(key))
	if err != nil {
		return ObjectMeta{}, failure(err)
	}
	return metaOf(info), nil
}

// Read opens an object for reading.
func Read(key string, wanted ByteRange) (ObjectMeta, Reader, *Error) {
	file, err := os.Open(pathOf(key))
	if err != nil {
		return ObjectMeta{}, nil, failure(err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return ObjectMeta{}, nil, failure(err)
	}
	meta := metaOf(info)
	if wanted.OffsetBytes > meta.SizeBytes {
		file.Close()
		return ObjectMeta{}, nil, &Error{Kind: RangeNotSatisfiable}
	}
	// A range that reaches behind the end is cut there.
	left := meta.SizeBytes - wanted.OffsetBytes
	if wanted.LengthBytes != nil {
		left = min(left, *wanted.LengthBytes)
	}
	return meta, &reader{file: file, at: int64(wanted.OffsetBytes), left: left}, nil
}

// The file stays open, so it is the same object to the end, whatever happens to its key.
type reader struct {
	file *os.File
	at   int64
	left uint64
}

func (r *reader) Read(bytesMax uint32) ([]byte, *Error) {
	buffer := make([]byte, min(uint64(bytesMax), r.left))
	if len(buffer) == 0 {
		return nil, nil
	}
	count, err := r.file.ReadAt(buffer, r.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, failure(err)
	}
	if count == 0 {
		return nil, &Error{Kind: Corrupt, Text: "the file is shorter than it was"}
	}
	r.at += int64(count)
	r.left -= uint64(count)
	return buffer[:count], nil
}

func (r *reader) Close() { r.file.Close() }

// Write opens a new object for writing.
func Write(key string, options WriteOptions) (Writer, *Error) {
	// The host sets these only when Capabilities tells that they work.
	if options.IfAbsent || options.AppendAtBytes != nil {
		return nil, &Error{Kind: Unsupported}
	}
	name := make([]byte, 16)
	rand.Read(name)
	staged := staging + "/" + hex.EncodeToString(name)
	file, err := os.OpenFile(staged, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, failure(err)
	}
	return &writer{file: file, staged: staged, place: pathOf(key), volatile: options.Volatile}, nil
}

// An object that is being written, under a name that nobody else knows.
type writer struct {
	file          *os.File
	staged, place string
	volatile      bool
	size          uint64
	finished      bool
}

func (w *writer) Write(chunk []byte) *Error {
	count, err := w.file.Write(chunk)
	w.size += uint64(count)
	return failure(err)
}

func (w *writer) Finish() (uint64, *Error) {
	if !w.volatile {
		if err := w.file.Sync(); err != nil {
			return 0, failure(err)
		}
	}
	folder := path.Dir(w.place)
	// Somebody who deletes the last object in a folder removes the folder; then it is made once more.
	for range 100 {
		err := os.MkdirAll(folder, 0o777)
		if err == nil {
			err = os.Rename(w.staged, w.place)
		}
		// MkdirAll takes a folder that is gone when it looks again for a file.
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			w.finished = true
			if !w.volatile {
				err = syncFolders(folder)
			}
		}
		return w.size, failure(err)
	}
	return 0, &Error{Kind: Conflict}
}

// Close is called when the host drops it: nothing of an unfinished object may stay.
func (w *writer) Close() {
	w.file.Close()
	if !w.finished {
		os.Remove(w.staged)
	}
}

// A name is durable when the folder that holds it is.
func syncFolders(folder string) error {
	for ; folder != directory; folder = path.Dir(folder) {
		if !SyncFolder(directory, strings.TrimPrefix(folder, directory+"/")) {
			return errors.New("the folder " + folder + " can't be synced")
		}
	}
	return nil
}

// Delete deletes objects; keys that hold nothing are skipped.
func Delete(keys []string) *Error {
	for _, key := range keys {
		place := pathOf(key)
		if err := os.Remove(place); err != nil {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
				continue
			}
			return failure(err)
		}
		// Folders that hold nothing more only slow listings down; the first that is not empty ends this.
		for folder := path.Dir(place); folder != objects && os.Remove(folder) == nil; {
			folder = path.Dir(folder)
		}
	}
	return nil
}

// List gives one page of every object beneath the prefix. (Children are asked only of backends that tell CanListChildren.)
func List(request ListRequest) (ListPage, *Error) {
	folder, after := folderOf(request.Prefix)+".d", request.After
	for {
		// One more than a page has room for tells whether there is more.
		walk := walk{folder: folder, after: after, wanted: int(request.Limit) + 1}
		if err := walk.descend(""); err != nil {
			return ListPage{}, failure(err)
		}
		page := ListPage{More: len(walk.names) > int(request.Limit)}
		names := walk.names[:min(len(walk.names), int(request.Limit))]
		for _, name := range names {
			info, err := os.Stat(folder + "/" + strings.ReplaceAll(name, "/", ".d/") + ".o")
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return ListPage{}, failure(err)
			}
			meta := metaOf(info)
			page.Entries = append(page.Entries, ListEntry{Name: name, Object: &meta})
		}
		if len(page.Entries) > 0 || !page.More {
			return page, nil
		}
		// All of a page was deleted meanwhile, and an empty page would mean the end.
		after = names[len(names)-1]
	}
}

// Gathers names of objects in the order of their keys.
type walk struct {
	folder, after string
	wanted        int
	names         []string
}

// The prefix is empty or ends with a slash.
func (w *walk) descend(prefix string) error {
	entries, err := os.ReadDir(strings.TrimRight(w.folder+"/"+strings.ReplaceAll(prefix, "/", ".d/"), "/"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		name, isFolder := strings.CutSuffix(entry.Name(), ".d")
		if isFolder {
			name += "/"
		}
		names = append(names, prefix+strings.TrimSuffix(name, ".o"))
	}
	// With the slash, the names sort as the keys do.
	sort.Strings(names)
	for _, name := range names {
		switch {
		case len(w.names) >= w.wanted:
			return nil
		case !strings.HasSuffix(name, "/"):
			if name > w.after {
				w.names = append(w.names, name)
			}
		case name > w.after || strings.HasPrefix(w.after, name):
			if err := w.descend(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func folderOf(key string) string { return objects + "/" + strings.ReplaceAll(key, "/", ".d/") }

func pathOf(key string) string { return folderOf(key) + ".o" }

func metaOf(info fs.FileInfo) ObjectMeta {
	return ObjectMeta{SizeBytes: uint64(info.Size()), ModifiedMs: uint64(info.ModTime().UnixMilli())}
}

// The storage error that an error of the file system is.
func failure(err error) *Error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return &Error{Kind: NotFound}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &Error{Kind: NoSpace}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &Error{Kind: PermissionDenied, Text: err.Error()}
	default:
		return &Error{Kind: Other, Text: err.Error()}
	}
}
