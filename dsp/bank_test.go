package dsp

import (
	"fmt"
	"math"
	"testing"
)

func TestLinearBankOfAllBinsIsTheSpectrum(t *testing.T) {
	for _, n := range []int{16, 60, 512} {
		c := DefaultSpectrogramConfig()
		c.Bank, c.NFFT, c.Bands = BankLinear, n, n
		for band, row := range denseBank(c, 12000.5) {
			for k, w := range row {
				want := float32(0)
				if k == (band+n/2)%n {
					want = 1
				}
				if math.Abs(float64(w-want)) > 1e-6 {
					t.Fatalf("n=%d: weight of band %d, bin %d is %g, want %g", n, band, k, w, want)
				}
			}
		}
	}
}

// Every linear band is a mean: its weights add up to 1, whatever the numbers of bands and rows.
func TestLinearBandsAreMeans(t *testing.T) {
	for _, c := range []SpectrogramConfig{
		{NFFT: 512, Bands: 128, Bank: BankLinear},
		{NFFT: 101, Bands: 64, Bank: BankLinear},
		{NFFT: 64, Bands: 62, Bank: BankLinear, FMin: 100, FMax: 900},
		{NFFT: 64, Bands: 48, Bank: BankLinear, FMin: 1000, FMax: 1010}, // bands narrower than a row
	} {
		for band, row := range denseBank(c, 8000) {
			var total float64
			for _, w := range row {
				total += float64(w)
			}
			if math.Abs(total-1) > 1e-5 {
				t.Errorf("%+v: weights of band %d add up to %g", c, band, total)
			}
		}
	}
}

// At a high sample rate many mel triangles fall between two rows; each must still see some power.
func TestNoMelBandIsEmpty(t *testing.T) {
	for _, rate := range []float64{8000, 48000, 192000, 2.4e6, 2e7} {
		for _, n := range []int{64, 101, 512} {
			c := DefaultSpectrogramConfig()
			c.NFFT, c.Bands = n, 64
			for band, row := range denseBank(c, rate) {
				var total float32
				for _, w := range row {
					total += w
				}
				if total <= 0 {
					t.Errorf("rate %g, n_fft %d: band %d is empty", rate, n, band)
				}
			}
		}
	}
}

func TestMelBankMirrorsAboutTheCentre(t *testing.T) {
	c := DefaultSpectrogramConfig()
	dense := denseBank(c, 192000)
	for band := range c.Bands / 2 {
		negative, positive := dense[c.Bands/2-1-band], dense[c.Bands/2+band]
		for k := range c.NFFT {
			if negative[(c.NFFT-k)%c.NFFT] != positive[k] {
				t.Fatalf("band %d: weight %g at bin %d but %g at bin %d", band, positive[k], k, negative[(c.NFFT-k)%c.NFFT], -k)
			}
		}
	}
}

// A tone must be loudest in the row that holds its frequency, on either side of the centre.
func TestToneLandsInItsRow(t *testing.T) {
	const rate, samples = 48000.0, 4480
	for _, bank := range []string{BankLinear, BankMel, BankMelOneSided} {
		for _, hz := range []float64{-20000, -5000, -1500, 1500, 5000, 20000} {
			if bank == BankMelOneSided && hz < 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%g", bank, hz), func(t *testing.T) {
				c := DefaultSpectrogramConfig()
				c.Bank, c.Bands = bank, 32
				re, im := tone(hz/rate, samples, 1)
				got, err := mustSpectrogram(t, c, rate).Compute([][]float32{re}, [][]float32{im})
				if err != nil {
					t.Fatal(err)
				}
				var loudest int
				for band := range c.Bands {
					if got.Data[band*c.Frames] > got.Data[loudest*c.Frames] {
						loudest = band
					}
				}
				if want := rowHolding(bank, hz, rate, c.Bands); loudest != want {
					t.Errorf("loudest row is %d, want %d", loudest, want)
				}
			})
		}
	}
}

// rowHolding returns the row whose peak or cell is nearest a frequency.
func rowHolding(bank string, hz, rate float64, bands int) int {
	if bank == BankLinear {
		return int((hz + rate/2) / rate * float64(bands))
	}
	side := bands
	if bank == BankMel {
		side = bands / 2
	}
	row := int(math.Round(HzToMel(math.Abs(hz))/HzToMel(rate/2)*float64(side+1))) - 1
	switch {
	case bank == BankMelOneSided:
		return row
	case hz < 0:
		return side - 1 - row
	}
	return side + row
}

// tone returns samples of amplitude exp(2 pi i cycles j), cycles a sample.
func tone(cycles float64, samples int, amplitude float64) (re, im []float32) {
	for j := range samples {
		sin, cos := math.Sincos(2 * math.Pi * cycles * float64(j))
		re, im = append(re, float32(amplitude*cos)), append(im, float32(amplitude*sin))
	}
	return re, im
}
