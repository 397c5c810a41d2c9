// Package station turns recordings of receivers into captures. It reads KiwiSDR recordings
// with GNSS time, SigMF recordings and archives, plain two-channel wav files and raw IQ files, knows the stations' places
// from a YAML list, and cuts recordings either into one capture of several receivers over
// their common time (Bundle) or into a sequence of captures of one receiver (Sequence).
package station
