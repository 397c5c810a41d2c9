package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// Codes of the errors this package returns. They do not change.
const (
	CodeBadOption        = "bad_option"         // an option of ours makes no sense
	CodeNotConnected     = "not_connected"      // no server could be reached in time
	CodeNotAuthorized    = "not_authorized"     // the server does not accept the credentials
	CodeRefused          = "refused"            // the server's permissions forbid it
	CodeNoStream         = "no_stream"          // nothing stores this subject
	CodeStationOverLimit = "station_over_limit" // too many captures of this subject wait already
	CodeStreamFull       = "stream_full"        // the whole stream is at its limit
	CodeNoRoom           = "no_room"            // the server cannot set aside what a stream or bucket is to hold
	CodeTooLarge         = "too_large"          // more bytes than the server or the stream takes
	CodeTimeout          = "timeout"            // no answer in time
	CodeBadSetup         = "bad_setup"          // the server has no JetStream, or cannot have a stream or consumer like this
	CodeServer           = "server_error"       // the server answered with another error
)

// ErrStopped is returned by Source.Next and Fixes.Next when nothing more will come.
var ErrStopped = errors.New("stopped")

// Error is an error with a stable code and a sentence that helps.
type Error struct {
	Code, Reason string
	Cause        error // may be nil
}

func (e *Error) Error() string { return e.Code + ": " + e.Reason }
func (e *Error) Unwrap() error { return e.Cause }

// Passing reports whether the same call may succeed later without anyone changing anything.
func (e *Error) Passing() bool {
	switch e.Code {
	case CodeNotConnected, CodeNoStream, CodeStationOverLimit, CodeStreamFull, CodeNoRoom, CodeTimeout, CodeServer:
		return true
	}
	return false
}

// isFinal reports whether no later attempt of the same call can succeed, or may be made.
func isFinal(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Code == CodeNoStream || e.Code == CodeRefused)
}

// isRefused reports whether the server's permissions forbid it.
func isRefused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == CodeRefused
}

func fail(code string, cause error, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...), Cause: cause}
}

// explain turns an error of nats.go about subject into one of ours.
func explain(subject string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var api *js.APIError
	if errors.As(err, &api) {
		return explainAPI(subject, api)
	}
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		return fail(CodeRefused, err, "the server's permissions do not allow %s; ask its operator for the right to it", subject)
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, js.ErrNoStreamResponse):
		return fail(CodeNoStream, err, "no stream answers for %s: none is made yet (start foxhunt worker or up), JetStream is off, or the "+
			"cluster has lost its majority; foxhunt doctor tells which", subject)
	case errors.Is(err, js.ErrStreamNotFound):
		return fail(CodeNoStream, err, "no foxhunt is listening: no stream stores %s; start foxhunt up or foxhunt worker on this server", subject)
	case errors.Is(err, nats.ErrMaxPayload):
		return fail(CodeTooLarge, err, "the message for %s is larger than the server's max_payload", subject)
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected),
		errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionReconnecting):
		return fail(CodeNotConnected, err, "the connection to NATS is down, so %s was not reached", subject)
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return fail(CodeTimeout, err, "no answer about %s in time; the server may be busy or gone", subject)
	case errors.Is(err, context.Canceled):
		return fail(CodeTimeout, err, "the call about %s was given up before an answer came", subject)
	}
	return fail(CodeServer, err, "%s: %v", subject, err)
}

// explainSetup is explain for what manages streams and consumers. There silence has another cause, and a server that finds
// fault with a request will do so again.
func explainSetup(what string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return &Error{own.Code, what + ": " + own.Reason, err}
	}
	var api *js.APIError
	isAPI := errors.As(err, &api)
	switch {
	case errors.Is(err, nats.ErrNoResponders), isAPI && (api.ErrorCode == js.JSErrCodeJetStreamNotEnabled || api.ErrorCode == js.JSErrCodeJetStreamNotEnabledForAccount):
		return fail(CodeBadSetup, err, "%s: this NATS server or account has JetStream switched off; start nats-server with --jetstream "+
			"(jetstream {} in its file), or switch it on for the account", what)
	case isNoRoom(err):
		return fail(CodeNoRoom, err, "%s: the server has no room to set its bytes aside (%s): what all streams and buckets may hold is more than "+
			"max_file_store, which without a setting is three quarters of what its disk had free at the start; free disk and restart the server, raise "+
			"max_file_store, or ask for less: --captures-bytes, --fixes-bytes, --dead-bytes; foxhunt doctor --nats-monitor shows what is set aside "+
			"(nats_store)", what, api.Description)
	case isAPI && api.ErrorCode == codeNoPeers: // some may be down
		return fail(CodeServer, err, "%s: the cluster has too few servers for so many replicas just now (%s)", what, api.Description)
	case isAPI && isLasting(api) && explain(what, err).Code == CodeServer:
		return fail(CodeBadSetup, err, "%s: %s (%d)%s", what, api.Description, api.ErrorCode, setupHint(api.ErrorCode))
	}
	return explain(what, err)
}

