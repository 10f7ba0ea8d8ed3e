package main

// The interface wharf:storage/backend@0.1.0: its types for plugin.go, and its functions as the host calls them.

import "unsafe"

// ErrorKind says what went wrong.
type ErrorKind uint8

// What can go wrong.
const (
	NotFound ErrorKind = iota
	AlreadyExists
	Conflict
	RangeNotSatisfiable
	TooLarge
	NoSpace
	PermissionDenied
	Unavailable
	Unsupported
	Corrupt
	Other
)

// Error is an error of the WIT; the text is for the kinds that have one.
type Error struct {
	Kind ErrorKind
	Text string
	// For Unavailable: when to come back, if the backend knows.
	RetryAfterMs uint32
}

// ObjectMeta is what is known of an object without reading it. ModifiedMs is 0 where the backend does not know.
type ObjectMeta struct {
	SizeBytes, ModifiedMs uint64
}

// ByteRange is half-open: LengthBytes bytes from OffsetBytes on, or to the end of the object where it is nil.
type ByteRange struct {
	OffsetBytes uint64
	LengthBytes *uint64
}

// WriteOptions say how an object is written.
type WriteOptions struct {
	IfAbsent      bool
	AppendAtBytes *uint64
	Volatile      bool
}

// What a backend can do beyond the minimum.
const (
	CanAppend uint32 = 1 << iota
	CanPutConditionally
	CanListChildren
	IsRemote
	CanAssembleServerSide
)

// ListRequest says what to list. After is empty to begin at the beginning.
type ListRequest struct {
	Prefix, After string
	Limit         uint32
	Subtree       bool
}

// ListEntry is one entry of a listing. Object is nil for a deeper prefix.
type ListEntry struct {
	Name   string
	Object *ObjectMeta
}

// ListPage is a page of a listing.
type ListPage struct {
	Entries []ListEntry
	More    bool
}

// Reader is an object opened for reading. Close is called when the host drops it.
type Reader interface {
	Read(bytesMax uint32) ([]byte, *Error)
	Close()
}

// Writer is an object being written. Close is called when the host drops it, finished or not.
type Writer interface {
	Write(chunk []byte) *Error
	Finish() (uint64, *Error)
	Close()
}

// The host knows readers and writers by numbers.
var (
	readers    = map[uint32]Reader{}
	writers    = map[uint32]Writer{}
	lastNumber uint32
)

//go:wasmimport [export]wharf:storage/backend@0.1.0 [resource-new]reader
func newReader(number uint32) uint32

//go:wasmimport [export]wharf:storage/backend@0.1.0 [resource-new]writer
func newWriter(number uint32) uint32

//go:wasmexport wharf:storage/backend@0.1.0#[dtor]reader
func dropReader(number uint32) {
	readers[number].Close()
	delete(readers, number)
}

//go:wasmexport wharf:storage/backend@0.1.0#[dtor]writer
func dropWriter(number uint32) {
	writers[number].Close()
	delete(writers, number)
}

