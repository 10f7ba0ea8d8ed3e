package main

// How values cross between the host and this plugin (the canonical ABI of the component model), as far as the worlds of Wharf
// need it. Nothing here has to change when the plugin does; wharf.go says which value lies where.

import "unsafe"

// What the host was given during this call. The garbage collector must leave it alone until the call has ended.
var kept []unsafe.Pointer

// Memory for what the host hands over during a call. It is set aside here, because while the host asks for memory nothing may be
// asked of the host: an allocation of Go's can start its garbage collector, that reads the clock, and the call would trap.
var arena [8 << 20]byte
var arenaUsed uintptr

// The host asks for memory in which to put what it hands over.
//
//go:wasmexport cabi_realloc
//go:nosplit
func cabiRealloc(old, oldBytes, align, bytes uint32) uint32 {
	base := uintptr(unsafe.Pointer(&arena))
	start := (base + arenaUsed + uintptr(align) - 1) &^ (uintptr(align) - 1)
	end := start + uintptr(bytes) - base
	// No memory: the host ends the call.
	if end > uintptr(len(arena)) || end < arenaUsed {
		return 0
	}
	arenaUsed = end
	if old != 0 {
		target := unsafe.Slice((*byte)(unsafe.Pointer(start)), bytes)
		copy(target, unsafe.Slice((*byte)(unsafe.Pointer(uintptr(old))), oldBytes))
	}
	return uint32(start)
}

// The adapter between WASI 0.1, which Go speaks, and WASI 0.2 needs memory before Go's runtime has any to give: it is set
// aside here, and this function may neither allocate nor grow its stack.
var adapterMemory [4 * 65536]byte
var adapterUsed uintptr

//go:wasmexport cabi_realloc_adapter
//go:nosplit
func cabiReallocAdapter(old, oldBytes, align, bytes uint32) uint32 {
	base := uintptr(unsafe.Pointer(&adapterMemory))
	start := (base + adapterUsed + uintptr(align) - 1) &^ (uintptr(align) - 1)
	end := start + uintptr(bytes) - base
	if end > uintptr(len(adapterMemory)) {
		return 0
	}
	adapterUsed = end
	return uint32(start)
}

// Ends a call: the host has read what it was given.
func release() { kept, arenaUsed = kept[:0], 0 }

// A place in memory.
type address uint32

// Cleared, as a new variable is: what is not set is a zero, an empty text or a none.
func allocate(bytes uint32) address {
	if bytes == 0 {
		return 8
	}
	block := make([]uint64, (bytes+7)/8)
	kept = append(kept, unsafe.Pointer(&block[0]))
	return address(uintptr(unsafe.Pointer(&block[0])))
}

func (a address) at(offset uint32) unsafe.Pointer { return unsafe.Pointer(uintptr(uint32(a) + offset)) }

func (a address) u8(offset uint32) uint8             { return *(*uint8)(a.at(offset)) }
func (a address) u32(offset uint32) uint32           { return *(*uint32)(a.at(offset)) }
func (a address) u64(offset uint32) uint64           { return *(*uint64)(a.at(offset)) }
func (a address) setU8(offset uint32, value uint8)   { *(*uint8)(a.at(offset)) = value }
func (a address) setU32(offset uint32, value uint32) { *(*uint32)(a.at(offset)) = value }
func (a address) setU64(offset uint32, value uint64) { *(*uint64)(a.at(offset)) = value }

func (a address) setBool(offset uint32, value bool) {
	if value {
		a.setU8(offset, 1)
	}
}

// A list<u8>, copied out.
func (a address) bytes(offset uint32) []byte {
	start, count := a.list(offset)
	return append([]byte(nil), unsafe.Slice((*byte)(start.at(0)), count)...)
}

func (a address) text(offset uint32) string { return string(a.bytes(offset)) }

// An option<string>: nil for none.
func (a address) optionalText(offset uint32) *string {
	if a.u8(offset) == 0 {
		return nil
	}
	text := a.text(offset + 4)
	return &text
}

// Where the elements of a list are, and how many.
func (a address) list(offset uint32) (address, uint32) {
	return address(a.u32(offset)), a.u32(offset + 4)
}

func (a address) setBytes(offset uint32, value []byte) {
	if len(value) == 0 {
		a.setU32(offset, 1)
		a.setU32(offset+4, 0)
		return
	}
	at := unsafe.Pointer(&value[0])
	kept = append(kept, at)
	a.setU32(offset, uint32(uintptr(at)))
	a.setU32(offset+4, uint32(len(value)))
}

func (a address) setText(offset uint32, value string) { a.setBytes(offset, []byte(value)) }

func (a address) setOptionalText(offset uint32, value *string) {
	if value != nil {
		a.setU8(offset, 1)
		a.setText(offset+4, *value)
	}
}

// Makes room for a list, and says where its elements go.
func (a address) setList(offset, count, elementBytes uint32) address {
	elements := allocate(count * elementBytes)
	a.setU32(offset, uint32(elements))
	a.setU32(offset+4, count)
	return elements
}

// A list<tuple<string, string>>.
func (a address) pairs(offset uint32) [][2]string {
	start, count := a.list(offset)
	pairs := make([][2]string, count)
	for i := range pairs {
		element := start + address(i)*16
		pairs[i] = [2]string{element.text(0), element.text(8)}
	}
	return pairs
}

func (a address) setPairs(offset uint32, pairs [][2]string) {
	start := a.setList(offset, uint32(len(pairs)), 16)
	for i, pair := range pairs {
		element := start + address(i)*16
		element.setText(0, pair[0])
		element.setText(8, pair[1])
	}
}

// ConfigProblem is a configuration key that is missing or wrong.
type ConfigProblem struct {
	Key, Problem string
}

// InitError says why an instance can't start. One of the three is set.
type InitError struct {
	Config             []ConfigProblem
	Unavailable, Other string
}

// A result<_, init-error>.
func initResult(err *InitError) address {
	result := allocate(16)
	switch {
	case err == nil:
	case len(err.Config) > 0:
		result.setU8(0, 1)
		start := result.setList(8, uint32(len(err.Config)), 16)
		for i, problem := range err.Config {
			element := start + address(i)*16
			element.setText(0, problem.Key)
			element.setText(8, problem.Problem)
		}
	case err.Unavailable != "":
		result.setU8(0, 1)
		result.setU8(4, 1)
		result.setText(8, err.Unavailable)
	default:
		result.setU8(0, 1)
		result.setU8(4, 2)
		result.setText(8, err.Other)
	}
	return result
}

//go:wasmimport wasi:config/store@0.2.0-rc.1 get
func hostConfigGet(key string, result unsafe.Pointer)

// Setting is a value of the plugin's configuration, and whether there is one.
func Setting(key string) (string, bool) {
	result := allocate(16)
	hostConfigGet(key, result.at(0))
	if result.u8(0) != 0 || result.u8(4) == 0 {
		return "", false
	}
	return result.text(8), true
}

//go:wasmimport wasi:logging/logging@0.1.0-draft log
func hostLog(level uint32, context, message string)

// The levels of the log.
const (
	LevelTrace = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelCritical
)

// Log writes a line to the server's log.
func Log(level uint32, message string) { hostLog(level, "auth-go", message) }

// The library form of a Go program needs a main, and never runs it.
func main() {}
