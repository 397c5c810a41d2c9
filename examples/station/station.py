#!/usr/bin/env python3
"""A station for foxhunt in Python: makes captures of what one receiver hears and publishes them to NATS JetStream.

    pip install -r requirements.txt
    foxhunt up &                          # a server and a worker
    first=$(($(date +%s) + 3))
    for s in superga rivoli moncalieri venaria; do python station.py --station $s --start $first --count 5 & done; wait

Each process is one station, knows of no other, and publishes on its own subject. All take a capture at every whole second of UTC
and name its event after the frequency and that second: by this the workers bring together what belongs together.

What hears the transmitter here is simulated: four places around Turin with clocks of their own. To send what your receiver
heard, replace `hear` and keep `receiver`, `capture` and `publish`: they are all that a station needs to know of foxhunt.
docs/wire.md draws the bytes, docs/messages.md tells what each key means.
"""

import argparse
import asyncio
import datetime
import secrets
import ssl
import sys
import time

import msgpack
import nats
import numpy as np
from nats.js.errors import APIError

LIGHT = 299_792_458.0  # m/s
FREQUENCY = 145.5e6  # Hz, of the receivers' centre
RATE = 250_000.0  # samples a second
LENGTH = 25_000  # samples: a tenth of a second
CLOCK_SIGMA = 30e-9  # s, standard deviation of a receiver's clock: a GNSS-disciplined one
TRANSMITTER = (45.07, 7.69, 250.0)  # degrees north and east, metres
RECEIVERS = {
    "superga": (45.0807, 7.7674, 670.0),
    "rivoli": (45.0703, 7.5147, 390.0),
    "moncalieri": (44.9990, 7.6830, 260.0),
    "venaria": (45.1350, 7.6290, 280.0),
}


def receiver(station, place, t0_ns, iq, rate=RATE, sigma_ns=CLOCK_SIGMA * 1e9, gain=0.0):
    """One receiver of a capture. iq: complex samples of magnitude 1 at most, the first one taken at t0_ns (Unix time)."""
    pairs = np.empty(2 * len(iq), np.float64)
    pairs[0::2], pairs[1::2] = iq.real, iq.imag
    samples = np.clip(np.round(pairs * 32768), -32768, 32767).astype("<i2")
    lat, lon, alt = place
    return {
        "station": station, "lat": lat, "lon": lon, "alt": alt,
        "t0": int(t0_ns), "sigma": float(sigma_ns), "rate": float(rate), "gain": float(gain),
        "fmt": "ci16_le", "iq": samples.tobytes(),
    }


def capture(heard, event, frequency=FREQUENCY, session=""):
    """A capture's id and its bytes. The id is random: nobody may be able to guess it. Every station gives the same emission
    the same event."""
    name = secrets.token_urlsafe(18)
    body = {"v": 1, "id": name, "event": event, "freq": float(frequency), "rx": [heard]}
    if session:
        body["session"] = session
    return name, msgpack.packb(body)


async def complain(error):
    print(f"station.py: {error}", file=sys.stderr, flush=True)
    if "authorization violation" in str(error).lower():
        sys.exit(1)  # a key that the server does not know will not be known by asking again


PASSING = {  # refusals that pass: keep the capture and try again
    10077: "too many captures of this subject wait for workers",
    10047: "the server has no room just now",
    10023: "the server has no resources just now",
    10008: "the server's JetStream is not ready",
}


async def publish(stream, subject, name, body):
    """Stores a capture, however long it takes. As the id goes along, what is sent again within 15 minutes is stored once."""
    pause = 0.25
    while True:
        try:
            return await stream.publish(subject, body, timeout=10, headers={"Nats-Msg-Id": name})
        except APIError as refusal:  # the server's own word
            if refusal.err_code not in PASSING:
                sys.exit(f"{subject}: refused: {refusal.description}")
            await complain(f"{PASSING[refusal.err_code]}; trying again")
        except (nats.errors.Error, asyncio.TimeoutError) as error:  # no server, no stream, or no answer
            await complain(f"{error or type(error).__name__}; trying again")
        await asyncio.sleep(pause)
        pause = min(2 * pause, 15)


