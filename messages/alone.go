package messages

// AloneHeader is the header of a capture that is not to wait for those of other stations, because somebody waits for its answer.
// Its value says nothing.
const AloneHeader = "Foxhunt-Alone"

// CapturesHeader is the header of an event's fix that names the captures it rests on, a value each.
const CapturesHeader = "Foxhunt-Captures"
