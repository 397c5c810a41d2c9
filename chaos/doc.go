// Package chaos proves that foxhunt loses nothing and doubles nothing. It starts real servers and real workers on one
// machine, publishes captures with known ids, hurts what it has started, and keeps a [Ledger]: a capture that got its
// PubAck must end as a fix or as a dead letter, never as neither, and never as two fixes that differ in more than their
// times. Captures of single stations, which meet, have an [EventLedger]: each ends in the one fix of its emission, or as a dead
// letter. The scenarios are this package's tests; docs/chaos.md lists them.
package chaos
