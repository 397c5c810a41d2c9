package receiver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"time"
)

// Commands of rtl_tcp: one byte, and a big-endian number of 32 bits.
const (
	commandFrequency  = 0x01 // Hz
	commandSampleRate = 0x02 // Hz
	commandGainMode   = 0x03 // 0: the tuner chooses, 1: by hand
	commandGain       = 0x04 // tenths of a dB
	commandCorrection = 0x05 // ppm
	commandAGC        = 0x08 // of the demodulator: 0 off, 1 on
)

// rtlHeader is how long what a server says first is: "RTL0", the tuner's type and the number of its gains.
const rtlHeader = 12

// errNoRTL says that a server is none of rtl_tcp's.
var errNoRTL = errors.New("no rtl_tcp server")

// readHeader reads what a server says first.
func readHeader(conn net.Conn) (tuner string, err error) {
	var header [rtlHeader]byte
	if err := conn.SetReadDeadline(time.Now().Add(connectTime)); err != nil {
		return "", err
	}
	n, err := io.ReadFull(conn, header[:])
	switch {
	case n > 0 && string(header[:min(n, 4)]) != "RTL0"[:min(n, 4)]:
		return "", fmt.Errorf("%w: it begins with %q rather than RTL0", errNoRTL, header[:n])
	case err != nil:
		return "", fmt.Errorf("it accepts connections, but does not say that it is rtl_tcp (%w), which serves one client at a time: is there another?", gone(err, connectTime))
	}
	return tunerName(binary.BigEndian.Uint32(header[4:])), nil
}

// tunerName is the name of a tuner by librtlsdr's numbers.
func tunerName(n uint32) string {
	names := []string{"unknown", "E4000", "FC0012", "FC0013", "FC2580", "R820T", "R828D"}
	if int64(n) < int64(len(names)) {
		return names[n]
	}
	return fmt.Sprintf("type %d", n)
}

// set sends all that the server must know.
func (r *RTLTCP) set(conn net.Conn) error {
	automatic := math.IsNaN(r.o.TunerGain)
	mode, gain := uint32(1), uint32(0)
	if automatic {
		mode = 0
	} else {
		gain = uint32(int32(math.Round(r.o.TunerGain * 10)))
	}
	type command struct {
		number byte
		value  uint32
	}
	commands := []command{
		{commandSampleRate, uint32(math.Round(r.o.SampleRate))},
		{commandCorrection, uint32(int32(r.o.Correction))},
		{commandFrequency, uint32(math.Round(r.frequency))},
		{commandAGC, 0},
		{commandGainMode, mode},
	}
	if !automatic {
		commands = append(commands, command{commandGain, gain})
	}
	for _, c := range commands {
		if err := send(conn, c.number, c.value); err != nil {
			return err
		}
	}
	return nil
}

func send(conn net.Conn, command byte, value uint32) error {
	if err := conn.SetWriteDeadline(time.Now().Add(connectTime)); err != nil {
		return err
	}
	_, err := conn.Write(binary.BigEndian.AppendUint32([]byte{command}, value))
	return err
}

// gone says why no more samples come.
func gone(err error, patience time.Duration) error {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the server closed the connection")
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("nothing came for %v", patience)
	}
	return err
}
