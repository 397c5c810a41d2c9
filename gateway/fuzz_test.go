package gateway

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"foxhunt/messages"
)

// FuzzRead holds what the scanner takes against encoding/json: it must be JSON, and say the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"center_frequency":1,"sample_rate":1e4,"receivers":[{"station":"A","latitude":1,"longitude":2,"start_time":"2026-03-01T12:00:00Z","clock_sigma":1,"iq":"AAAA","format":"ci8"}]}`))
	f.Add([]byte(`{"session_id":"\ud800\u00e9\\","event":null,"cache_enabled":false,"iq_data":[[-0.0,1E-7]],"latitude":1,"longitude":1,"sample_rate":5e3,"center_frequency":1}`))
	f.Add([]byte(`{"samples":[{"a":[1,{"b":null}]},true]}`))
	d := Defaults{Network: "net", Bundle: "http"}
	f.Fuzz(func(t *testing.T, text []byte) {
		if texts, p := splitBatch(text); p == nil {
			whole := struct{ Samples []json.RawMessage }{}
			if err := json.Unmarshal(text, &whole); err != nil || len(whole.Samples) != len(texts) {
				t.Fatalf("a batch of %d is taken that encoding/json reads as %d: %v", len(texts), len(whole.Samples), err)
			}
			for i := range texts {
				if !bytes.Equal(bytes.TrimSpace(texts[i]), bytes.TrimSpace(whole.Samples[i])) {
					t.Fatalf("sample %d is %q; want %q", i, texts[i], whole.Samples[i])
				}
			}
		}
		s := &scanner{text: text}
		sample, fault := d.read(s, now)
		if fault == nil {
			fault = s.end()
		}
		if fault != nil {
			if p := fault.problem(); p.Code == "" || p.Detail == "" || len(p.Detail) > 2000 {
				t.Fatalf("the problem is %+v", p)
			}
			return
		}
		compare(t, text, &sample.capture)
	})
}

// compare reads the request once more, with encoding/json.
func compare(t *testing.T, text []byte, c *messages.Capture) {
	type pairs [][2]float64
	var want struct {
		Session   *string  `json:"session_id"`
		Frequency float64  `json:"center_frequency"`
		IQ        pairs    `json:"iq_data"`
		Latitude  *float64 `json:"latitude"`
		Receivers []struct {
			Station string `json:"station"`
			IQ      pairs  `json:"iq_data"`
		} `json:"receivers"`
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatalf("encoding/json does not take it: %v", err)
	}
	if want.Session != nil && c.Session != *want.Session || c.Frequency != want.Frequency {
		t.Fatalf("session %q and %g Hz; want %v", c.Session, c.Frequency, want)
	}
	all := []pairs{want.IQ}
	if want.Receivers != nil {
		all = nil
		for i, r := range want.Receivers {
			if c.Receivers[i].Station != r.Station {
				t.Fatalf("receiver %d is %q; want %q", i, c.Receivers[i].Station, r.Station)
			}
			all = append(all, r.IQ)
		}
	}
	for i, iq := range all {
		if r := c.Receivers[i]; iq != nil && r.Samples() != len(iq) {
			t.Fatalf("%d samples; want %d", r.Samples(), len(iq))
		}
		for n, pair := range iq {
			for k := range pair {
				got := math.Float32frombits(binary.LittleEndian.Uint32(c.Receivers[i].IQ[8*n+4*k:]))
				if math.Abs(float64(got)-pair[k]) > 1e-6*math.Abs(pair[k])+1e-44 {
					t.Fatalf("number %d of sample %d is %g; want %g", k, n, got, pair[k])
				}
			}
		}
	}
}

// BenchmarkRead reads three receivers of 4480 samples, 27 KB as cu8, as numbers and in base64.
func BenchmarkRead(b *testing.B) {
	type m = map[string]any
	for _, form := range []string{"numbers", "base64"} {
		var receivers []m
		for _, station := range []string{"A", "B", "C"} {
			r := m{"station": station, "latitude": 45, "longitude": 8, "start_time": 1, "clock_sigma": 1}
			if form == "base64" {
				r["iq"], r["format"] = make([]byte, 2*4480), "cu8"
			} else {
				iq := make([][2]float64, 4480)
				for i := range iq {
					iq[i] = [2]float64{math.Round(1e5*math.Sin(float64(i))) / 1e5, math.Round(1e5*math.Cos(float64(i))) / 1e5}
				}
				r["iq_data"] = iq
			}
			receivers = append(receivers, r)
		}
		text, err := json.Marshal(m{"center_frequency": 1, "sample_rate": 12000, "receivers": receivers})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(form, func(b *testing.B) {
			d := Defaults{Network: "net", Bundle: "http"}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				sample, f := d.read(&scanner{text: text}, now)
				if f != nil {
					b.Fatal(f.problem())
				}
				if _, f := d.question(sample); f != nil {
					b.Fatal(f.problem())
				}
			}
		})
		b.Run(form+"/encoding-json alone", func(b *testing.B) { // for comparison
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				var v struct {
					Receivers []struct {
						IQ [][2]float32 `json:"iq_data"`
						B  []byte       `json:"iq"`
					}
				}
				if err := json.Unmarshal(text, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
