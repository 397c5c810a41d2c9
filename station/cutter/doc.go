// Package cutter decides which samples of a receiver become captures: those of a schedule aligned to UTC, those above a level,
// and those asked for. It keeps the last seconds in memory, and cuts a capture when all of its samples have come. A capture
// never spans a gap or a change of frequency.
package cutter
