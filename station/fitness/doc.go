// Package fitness says whether a receiver is fit for time differences, and how good a fix it allows: it watches the samples for a
// while, and holds them and the clock against what locating needs.
//
// How good a fix can be expected rests on three figures, each an error of an arrival time:
//
//   - the time: sigma of the first sample's, which moves a line of position by c·sigma, 30 m for each 100 ns;
//   - the path, which this package is told: no station sees it, and on long waves it counts more than all else;
//   - the signal: the difference of two arrivals cannot be told better than to 1/sqrt(T·∫(2πf)²·s²/(1+2s) df), the Cramér-Rao bound for
//     two receivers that hear it alike (Knapp and Carter, "The generalized correlation method for estimation of time delay", 1976); s is
//     the ratio of signal to noise at frequency f from the signal's middle, and T the length of a capture. One receiver's share is 1/√2.
//
// f runs over the band that has 99 % of the power; what lies beyond, such as the skirts of a receiver's filter, is hardly signal. And s
// is believed up to 15 dB only: the noise is seen beside the signal, where the receiver's filter may have taken it away, and what is
// within the signal's band only two receivers together show. KiwiSDR's recordings of DCF77 seem to be 80 dB above the noise, and
// are 15, by their coherence; the bound for a second is 5.3 to 5.8 µs by that, and 5.2 µs by this package.
//
// Of n stations evenly around a transmitter, each with an error of sigma in all, the covariance of the position is (c·sigma)²·2/n, which
// makes the half axes of the 95 % ellipse of three 2.0·c·sigma. It is what a model does at best; stations that stand worse do worse.
package fitness