def ecef(place):
    """WGS84 degrees and metres to metres from the Earth's centre."""
    lat, lon = np.radians(place[0]), np.radians(place[1])
    a, e2 = 6378137.0, 6.69437999014e-3
    n = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
    horizontal = (n + place[2]) * np.cos(lat)
    return np.array([horizontal * np.cos(lon), horizontal * np.sin(lon), (n * (1 - e2) + place[2]) * np.sin(lat)])


def hear(station, tick, seed):
    """What a station hears in the second that begins at tick (Unix time): 150 kHz of noise, after the time that light needs to
    it, and by a clock of its own. The transmitter's noise follows from seed and tick, so that all stations hear the same."""
    transmitter, own = np.random.default_rng([seed, tick]), np.random.default_rng()
    frequencies = np.fft.fftfreq(LENGTH, 1 / RATE)
    spectrum = transmitter.normal(size=LENGTH) + 1j * transmitter.normal(size=LENGTH)
    spectrum[np.abs(frequencies) > 75e3] = 0
    path = np.linalg.norm(ecef(RECEIVERS[station]) - ecef(TRANSMITTER)) / LIGHT
    began = int(own.integers(0, 100_000))  # ns after the second: receivers do not begin at the same nanosecond
    wrong = own.normal(scale=CLOCK_SIGMA)  # its clock is late by this much
    delay = path - began * 1e-9 + wrong
    iq = np.fft.ifft(spectrum * np.exp(-2j * np.pi * (frequencies * delay + FREQUENCY * path)))
    iq /= 4 * np.std(iq)
    iq += own.normal(scale=0.02, size=LENGTH) + 1j * own.normal(scale=0.02, size=LENGTH)
    return receiver(station, RECEIVERS[station], tick * 1_000_000_000 + began, iq)


async def until(tick):
    """Waits until the samples of the second that begins at tick are all there."""
    await asyncio.sleep(max(0, tick + LENGTH / RATE - time.time()))


async def run(options):
    tls = ssl.create_default_context(cafile=options.ca) if options.ca else None
    connection = await nats.connect(
        options.nats, name="station.py", nkeys_seed=options.nkey, tls=tls, inbox_prefix=options.inbox.encode(),
        max_reconnect_attempts=-1, reconnect_time_wait=1, error_cb=complain, pending_size=16 << 20,
    )
    try:
        subject = f"captures.{options.network}.{options.station}"
        first = options.start or int(time.time()) + 1
        for tick in range(first, first + options.count):
            await until(tick)
            event = f"{FREQUENCY:.0f}-{datetime.datetime.fromtimestamp(tick, datetime.timezone.utc):%Y%m%dT%H%M%SZ}"
            name, body = capture(hear(options.station, tick, options.seed), event, session=options.session)
            stored = await publish(connection.jetstream(), subject, name, body)
            print(f"{event} on {subject}: {len(body)} bytes, number {stored.seq} in {stored.stream}", flush=True)
    finally:
        await connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nats", default="nats://127.0.0.1:4222", help="server")
    parser.add_argument("--nkey", help="file with this station's key (foxhunt nkey FILE)")
    parser.add_argument("--ca", help="the certificate authority's file, for tls:// servers")
    parser.add_argument("--inbox", default="_INBOX", help="prefix of the subjects for answers: _INBOX_NETWORK.STATION with deploy/nats")
    parser.add_argument("--network", default="turin")
    parser.add_argument("--station", default="superga", choices=RECEIVERS, help="which of the receivers this one is")
    parser.add_argument("--session", default="")
    parser.add_argument("--count", type=int, default=1, help="captures to publish, one a second")
    parser.add_argument("--start", type=int, help="second of the first capture, Unix time; what is past is not waited for (default: the next)")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated transmitter; all stations need the same")
    try:
        asyncio.run(run(parser.parse_args()))
    except (nats.errors.Error, OSError, asyncio.TimeoutError) as error:
        sys.exit(f"station.py: {error or type(error).__name__}")


if __name__ == "__main__":
    main()
