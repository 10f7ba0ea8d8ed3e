package main

// An auth provider: decides about every request that reaches the registry.
//
// It finds its users in its configuration under `users`, a line `NAME:PASSWORD` for each (the operator grants it as a
// secret), and lets anybody pull when `anonymous-pull` is `true`. Replace `whoIs` by what you need.
//
// This is stock Go without a module: wharf.go has the types of the world and what the host calls, memory.go moves values.
// A panic is a trap: the instance is lost, and the request is answered with 503.

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"
)

// Init is called once on each new instance. Check the configuration here, all keys at once, and keep it cheap.
func Init() *InitError {
	var problems []ConfigProblem
	if _, ok := Setting("users"); !ok {
		problem := "is missing: grant it as a secret that has a line NAME:PASSWORD for each user"
		problems = append(problems, ConfigProblem{"users", problem})
	}
	if value, ok := Setting("anonymous-pull"); ok && value != "true" && value != "false" {
		problems = append(problems, ConfigProblem{"anonymous-pull", "is neither true nor false"})
	}
	if problems != nil {
		return &InitError{Config: problems}
	}
	return nil
}

// Health is asked before this component takes over from another one, and by the health checks.
func Health() *Failure { return nil }

// Authorize decides about one request: context.Credentials says who comes, wanted what they are about to do; an empty list is
// a login.
func Authorize(context RequestContext, wanted []Access) (Decision, *Failure) {
	if user, ok := whoIs(context.Credentials); ok {
		return granted(user, wanted), nil
	}
	// Wrong credentials are refused, never treated as none.
	if context.Credentials.Kind == Anonymous && pullsOnly(wanted) {
		if value, _ := Setting("anonymous-pull"); value == "true" {
			return granted("", wanted), nil
		}
	}
	if context.Credentials.Kind == Basic {
		Log(LevelWarn, "wrong password of a user")
	}
	return Challenge{WWWAuthenticate: `Basic realm="{{name}}"`, Reason: "these credentials are not enough"}, nil
}

// The name of the user whom these credentials belong to.
func whoIs(credentials Credentials) (string, bool) {
	if credentials.Kind != Basic {
		return "", false
	}
	// The comparison runs for users who do not exist as well, so that time does not tell who does.
	expected, known := "", false
	users, _ := Setting("users")
	for line := range strings.Lines(users) {
		name, password, ok := strings.Cut(strings.TrimRight(line, "\n"), ":")
		if ok && name == credentials.Username {
			expected, known = password, true
		}
	}
	given, wanted := sha256.Sum256([]byte(credentials.Password)), sha256.Sum256([]byte(expected))
	same := subtle.ConstantTimeCompare(given[:], wanted[:]) == 1
	return credentials.Username, known && same
}

func pullsOnly(wanted []Access) bool {
	for _, access := range wanted {
		if access.Action != Pull {
			return false
		}
	}
	return len(wanted) > 0
}

// Grants what was wanted. The host may answer the same credentials from this for a minute without asking again.
func granted(name string, wanted []Access) Decision {
	grant := Granted{Name: name, Access: wanted, TimeToLiveMs: 60_000}
	if name != "" {
		grant.CacheKey = &name
	}
	return grant
}
