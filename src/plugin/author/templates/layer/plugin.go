package main

// A storage layer: keeps everything under a prefix of the storage below, so that two registries can share one.
//
// What is below has the same interface as what is exported here. A layer changes keys, bytes, or both: this one changes keys
// only. The host reads and writes through Reader and Writer, where a layer that changes bytes wraps those of below.
//
// This is stock Go without a module: wharf.go and below.go have the types and functions of the world, memory.go moves values.
// A panic is a trap: the instance is lost, and so is the transfer.

import "strings"

func prefix() string {
	if value, ok := Setting("prefix"); ok {
		return value
	}
	return "shared"
}

func moved(key string) string { return prefix() + "/" + key }

// Init is called once on each new instance; what is below has been started by the host.
func Init() *InitError {
	if prefix := prefix(); prefix == "" || strings.HasPrefix(prefix, "/") || strings.HasSuffix(prefix, "/") {
		return &InitError{Config: []ConfigProblem{{"prefix", "is empty, or begins or ends with a slash"}}}
	}
	return nil
}

// Health asks the storage below.
func Health() *Error { return belowHealth() }

// Capabilities tells only what this layer can pass on or do itself; server-side assembly is an interface that it does not export.
func Capabilities() uint32 { return hostCapabilities() &^ CanAssembleServerSide }

// Stat tells size and age of an object.
func Stat(key string) (ObjectMeta, *Error) { return belowStat(moved(key)) }

// Read opens an object for reading.
func Read(key string, wanted ByteRange) (ObjectMeta, Reader, *Error) {
	return belowRead(moved(key), wanted)
}

// Write opens a new object for writing.
func Write(key string, options WriteOptions) (Writer, *Error) { return belowWrite(moved(key), options) }

// Delete deletes objects.
func Delete(keys []string) *Error {
	for i, key := range keys {
		keys[i] = moved(key)
	}
	return belowDelete(keys)
}

// List gives one page. What it shows is relative to the prefix, so only that is moved.
func List(request ListRequest) (ListPage, *Error) {
	request.Prefix = moved(request.Prefix)
	return belowList(request)
}
