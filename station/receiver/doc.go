// Package receiver gives a station its samples and the times at which they were taken: from an rtl_tcp server, from a pipe
// such as rtl_sdr's, or from recordings.
//
// Live sources say nothing of time. There the samples are counted, and held against the system's clock as they arrive: whatever
// lies between a receiver and this program only delays, so the earliest arrivals show when samples were taken, but for a
// constant delay that nothing here can see. Its uncertainty is in what a block says of its time.
package receiver
