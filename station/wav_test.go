package station

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"foxhunt/messages"
)

// wavFile is a plain wav file of two channels. tail goes after the samples.
func wavFile(tag, bits uint16, rate uint32, samples, tail []byte) []byte {
	size := bits / 4
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt ")
	body := binary.LittleEndian.AppendUint16(nil, tag)
	body = binary.LittleEndian.AppendUint16(body, 2)
	body = binary.LittleEndian.AppendUint32(body, rate)
	body = binary.LittleEndian.AppendUint32(body, rate*uint32(size))
	body = binary.LittleEndian.AppendUint16(body, size)
	body = binary.LittleEndian.AppendUint16(body, bits)
	if tag == wavExtensible {
		body = append(body, 22, 0, 16, 0, 3, 0, 0, 0, 1, 0) // then the rest of the GUID
		body = append(body, make([]byte, 14)...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	b = append(b, "LIST\x03\x00\x00\x00abc\x00data"...) // an odd chunk with its padding comes first
	b = binary.LittleEndian.AppendUint32(b, uint32(len(samples)))
	return append(append(b, samples...), tail...)
}

func open(t *testing.T, name string, file []byte, o Options) (*Recording, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(path, o)
}

func TestPlainWAV(t *testing.T) {
	samples := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}
	for _, c := range []struct {
		tag, bits uint16
		want      messages.SampleFormat
	}{
		{wavPCM, 8, messages.CU8}, {wavPCM, 16, messages.CI16}, {wavFloat, 32, messages.CF32}, {wavExtensible, 16, messages.CI16},
	} {
		file := wavFile(c.tag, c.bits, 48000, samples, []byte("LIST"))
		r, err := open(t, "x.wav", file, Options{StartTime: 5, Frequency: 1e6, Station: "A"})
		if err != nil {
			t.Fatal(err)
		}
		if r.Format != c.want || !bytes.Equal(r.IQ, samples) || r.SampleRate != 48000 || r.StartTime != 5 ||
			r.ClockSigma != unstatedSigma(5) || r.Frequency != 1e6 || r.Station != "A" || r.Name != "x.wav" {
			t.Errorf("tag %d, %d bits: %+v", c.tag, c.bits, r)
		}
	}
}

func TestPlainWAVOptions(t *testing.T) {
	file := wavFile(wavPCM, 16, 48000, make([]byte, 4*480), nil)
	r, err := open(t, "20200813T065220Z_77500_my_station_iq.wav", file, Options{StartTime: 5, SampleRate: 48001.5, ClockSigma: 40})
	if err != nil {
		t.Fatal(err)
	}
	if r.SampleRate != 48001.5 || r.ClockSigma != 40 || r.Station != "my_station" || r.Frequency != 77500 {
		t.Errorf("%+v", r)
	}
	if d := r.Duration(); d != 9999688*time.Nanosecond {
		t.Errorf("480 samples at 48001.5 Hz last %v", d)
	}
}

// Recorders that were cut off did not come to write how many samples there are.
func TestWAVOfUnknownLength(t *testing.T) {
	samples := bytes.Repeat([]byte{0, 1, 2, 3}, 100)
	whole := wavFile(wavPCM, 16, 48000, samples, nil)
	at := bytes.Index(whole, []byte("data")) + 4
	for _, length := range []uint32{0, 0xffffffff, 1 << 20, uint32(len(samples))} {
		file := bytes.Clone(whole)
		binary.LittleEndian.PutUint32(file[at:], length)
		r, err := open(t, "x.wav", file, Options{StartTime: 5})
		if err != nil {
			t.Fatalf("length %#x: %v", length, err)
		}
		if !bytes.Equal(r.IQ, samples) {
			t.Errorf("length %#x: %d samples, want %d", length, r.Samples(), len(samples)/4)
		}
	}
	none := wavFile(wavPCM, 16, 48000, nil, []byte("LIST\x04\x00\x00\x00abcd"))
	_, err := open(t, "x.wav", none, Options{StartTime: 5})
	wantCode(t, err, CodeTooShort, "no samples")
}

func TestRaw(t *testing.T) {
	r, err := open(t, "x.cs8", []byte{1, 2, 3, 4, 5}, Options{Format: messages.CI8, SampleRate: 2.4e6, StartTime: 7})
	if err != nil {
		t.Fatal(err)
	}
	if r.Format != messages.CI8 || r.Samples() != 2 || r.SampleRate != 2.4e6 || r.StartTime != 7 || r.Station != "" {
		t.Errorf("%+v", r)
	}
}

func TestOpenRefusals(t *testing.T) {
	wav := wavFile(wavPCM, 16, 48000, make([]byte, 64), nil)
	noData := wav[:bytes.Index(wav, []byte("data"))]
	dataFirst := append([]byte("RIFF\x00\x00\x00\x00WAVE"), wav[bytes.Index(wav, []byte("data")):]...)
	raw := Options{Format: messages.CU8, SampleRate: 1e6, StartTime: 1}
	without := func(change func(*Options)) Options { o := raw; change(&o); return o }
	for _, c := range []struct {
		file    []byte
		options Options
		code    string
		words   string
	}{
		{wav, Options{}, CodeMissingOption, "t0"},
		{wavFile(wavPCM, 24, 48000, make([]byte, 64), nil), Options{}, CodeBadWAV, "24 bits"},
		{wavFile(wavPCM, 16, 7, make([]byte, 64), nil), Options{StartTime: 1}, messages.CodeBadRate, "is 7"},
		{wavFile(wavPCM, 16, 48000, nil, nil), Options{StartTime: 1}, CodeTooShort, "no samples"},
		{noData, Options{StartTime: 1}, CodeNotWAV, "no data chunk"},
		{dataFirst, Options{StartTime: 1}, CodeNotWAV, "no fmt chunk"},
		{[]byte("RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00ab"), Options{}, CodeNotWAV, "2 bytes"},
		{[]byte{1, 2}, without(func(o *Options) { o.Format = "" }), CodeMissingOption, "samples are written"},
		{[]byte{1, 2}, without(func(o *Options) { o.Format = "cu16" }), messages.CodeBadFormat, `"cu16"`},
		{[]byte{1, 2}, without(func(o *Options) { o.SampleRate = 0 }), CodeMissingOption, "sample rate"},
		{[]byte{1, 2}, without(func(o *Options) { o.StartTime = 0 }), CodeMissingOption, "t0"},
		{[]byte{1, 2}, without(func(o *Options) { o.StartTime = messages.MaxStartTime }), messages.CodeBadTime, "2200"},
		{[]byte{1}, raw, CodeTooShort, "no samples"},
	} {
		_, err := open(t, "x.bin", c.file, c.options)
		wantCode(t, err, c.code, c.words)
	}
}

func TestOpenRefusesFiles(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !os.IsNotExist(err) {
		t.Errorf("error %v for a file that is not there", err)
	}
	path := filepath.Join(t.TempDir(), "huge")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(MaxFileBytes + 1); err != nil { // sparse: takes no room
		t.Fatal(err)
	}
	_, err = Open(path, Options{})
	wantCode(t, err, CodeTooLarge, "1073741825 bytes")
	if _, err := Open(t.TempDir(), Options{}); err == nil {
		t.Error("a folder was read as a recording")
	}
}

// Sound may have two channels, too, and would be taken for I and Q.
func TestOpenRefusesModesWithoutPhase(t *testing.T) {
	file := wavFile(wavPCM, 16, 12000, make([]byte, 64), nil)
	_, err := open(t, "20200813T065220Z_77500_HB9ODP_sas.wav", file, Options{StartTime: 5})
	wantCode(t, err, CodeNotIQ, "mode sas")
}

func TestParseName(t *testing.T) {
	at := time.Date(2020, 8, 13, 6, 52, 20, 0, time.UTC)
	for name, want := range map[string]said{
		"20200813T065220Z_77500_HB9ODP_iq.wav":      {at, 77500, "HB9ODP", "iq"},
		"20200813T065220Z_77500_a_b-c_iq.wav":       {at, 77500, "a_b-c", "iq"},
		"20200813T065220Z_77500_HB9ODP.wav":         {at, 77500, "HB9ODP", ""},
		"20200813T065220Z_77500_a_b.wav":            {at, 77500, "a_b", ""},
		"20200813T065220Z_77500_HB9ODP_USB.wav":     {at, 77500, "HB9ODP", "usb"},
		"20200813T065220Z_77500_iq.wav":             {at, 77500, "", "iq"},
		"20200813T065220Z_77500.wav":                {},
		"20200813_77500_HB9ODP_iq.wav":              {},
		"20200813T065220Z_dcf_HB9ODP_iq.wav":        {},
		"00010813T065220Z_77500_HB9ODP_iq.wav":      {},
		"recording.wav":                             {},
		"20200813T065220Z_-1_HB9ODP_iq.wav":         {},
		"20200813T065220Z_999999999999999_X_iq.wav": {},
	} {
		if got := parseName(name); got != want {
			t.Errorf("%s says %+v, want %+v", name, got, want)
		}
	}
}
