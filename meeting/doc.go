// Package meeting decides how captures that stations publish alone come together: which belong to one emission, when all
// that can be expected have come, and what becomes of each. It is pure: what it decides from, entries and times, is read and
// written by a [Store], and any number of workers decide side by side by compare-and-set.
//
// An event is the captures of one emission. Its [Entry] is open while more captures may join, closed when it is settled on
// which the fix rests, and then done or refused. Nothing is kept anywhere else, so a worker may die between any two steps.
package meeting
