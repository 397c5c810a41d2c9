// Package status shows how a station does: a page for people at /, which refreshes itself, and the same as JSON at /status.
//
// Nothing on it is secret: what is published anyway, and how the program does. There are no samples, no credentials and nothing to
// press, so that it may be shown to others; who can reach it learns where the receiver stands and what it listens to.
package status