// isLasting reports whether the server will find the same fault again; a few of those come with HTTP's 500.
func isLasting(api *js.APIError) bool {
	return api.Code < 500 || api.ErrorCode == codeInvalidStreamConfig || api.ErrorCode == codeReplicasNotSupported
}

// setupHint says what to do about a fault that stays.
func setupHint(code js.ErrorCode) string {
	switch code {
	case codeReplicasNotSupported:
		return "; three replicas need a cluster of three nats-servers: use --profile single, or make it one"
	case codeConsumerNotUnique, codeFilterNotUnique:
		return "; the stream is a work queue, in which each subject goes to one consumer only: choose filters that do not " +
			"overlap (--filter), or delete the other consumer"
	case codeSubjectOverlap:
		return "; another stream has the subjects: perhaps foxhunt's own, under another --stream-prefix"
	case codeInvalidStreamConfig:
		return "; what cannot be changed on a live stream asks for a new one: let the workers drain it, then delete it"
	}
	return ""
}

// Codes of nats-server's API errors that nats.go has no name for.
const (
	codeNoPeers               = 10005
	codeInsufficientResources = 10023
	codeSequenceNotFound      = 10043
	codeStorageExceeded       = 10047
	codeSubjectOverlap        = 10065
	codeReplicasNotSupported  = 10074
	codeHeaderTooLarge        = 10097
	codeConsumerNotUnique     = 10099
	codeFilterNotUnique       = 10100
	codeInvalidStreamConfig   = 10052 // with HTTP's 500
	codeStreamBytesExceeded   = 10122
	codeStoreFailed           = 10077 // covers every limit of a stream with Discard=New; the description says which
)

// isNoRoom reports whether the server has no room for a stream with such a MaxBytes.
func isNoRoom(err error) bool {
	var api *js.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeStorageExceeded || api.ErrorCode == codeStreamBytesExceeded ||
		api.ErrorCode == codeNoPeers && strings.Contains(api.Description, "insufficient storage")) // in a cluster
}

func explainAPI(subject string, api *js.APIError) *Error {
	switch {
	case api.ErrorCode == codeStoreFailed && strings.Contains(api.Description, "per subject"):
		return fail(CodeStationOverLimit, api, "%s has as many captures waiting as one subject may have, so this one was refused: "+
			"the workers are behind; keep the capture and send it again later, and add workers if this lasts", subject)
	case api.ErrorCode == codeStoreFailed, api.ErrorCode == codeStorageExceeded, api.ErrorCode == codeInsufficientResources,
		api.ErrorCode == codeStreamBytesExceeded:
		return fail(CodeStreamFull, api, "the server has no room for %s (%s); keep it and send it again later, and add workers, or raise "+
			"the limits, if this lasts", subject, api.Description)
	case api.ErrorCode == js.JSErrCodeStreamMessageExceedsMaximum:
		return fail(CodeTooLarge, api, "the message for %s is larger than its stream takes", subject)
	case api.ErrorCode == codeHeaderTooLarge:
		return fail(CodeTooLarge, api, "the message for %s has more than 64 KiB of headers, which is the most that JetStream takes", subject)
	case api.ErrorCode == js.JSErrCodeStreamNotFound:
		return fail(CodeNoStream, api, "no foxhunt is listening: no stream stores %s; start foxhunt up or foxhunt worker on this server", subject)
	}
	return fail(CodeServer, api, "%s: %s (%d)", subject, api.Description, api.ErrorCode)
}
