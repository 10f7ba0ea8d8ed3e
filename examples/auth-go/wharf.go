package main

// The world wharf:auth/auth-provider@0.1.0: its types for plugin.go, and its functions as the host calls them.

// Action is what is done with a resource.
type Action uint8

// The actions.
const (
	Pull Action = iota
	Push
	Delete
	All
)

// Access is one thing that a request is about to do: with a repository, or with the catalog.
type Access struct {
	Repository string
	Catalog    bool
	Action     Action
}

// CredentialsKind says what stands in the request's Authorization header.
type CredentialsKind uint8

// The kinds of credentials.
const (
	Anonymous CredentialsKind = iota
	Basic
	Bearer
	Unusable
)

// Credentials are what the client sent: a name and a password, or a token; for unusable ones the token says why.
type Credentials struct {
	Kind                      CredentialsKind
	Username, Password, Token string
}

// RequestContext is what a provider sees of a request.
type RequestContext struct {
	Method, Path string
	Credentials  Credentials
	Headers      [][2]string
	Peer         *string
	Scheme, Host string
	NowMs        uint64
	RequestID    string
	Attributes   [][2]string
}

// Decision is one of Granted, Challenge and Denied.
type Decision interface{ store(address) }

// Granted lets the request go on.
type Granted struct {
	Name       string
	Attributes [][2]string
	Access     []Access
	// For how long the host may answer from this; 0: not at all.
	TimeToLiveMs uint32
	CacheKey     *string
}

// Challenge asks for (other) credentials: 401.
type Challenge struct {
	WWWAuthenticate, Reason string
	CacheKey                *string
}

// Denied says no: 403.
type Denied struct {
	Reason   string
	CacheKey *string
}

// Failure says that the provider could not decide: 503. Unavailable: the same call may succeed later.
type Failure struct {
	Unavailable bool
	Reason      string
}

//go:wasmexport wharf:auth/provider@0.1.0#init
func exportInit() uint32 { return uint32(initResult(Init())) }

//go:wasmexport cabi_post_wharf:auth/provider@0.1.0#init
func afterInit(uint32) { release() }

//go:wasmexport wharf:auth/provider@0.1.0#health
func exportHealth() uint32 {
	result := allocate(16)
	result.setFailure(4, Health())
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:auth/provider@0.1.0#health
func afterHealth(uint32) { release() }

//go:wasmexport wharf:auth/provider@0.1.0#authorize
func exportAuthorize(arguments uint32) uint32 {
	given := address(arguments)
	decision, failure := Authorize(given.context(), given.accessList(96))
	result := allocate(56)
	if failure != nil {
		result.setFailure(4, failure)
	} else {
		decision.store(result + 4)
	}
	return uint32(result)
}

//go:wasmexport cabi_post_wharf:auth/provider@0.1.0#authorize
func afterAuthorize(uint32) { release() }

func (a address) context() RequestContext {
	context := RequestContext{
		Method: a.text(0), Path: a.text(8), Headers: a.pairs(36), Peer: a.optionalText(44), Scheme: a.text(56),
		Host: a.text(64), NowMs: a.u64(72), RequestID: a.text(80), Attributes: a.pairs(88),
	}
	credentials := &context.Credentials
	credentials.Kind = CredentialsKind(a.u8(16))
	switch credentials.Kind {
	case Basic:
		credentials.Username, credentials.Password = a.text(20), a.text(28)
	case Bearer, Unusable:
		credentials.Token = a.text(20)
	}
	return context
}

func (a address) accessList(offset uint32) []Access {
	start, count := a.list(offset)
	list := make([]Access, count)
	for i := range list {
		element := start + address(i)*16
		list[i].Action = Action(element.u8(12))
		if list[i].Catalog = element.u8(0) == 1; !list[i].Catalog {
			list[i].Repository = element.text(4)
		}
	}
	return list
}

func (a address) setFailure(offset uint32, failure *Failure) {
	if failure == nil {
		return
	}
	a.setU8(0, 1)
	a.setBool(offset, !failure.Unavailable)
	a.setText(offset+4, failure.Reason)
}

func (g Granted) store(to address) {
	to.setText(4, g.Name)
	to.setPairs(12, g.Attributes)
	start := to.setList(20, uint32(len(g.Access)), 16)
	for i, access := range g.Access {
		element := start + address(i)*16
		element.setBool(0, access.Catalog)
		if !access.Catalog {
			element.setText(4, access.Repository)
		}
		element.setU8(12, uint8(access.Action))
	}
	to.setBool(28, g.TimeToLiveMs > 0)
	to.setU32(32, g.TimeToLiveMs)
	to.setOptionalText(36, g.CacheKey)
}

func (c Challenge) store(to address) {
	to.setU8(0, 1)
	to.setText(4, c.WWWAuthenticate)
	to.setText(12, c.Reason)
	to.setOptionalText(20, c.CacheKey)
}

func (d Denied) store(to address) {
	to.setU8(0, 2)
	to.setText(4, d.Reason)
	to.setOptionalText(12, d.CacheKey)
}
