package main

// What package os can't do: it speaks WASI 0.1, where a folder can't be synced. This asks WASI 0.2 itself.

import "unsafe"

//go:wasmimport wasi:filesystem/preopens@0.2.12 get-directories
func hostDirectories(result unsafe.Pointer)

//go:wasmimport wasi:filesystem/types@0.2.12 [method]descriptor.open-at
func hostOpenAt(descriptor, pathFlags uint32, path string, openFlags, flags uint32, result unsafe.Pointer)

//go:wasmimport wasi:filesystem/types@0.2.12 [method]descriptor.sync
func hostSync(descriptor uint32, result unsafe.Pointer)

//go:wasmimport wasi:filesystem/types@0.2.12 [resource-drop]descriptor
func hostDropDescriptor(descriptor uint32)

const (
	openDirectory = 1 << 1
	forReading    = 1 << 0
	noEntry       = 20
)

// SyncFolder makes the names in a folder durable. The folder is named relative to a directory that was granted. One that is not
// there any more is no failure.
func SyncFolder(granted, folder string) bool {
	synced := false
	result := allocate(8)
	hostDirectories(result.at(0))
	start, count := result.list(0)
	for i := range count {
		// A tuple<descriptor, string>.
		element := start + address(i)*12
		if element.text(4) == granted {
			synced = syncAt(element.u32(0), folder)
		}
		hostDropDescriptor(element.u32(0))
	}
	return synced
}

func syncAt(directory uint32, folder string) bool {
	opened, synced := allocate(8), allocate(8)
	hostOpenAt(directory, 0, folder, openDirectory, forReading, opened.at(0))
	if opened.u8(0) != 0 {
		return opened.u8(4) == noEntry
	}
	hostSync(opened.u32(4), synced.at(0))
	hostDropDescriptor(opened.u32(4))
	return synced.u8(0) == 0
}
