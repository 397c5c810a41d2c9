// Package fitness says whether a receiver is fit for time differences, and how good a fix it allows: it watches the samples for a
// while, and holds them and the clock against what locating needs.
//
// How good a fix can be is told by two figures, both for one station at a place where it counts fully (a geometry of 1):
//
//   - the time: an error of sigma seconds of the first sample moves a line of position by c·sigma, 30 m for each 100 ns;
//   - the signal: its arrival cannot be told better than by c/sqrt(T·∫(2πf)²·s²/(1+2s) df), the Cramér-Rao bound for two receivers
//     that hear it alike (Knapp and Carter, 1976); s is the ratio of signal to noise at frequency f from the signal's middle, and T the
//     length of a capture. It holds for the signal that was on while this watched, without multipath, and is not reached.
//
// A fix rests on several stations, whose places widen it. So both are the best that can be.
package fitness