//go:wasmexport wharf:storage/backend@0.1.0#[method]reader.read
func exportReaderRead(number, bytesMax uint32) uint32 {
	bytes, err := readers[number].Read(bytesMax)
	result := allocate(24)
	result.setBytes(4, bytes)
	result.setError(4, err)
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:storage/backend@0.1.0#[method]reader.read
func afterReaderRead(uint32) { release() }

//go:wasmexport wharf:storage/backend@0.1.0#[method]writer.write
func exportWriterWrite(number, start, count uint32) uint32 {
	result := allocate(24)
	chunk := unsafe.Slice((*byte)(address(start).at(0)), count)
	result.setError(4, writers[number].Write(chunk))
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:storage/backend@0.1.0#[method]writer.write
func afterWriterWrite(uint32) { release() }

//go:wasmexport wharf:storage/backend@0.1.0#[method]writer.finish
func exportWriterFinish(number uint32) uint32 {
	size, err := writers[number].Finish()
	result := allocate(32)
	result.setU64(8, size)
	result.setError(8, err)
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:storage/backend@0.1.0#[method]writer.finish
func afterWriterFinish(uint32) { release() }

//go:wasmexport wharf:storage/backend@0.1.0#init
func exportInit() uint32 { return uint32(initResult(Init())) }

//go:wasmexport cabi_post_wharf:storage/backend@0.1.0#init
func afterInit(uint32) { release() }

//go:wasmexport wharf:storage/backend@0.1.0#health
func exportHealth() uint32 {
	result := allocate(24)
	result.setError(4, Health())
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:storage/backend@0.1.0#health
func afterHealth(uint32) { release() }

//go:wasmexport wharf:storage/backend@0.1.0#capabilities
func exportCapabilities() uint32 { return Capabilities() }

//go:wasmexport wharf:storage/backend@0.1.0#stat
func exportStat(key, keyBytes uint32) uint32 {
	meta, err := Stat(given(key, keyBytes))
	result := allocate(32)
	result.setMeta(8, meta)
	result.setError(8, err)
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:storage/backend@0.1.0#stat
func afterStat(uint32) { release() }

//go:wasmexport wharf:storage/backend@0.1.0#read
func exportRead(key, keyBytes uint32, offset uint64, hasLength uint32, length uint64) uint32 {
	byteRange := ByteRange{OffsetBytes: offset}
	if hasLength != 0 {
		byteRange.LengthBytes = &length
	}
	meta, reader, err := Read(given(key, keyBytes), byteRange)
	result := allocate(40)
	if err == nil {
		lastNumber++
		readers[lastNumber] = reader
		result.setMeta(8, meta)
		result.setU32(32, newReader(lastNumber))
	}
	result.setError(8, err)
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:storage/backend@0.1.0#read
func afterRead(uint32) { release() }

//go:wasmexport wharf:storage/backend@0.1.0#write
func exportWrite(key, keyBytes, ifAbsent, appends uint32, appendAt uint64, volatile uint32) uint32 {
	options := WriteOptions{IfAbsent: ifAbsent != 0, Volatile: volatile != 0}
	if appends != 0 {
		options.AppendAtBytes = &appendAt
	}
	writer, err := Write(given(key, keyBytes), options)
	result := allocate(24)
	if err == nil {
		lastNumber++
		writers[lastNumber] = writer
		result.setU32(4, newWriter(lastNumber))
	}
	result.setError(4, err)
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:storage/backend@0.1.0#write
func afterWrite(uint32) { release() }

//go:wasmexport wharf:storage/backend@0.1.0#delete
func exportDelete(start, count uint32) uint32 {
	keys := make([]string, count)
	for i := range keys {
		keys[i] = (address(start) + address(i)*8).text(0)
	}
	result := allocate(24)
	result.setError(4, Delete(keys))
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:storage/backend@0.1.0#delete
func afterDelete(uint32) { release() }

//go:wasmexport wharf:storage/backend@0.1.0#list
func exportList(prefix, prefixBytes, hasAfter, after, afterBytes, limit, shape uint32) uint32 {
	request := ListRequest{Prefix: given(prefix, prefixBytes), Limit: limit, Subtree: shape == 1}
	if hasAfter != 0 {
		request.After = given(after, afterBytes)
	}
	page, err := List(request)
	result := allocate(24)
	if err == nil {
		start := result.setList(4, uint32(len(page.Entries)), 40)
		for i, entry := range page.Entries {
			element := start + address(i)*40
			element.setText(0, entry.Name)
			if entry.Object != nil {
				element.setU8(8, 1)
				element.setMeta(16, *entry.Object)
			}
		}
		result.setBool(12, page.More)
	}
	result.setError(4, err)
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:storage/backend@0.1.0#list
func afterList(uint32) { release() }

// A string argument, copied.
func given(start, bytes uint32) string {
	return string(unsafe.Slice((*byte)(address(start).at(0)), bytes))
}

func (a address) setMeta(offset uint32, meta ObjectMeta) {
	a.setU64(offset, meta.SizeBytes)
	a.setBool(offset+8, meta.ModifiedMs > 0)
	a.setU64(offset+16, meta.ModifiedMs)
}

// Makes a result an error, if there is one; its payload lies at the offset.
func (a address) setError(offset uint32, err *Error) {
	if err == nil {
		return
	}
	a.setU8(0, 1)
	a.setU8(offset, uint8(err.Kind))
	switch err.Kind {
	case PermissionDenied, Corrupt, Other:
		a.setText(offset+4, err.Text)
	case Unavailable:
		a.setU32(offset+4, 0)
		a.setBool(offset+4, err.RetryAfterMs > 0)
		a.setU32(offset+8, err.RetryAfterMs)
		a.setText(offset+12, err.Text)
	}
}
