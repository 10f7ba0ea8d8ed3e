package main

// Lets machines in by the network that they are in: see README.md. Stock Go, without a module.

import (
	"fmt"
	"net/netip"
	"strings"
)

// A line of the configuration.
type rule struct {
	network netip.Prefix
	// What a repository's name must begin with; empty for every repository and the catalog.
	prefix  string
	actions map[Action]bool
}

var actionNames = map[string]Action{"pull": Pull, "push": Push, "delete": Delete, "all": All}

// Init checks the rules.
func Init() *InitError {
	if _, err := rules(); err != nil {
		return &InitError{Config: []ConfigProblem{{"networks", err.Error()}}}
	}
	return nil
}

// Health has nothing to ask.
func Health() *Failure { return nil }

// Authorize looks at the peer's address only. Behind a proxy that is the proxy's: see README.md.
func Authorize(context RequestContext, wanted []Access) (Decision, *Failure) {
	rules, err := rules()
	if err != nil {
		return nil, &Failure{Reason: err.Error()}
	}
	if context.Credentials.Kind != Anonymous {
		// Credentials that are presented and can't be checked are refused, never ignored.
		return Challenge{WWWAuthenticate: `Basic realm="networks"`, Reason: "credentials, where none are asked for"}, nil
	}
	if context.Peer == nil {
		return Denied{Reason: "this registry lets machines in by their address, and you have none"}, nil
	}
	peer, err := netip.ParseAddr(*context.Peer)
	if err != nil {
		return Denied{Reason: "your address can't be understood"}, nil
	}
	peer = peer.Unmap()
	if len(wanted) == 0 && !anywhere(rules, peer) {
		return Denied{Reason: fmt.Sprintf("nobody at %v may do anything here", peer)}, nil
	}
	for _, access := range wanted {
		if !allowed(rules, peer, access) {
			return Denied{Reason: fmt.Sprintf("nobody at %v may do this", peer)}, nil
		}
	}
	// Not remembered: the host remembers by credentials, and there are none.
	return Granted{Attributes: [][2]string{{"network", peer.String()}}, Access: wanted}, nil
}

func anywhere(rules []rule, peer netip.Addr) bool {
	for _, rule := range rules {
		if rule.network.Contains(peer) {
			return true
		}
	}
	return false
}

func allowed(rules []rule, peer netip.Addr, access Access) bool {
	for _, rule := range rules {
		named := strings.HasPrefix(access.Repository, rule.prefix)
		if access.Catalog {
			named = rule.prefix == ""
		}
		if named && rule.actions[access.Action] && rule.network.Contains(peer) {
			return true
		}
	}
	return false
}

// The rules of the configuration: lines of a network, the beginning of repository names (`*` for all), and actions.
func rules() ([]rule, error) {
	text, ok := Setting("networks")
	if !ok {
		return nil, fmt.Errorf("is missing: give it a line such as \"10.0.0.0/8 team/ pull,push\" for each network")
	}
	var rules []rule
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 3 {
			return nil, fmt.Errorf("has the line %q, which is not: network, repositories, actions", strings.TrimSpace(line))
		}
		network, err := netip.ParsePrefix(words[0])
		if err != nil {
			return nil, fmt.Errorf("has %q, which is no network: %v", words[0], err)
		}
		actions := map[Action]bool{}
		for name := range strings.SplitSeq(words[2], ",") {
			action, known := actionNames[name]
			if !known {
				return nil, fmt.Errorf("has the action %q; there are pull, push, delete and all", name)
			}
			actions[action] = true
		}
		rules = append(rules, rule{network: network, prefix: strings.TrimSuffix(words[1], "*"), actions: actions})
	}
	return rules, nil
}
