package rollout

import "time"

// Kinds of events. They do not change.
const (
	EventPushed     = "pushed"      // a model was put into the object store
	EventDeleted    = "deleted"     // a model was deleted from it
	EventPromoted   = "promoted"    // a model became champion
	EventRolledBack = "rolled_back" // a champion before became champion again
	EventSplit      = "split"       // a split began, or its share changed
	EventShadow     = "shadow"      // a shadow began, or its share changed
	EventStopped    = "stopped"     // a split or a shadow ended early
	EventLoaded     = "loaded"      // a worker serves a model that it did not serve before
	EventReloaded   = "reloaded"    // a worker serves another version of a reference
	EventRefused    = "refused"     // a worker does not serve a model, or follow a plan, and goes on as before
)

// Event is one thing that happened to the fleet's models, as JSON.
type Event struct {
	V        int       `json:"v"` // 1
	Kind     string    `json:"kind"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`               // a worker's name, or who gave the command
	Model    string    `json:"model,omitempty"`  // a reference
	Digest   string    `json:"digest,omitempty"` // SHA-256
	Code     string    `json:"code,omitempty"`   // of an error
	Sentence string    `json:"sentence"`         // for people
}
