"""Writes the golden vectors of the spectral tests: golden.json names the cases, *.f32 hold the numbers.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python golden.py

Numbers are little-endian float32; complex ones are (re, im) pairs. References: scipy.fft for the transforms,
scipy.signal.ShortTimeFFT for the frames, librosa.filters.mel (HTK, no norm) for the banks.
"""

import json
import pathlib

import librosa
import numpy as np
import scipy.fft
import scipy.signal

HERE = pathlib.Path(__file__).parent
FLOOR = 1e-10


def write(name, values):
    values = np.asarray(values)
    if np.iscomplexobj(values):
        values = values.astype(np.complex64).view(np.float32)
    values.astype("<f4").tofile(HERE / name)
    return name


def samples(n, seed):
    """Two tones, one below the centre frequency, a chirp and noise; as float32 rounds them."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / n
    x = 0.5 * np.exp(2j * np.pi * 0.11 * n * t) + 0.05 * np.exp(-2j * np.pi * 0.31 * n * t)
    x += 0.2 * np.exp(1j * np.pi * 0.2 * n * t * t)
    x += 0.01 * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    return x.astype(np.complex64)


def power(x, n_fft, hop, frames):
    """|STFT|^2 / sum(w^2), rows from -rate/2 up, averaged down to the number of frames asked for."""
    window = scipy.signal.get_window("hann", n_fft, fftbins=True)
    stft = scipy.signal.ShortTimeFFT(window, hop, fs=1.0, fft_mode="centered", phase_shift=None)
    total = 1 + (len(x) - n_fft) // hop
    middle = n_fft // 2
    # ShortTimeFFT centres slice p on sample p * hop: shift the samples so that a whole slice starts with them.
    first = -(-middle // hop)
    padded = np.concatenate([np.zeros(first * hop - middle), x.astype(np.complex128), np.zeros(n_fft)])
    p = np.abs(stft.stft(padded, p0=first, p1=first + total)) ** 2 / np.sum(window**2)
    edges = [g * total // frames for g in range(frames + 1)]
    return np.stack([p[:, a:b].mean(axis=1) for a, b in zip(edges, edges[1:])], axis=1)


def mel_bank(rate, n_fft, bands, f_min, f_max):
    return librosa.filters.mel(
        sr=rate, n_fft=n_fft, n_mels=bands, fmin=f_min, fmax=f_max or rate / 2, htk=True, norm=None, dtype=np.float64
    )


def bank_rows(config, rate, p):
    """The bank's powers of a two-sided spectrum p [n_fft, frames] with n_fft even."""
    n, bands = config["n_fft"], config["n_mels"]
    positive = np.concatenate([p[n // 2 :], p[:1]])  # 0 .. rate/2
    negative = p[n // 2 :: -1]  # 0 .. -rate/2
    if config["bank"] == "linear":
        return p.reshape(bands, n // bands, -1).mean(axis=1)
    if config["bank"] == "mel_onesided":
        return mel_bank(rate, n, bands, config["f_min"], config["f_max"]) @ positive
    half = mel_bank(rate, n, bands // 2, config["f_min"], config["f_max"])
    return np.concatenate([(half @ negative)[::-1], half @ positive])


def normalized(config, x):
    if config["normalize"] == "tensor":
        return (x - x.mean()) / x.std()
    if config["normalize"] == "receiver":
        return np.stack([(r - r.mean()) / r.std() for r in x])
    if config["normalize"] == "fixed":
        return (x - config["norm_mean"]) / config["norm_std"]
    return x


def main():
    x = samples(6000, 1)
    y = (0.3 * samples(6000, 2)).astype(np.complex64)
    index = {"samples": [write("samples_0.f32", x), write("samples_1.f32", y)], "fft": [], "mel": [], "features": []}

    for n in (8, 60, 127, 512, 1000, 2048):
        index["fft"].append({"n": n, "file": write(f"fft_{n}.f32", scipy.fft.fft(x[:n].astype(np.complex128)))})

    for rate, n_fft, bands, f_min, f_max in ((48000, 512, 40, 0, 0), (12000, 256, 64, 100, 4000), (8000, 101, 12, 0, 0)):
        index["mel"].append({
            "rate": rate, "n_fft": n_fft, "n_mels": bands, "f_min": f_min, "f_max": f_max,
            "file": write(f"mel_{rate}_{n_fft}_{bands}.f32", mel_bank(rate, n_fft, bands, f_min, f_max)),
        })

    base = {"floor": FLOOR, "f_min": 0, "f_max": 0, "norm_mean": 0, "norm_std": 1, "normalize": "none"}
    for rate, change in (
        (1000, {"n_fft": 64, "hop_length": 48, "n_mels": 64, "frames": 16, "bank": "linear"}),  # the STFT itself
        (9600, {"n_fft": 60, "hop_length": 60, "n_mels": 60, "frames": 8, "bank": "linear"}),  # by Bluestein
        (48000, {"n_fft": 512, "hop_length": 128, "n_mels": 128, "frames": 32, "bank": "linear", "normalize": "tensor"}),
        (48000, {"n_fft": 512, "hop_length": 128, "n_mels": 40, "frames": 32, "bank": "mel_onesided", "normalize": "receiver"}),
        (12000, {"n_fft": 512, "hop_length": 100, "n_mels": 64, "frames": 24, "bank": "mel", "normalize": "tensor"}),
        (12000, {"n_fft": 256, "hop_length": 64, "n_mels": 32, "frames": 32, "bank": "mel", "normalize": "fixed",
                 "f_min": 300, "f_max": 5000, "norm_mean": -8, "norm_std": 2.5}),
    ):
        config = base | change
        planes = [bank_rows(config, rate, power(r, config["n_fft"], config["hop_length"], config["frames"])) for r in (x, y)]
        features = normalized(config, np.log(np.maximum(np.stack(planes), FLOOR)))
        name = f"features_{len(index['features'])}.f32"
        index["features"].append({"rate": rate, "config": config, "file": write(name, features)})

    (HERE / "golden.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
