package main

// The world wharf:notify/notification-hook@0.1.0: its types for plugin.go, and its functions as the host calls them.

// What a hook can subscribe to.
const (
	OnPush uint8 = 1 << iota
	OnPull
	OnMount
	OnDelete
)

// The levels of log records that a hook can subscribe to.
const (
	OnPanic uint8 = 1 << iota
	OnFatal
	OnError
	OnWarn
	OnInfo
	OnDebug
	OnTrace
)

// Subscription says what a hook wants to hear of.
type Subscription struct {
	Actions, Levels uint8
	Server          bool
}

// Action is what was done to a repository.
type Action uint8

// The actions.
const (
	Push Action = iota
	Pull
	Mount
	Delete
)

// Descriptor is content by its digest.
type Descriptor struct {
	MediaType, Digest string
	SizeBytes         uint64
}

// Target is what an action was about.
type Target struct {
	Repository     string
	Content        *Descriptor
	Tag, URL       *string
	FromRepository *string
	References     []Descriptor
}

// Request is the request behind an action.
type Request struct {
	ID, Addr, Host, Method, UserAgent string
}

// RegistryEvent says that something was done to a repository.
type RegistryEvent struct {
	Action  Action
	Target  Target
	Request Request
	Actor   *string
}

// LogRecord is a record of the server's log; its level counts as in Subscription: 0 is a panic.
type LogRecord struct {
	Level   uint8
	Message string
	Fields  [][2]string
}

// ServerEvent is a moment in the server's own life: started, stopping, plugin swapped, plugin failing, collection finished.
type ServerEvent struct {
	Moment     uint8
	Attributes [][2]string
}

// Event is one event. One of Registry, Log and Server is set, or none that this version knows.
type Event struct {
	ID                    string
	Sequence, TimestampMs uint64
	Attempt               uint32
	Source                string
	Registry              *RegistryEvent
	Log                   *LogRecord
	Server                *ServerEvent
	Attributes            [][2]string
}

// Outcome says what became of an event; the zero value means done.
type Outcome struct {
	RetryAfterMs uint32
	Drop         string
}

// Failure says that the hook can't do its work. Unavailable: the same call may succeed later.
type Failure struct {
	Unavailable bool
	Reason      string
}

//go:wasmexport wharf:notify/hook@0.1.0#init
func exportInit() uint32 { return uint32(initResult(Init())) }

//go:wasmexport cabi_post_wharf:notify/hook@0.1.0#init
func afterInit(uint32) { release() }

//go:wasmexport wharf:notify/hook@0.1.0#health
func exportHealth() uint32 {
	result := allocate(16)
	if failure := Health(); failure != nil {
		result.setU8(0, 1)
		result.setBool(4, !failure.Unavailable)
		result.setText(8, failure.Reason)
	}
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:notify/hook@0.1.0#health
func afterHealth(uint32) { release() }

//go:wasmexport wharf:notify/hook@0.1.0#subscriptions
func exportSubscriptions() uint32 {
	wanted, result := Subscriptions(), allocate(3)
	result.setU8(0, wanted.Actions)
	result.setU8(1, wanted.Levels)
	result.setBool(2, wanted.Server)
	return uint32(result)
}

//go:wasmexport wharf:notify/hook@0.1.0#handle
func exportHandle(start, count uint32) uint32 {
	events := make([]Event, count)
	for i := range events {
		events[i] = (address(start) + address(i)*eventBytes).event()
	}
	outcomes, result := Handle(events), allocate(8)
	elements := result.setList(0, uint32(len(outcomes)), 12)
	for i, outcome := range outcomes {
		element := elements + address(i)*12
		switch {
		case outcome.Drop != "":
			element.setU8(0, 2)
			element.setText(4, outcome.Drop)
		case outcome.RetryAfterMs > 0:
			element.setU8(0, 1)
			element.setU32(4, outcome.RetryAfterMs)
		}
	}
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:notify/hook@0.1.0#handle
func afterHandle(uint32) { release() }

// Sizes and offsets follow from the WIT: the fields in their order, each aligned to its own size.
const (
	descriptorBytes = 24
	targetBytes     = 88
	eventBytes      = 208
)

func (a address) event() Event {
	event := Event{
		ID: a.text(0), Sequence: a.u64(8), TimestampMs: a.u64(16), Attempt: a.u32(24), Source: a.text(28), Attributes: a.pairs(200),
	}
	subject := a + 48
	switch a.u8(40) {
	case 0:
		event.Registry = &RegistryEvent{
			Action: Action(subject.u8(0)), Target: (subject + 8).target(), Request: (subject + 8 + targetBytes).request(),
			Actor: subject.optionalText(8 + targetBytes + 40),
		}
	case 1:
		event.Log = &LogRecord{Level: subject.u8(0), Message: subject.text(4), Fields: subject.pairs(12)}
	case 2:
		event.Server = &ServerEvent{Moment: subject.u8(0), Attributes: subject.pairs(4)}
	}
	return event
}

func (a address) target() Target {
	target := Target{
		Repository: a.text(0), Tag: a.optionalText(40), URL: a.optionalText(52), FromRepository: a.optionalText(64),
	}
	if a.u8(8) == 1 {
		content := (a + 16).descriptor()
		target.Content = &content
	}
	start, count := a.list(76)
	for i := range count {
		target.References = append(target.References, (start + address(i)*descriptorBytes).descriptor())
	}
	return target
}

func (a address) descriptor() Descriptor {
	return Descriptor{MediaType: a.text(0), Digest: a.text(8), SizeBytes: a.u64(16)}
}

func (a address) request() Request {
	return Request{ID: a.text(0), Addr: a.text(8), Host: a.text(16), Method: a.text(24), UserAgent: a.text(32)}
}
