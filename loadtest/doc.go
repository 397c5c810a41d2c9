// Package loadtest sends captures to a running deployment at a chosen pace, waits for their fixes, and reports what came of
// them: latencies of cache hits and misses apart, failures by code, a ledger of what was sent, and whether the service levels
// were met. It judges itself first: of a run whose generator could not keep its own pace it says nothing else.
package loadtest
