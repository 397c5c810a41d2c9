package station

import (
	"fmt"

	"foxhunt/messages"
)

// Codes of what this package refuses, as a *messages.Refusal.
const (
	CodeTooLarge          = "file_too_large"     // more than MaxFileBytes
	CodeNotWAV            = "not_wav"            // RIFF, but no wav file that holds IQ samples
	CodeNotIQ             = "not_iq"             // sound of some mode of reception
	CodeBadWAV            = "bad_wav"            // channels, bits or rate that no receiver here writes
	CodeNoTimestamps      = "no_timestamps"      // a KiwiSDR recording without GNSS time
	CodeBadTimestamps     = "bad_timestamps"     // its timestamps contradict the rate in its header
	CodeBadSigMF          = "bad_sigmf"          // SigMF metadata or an archive that is malformed, or says what cannot be carried
	CodeBadChecksum       = "bad_checksum"       // samples that are not those that the metadata are about
	CodeMissingOption     = "missing_option"     // the file does not say it, so the user must
	CodeBadStations       = "bad_stations"       // the stations file
	CodeUnknownStation    = "unknown_station"    // not in the stations file
	CodeNoRecordings      = "no_recordings"      // nothing to bundle
	CodeFrequencyMismatch = "frequency_mismatch" // recordings of different frequencies in one bundle
	CodeNoOverlap         = "no_overlap"         // recordings without common time
	CodeTooShort          = "too_short"          // less time than was asked for
	CodeTooLong           = "too_long"           // more than a capture holds
)

func refuse(code, format string, args ...any) error {
	return &messages.Refusal{Code: code, Reason: fmt.Sprintf(format, args...)}
}
