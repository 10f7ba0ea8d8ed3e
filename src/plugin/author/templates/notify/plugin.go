package main

// A notification hook: is told what happens in the registry, and can tell others.
//
// It writes a line to the server's log for every push and every delete, of repositories that begin with `repositories` if that
// is configured. Replace `tell` by what you need.
//
// This is stock Go without a module: wharf.go has the types of the world and what the host calls, memory.go moves values.
// A panic is a trap: the instance is lost, and the whole batch comes again.

import "strings"

// Init is called once on each new instance. Check the configuration here, all keys at once.
func Init() *InitError {
	if value, ok := Setting("repositories"); ok && value == "" {
		problem := "is empty; leave it out to hear of every repository"
		return &InitError{Config: []ConfigProblem{{"repositories", problem}}}
	}
	return nil
}

// Health is asked before this component takes over from another one, and by the health checks.
func Health() *Failure { return nil }

// Subscriptions says what this hook wants to hear of.
func Subscriptions() Subscription {
	return Subscription{Actions: OnPush | OnDelete}
}

// Handle takes from 1 to 100 events and says of each what became of it: one outcome per event, in the same order. The zero
// Outcome means done; set RetryAfterMs or Drop otherwise.
func Handle(events []Event) []Outcome {
	outcomes := make([]Outcome, len(events))
	repositories, _ := Setting("repositories")
	for _, event := range events {
		if happened := event.Registry; happened != nil && strings.HasPrefix(happened.Target.Repository, repositories) {
			tell(happened)
		}
	}
	return outcomes
}

func tell(happened *RegistryEvent) {
	line := "somebody: "
	if happened.Actor != nil {
		line = *happened.Actor + ": "
	}
	line += [...]string{"push", "pull", "mount", "delete"}[happened.Action] + " " + happened.Target.Repository
	if tag := happened.Target.Tag; tag != nil {
		line += ":" + *tag
	}
	if content := happened.Target.Content; content != nil {
		line += " (" + content.Digest + ")"
	}
	Log(LevelInfo, line)
}
