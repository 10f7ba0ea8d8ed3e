package main

// The storage below, as the world wharf:storage/storage-layer@0.1.0 imports it.

import "unsafe"

//go:wasmimport wharf:storage/backend@0.1.0 health
func hostHealth(result unsafe.Pointer)

//go:wasmimport wharf:storage/backend@0.1.0 capabilities
func hostCapabilities() uint32

//go:wasmimport wharf:storage/backend@0.1.0 stat
func hostStat(key string, result unsafe.Pointer)

//go:wasmimport wharf:storage/backend@0.1.0 read
func hostRead(key string, offset uint64, hasLength uint32, length uint64, result unsafe.Pointer)

//go:wasmimport wharf:storage/backend@0.1.0 write
func hostWrite(key string, ifAbsent, appends uint32, appendAt uint64, volatile uint32, result unsafe.Pointer)

//go:wasmimport wharf:storage/backend@0.1.0 delete
func hostDelete(keys unsafe.Pointer, count uint32, result unsafe.Pointer)

//go:wasmimport wharf:storage/backend@0.1.0 list
func hostList(prefix string, hasAfter uint32, after string, limit, shape uint32, result unsafe.Pointer)

//go:wasmimport wharf:storage/backend@0.1.0 [method]reader.read
func hostReaderRead(reader, bytesMax uint32, result unsafe.Pointer)

//go:wasmimport wharf:storage/backend@0.1.0 [resource-drop]reader
func hostDropReader(reader uint32)

//go:wasmimport wharf:storage/backend@0.1.0 [method]writer.write
func hostWriterWrite(writer uint32, chunk unsafe.Pointer, count uint32, result unsafe.Pointer)

//go:wasmimport wharf:storage/backend@0.1.0 [method]writer.finish
func hostWriterFinish(writer uint32, result unsafe.Pointer)

//go:wasmimport wharf:storage/backend@0.1.0 [resource-drop]writer
func hostDropWriter(writer uint32)

func belowHealth() *Error {
	result := allocate(24)
	hostHealth(result.at(0))
	return result.failure(4)
}

func belowStat(key string) (ObjectMeta, *Error) {
	result := allocate(32)
	hostStat(key, result.at(0))
	if err := result.failure(8); err != nil {
		return ObjectMeta{}, err
	}
	return result.meta(8), nil
}

func belowRead(key string, wanted ByteRange) (ObjectMeta, Reader, *Error) {
	result := allocate(40)
	hasLength, length := optional(wanted.LengthBytes)
	hostRead(key, wanted.OffsetBytes, hasLength, length, result.at(0))
	if err := result.failure(8); err != nil {
		return ObjectMeta{}, nil, err
	}
	return result.meta(8), belowReader(result.u32(32)), nil
}

func belowWrite(key string, options WriteOptions) (Writer, *Error) {
	result := allocate(24)
	appends, appendAt := optional(options.AppendAtBytes)
	hostWrite(key, flag(options.IfAbsent), appends, appendAt, flag(options.Volatile), result.at(0))
	if err := result.failure(4); err != nil {
		return nil, err
	}
	return belowWriter(result.u32(4)), nil
}

func belowDelete(keys []string) *Error {
	result, list := allocate(24), allocate(8)
	start := list.setList(0, uint32(len(keys)), 8)
	for i, key := range keys {
		(start + address(i)*8).setText(0, key)
	}
	hostDelete(start.at(0), uint32(len(keys)), result.at(0))
	return result.failure(4)
}

func belowList(request ListRequest) (ListPage, *Error) {
	result := allocate(24)
	hostList(request.Prefix, flag(request.After != ""), request.After, request.Limit, flag(request.Subtree), result.at(0))
	if err := result.failure(4); err != nil {
		return ListPage{}, err
	}
	page := ListPage{More: result.u8(12) != 0}
	start, count := result.list(4)
	for i := range count {
		element := start + address(i)*40
		entry := ListEntry{Name: element.text(0)}
		if element.u8(8) != 0 {
			meta := element.meta(16)
			entry.Object = &meta
		}
		page.Entries = append(page.Entries, entry)
	}
	return page, nil
}

// An object of the storage below that is being read.
type belowReader uint32

func (r belowReader) Read(bytesMax uint32) ([]byte, *Error) {
	result := allocate(24)
	hostReaderRead(uint32(r), bytesMax, result.at(0))
	if err := result.failure(4); err != nil {
		return nil, err
	}
	return result.bytes(4), nil
}

func (r belowReader) Close() { hostDropReader(uint32(r)) }

// An object of the storage below that is being written.
type belowWriter uint32

func (w belowWriter) Write(chunk []byte) *Error {
	result := allocate(24)
	hostWriterWrite(uint32(w), unsafe.Pointer(unsafe.SliceData(chunk)), uint32(len(chunk)), result.at(0))
	return result.failure(4)
}

func (w belowWriter) Finish() (uint64, *Error) {
	result := allocate(32)
	hostWriterFinish(uint32(w), result.at(0))
	if err := result.failure(8); err != nil {
		return 0, err
	}
	return result.u64(8), nil
}

func (w belowWriter) Close() { hostDropWriter(uint32(w)) }

func optional(value *uint64) (uint32, uint64) {
	if value == nil {
		return 0, 0
	}
	return 1, *value
}

func flag(value bool) uint32 {
	if value {
		return 1
	}
	return 0
}

func (a address) meta(offset uint32) ObjectMeta {
	meta := ObjectMeta{SizeBytes: a.u64(offset)}
	if a.u8(offset+8) != 0 {
		meta.ModifiedMs = a.u64(offset + 16)
	}
	return meta
}

// The error that a result is, if it is one; its payload lies at the offset.
func (a address) failure(offset uint32) *Error {
	if a.u8(0) == 0 {
		return nil
	}
	err := &Error{Kind: ErrorKind(a.u8(offset))}
	switch err.Kind {
	case PermissionDenied, Corrupt, Other:
		err.Text = a.text(offset + 4)
	case Unavailable:
		if a.u8(offset+4) != 0 {
			err.RetryAfterMs = a.u32(offset + 8)
		}
		err.Text = a.text(offset + 12)
	}
	return err
}
