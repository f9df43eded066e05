"""Golden values for the random numbers: from the definitions alone, in Python.

ChaCha8 is written out below, and the inverse of the normal distribution function is solved for with 40 digits rather than
approximated. The values stand in the tests of `src/noise`, `src/dataset/hold_out.rs` and `src/network/parameters.rs`.

    python -m venv venv && venv/bin/pip install mpmath==1.3.0
    venv/bin/python make_noise.py              # print the values as they stand there
"""

import struct

import mpmath

mpmath.mp.dps = 40


def chacha8(key: bytes, stream: int, block: int) -> list[int]:
    """The 16 words of a block: 64 bits of counter, 64 bits of stream."""
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8L", key)]
    start += struct.unpack("<4L", struct.pack("<QQ", block, stream))
    x = list(start)

    def quarter(a: int, b: int, c: int, d: int) -> None:
        for to, by, other, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[to] = (x[to] + x[by]) & 0xFFFFFFFF
            mixed = x[other] ^ x[to]
            x[other] = (mixed << turn | mixed >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(4):
        for columns in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)):
            quarter(*columns)
        for diagonals in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(*diagonals)
    return [(a + b) & 0xFFFFFFFF for a, b in zip(x, start)]


def words(seed: int, purpose: int, epoch: int, item: int, count: int) -> list[int]:
    key = struct.pack("<QQB15x", seed, epoch, purpose)
    blocks = [word for block in range(-(-count // 16)) for word in chacha8(key, item, block)]
    return blocks[:count]


def f32_bits(number: object) -> str:
    return f"0x{struct.unpack('<L', struct.pack('<f', float(number)))[0]:08x}"


def normal(word: int) -> object:
    share = (2 * (word >> 11) + 1) / mpmath.mpf(2) ** 54
    return mpmath.sqrt(2) * mpmath.erfinv(2 * share - 1)


# Seed, purpose, epoch, item, as in the tests.
ADDRESSES = [(1, 2, 1, 0), (1, 3, 1, 59_999), (2**64 - 1, 5, 2**32, 2**40), (0, 6, 0, 7)]

print("the first words of the zero key:", " ".join(f"{word:08x}" for word in chacha8(bytes(32), 0, 0)[:8]))
for address in ADDRESSES:
    halves = words(*address, 80)
    long = [low | high << 32 for low, high in zip(halves[::2], halves[1::2])]
    picked = [normal(long[k]) for k in (0, 1, 2, 7, 8, 31, 32, 39)]
    print(address, "normal:", ", ".join(map(f32_bits, picked)))
    uniform = [(halves[k] >> 8) / 2**23 - 1 for k in (0, 1, 15, 16, 63, 79)]
    print(address, "uniform:", ", ".join(map(f32_bits, uniform)))
print("words to draws:")
# The ends, one half, and both limits of the algorithm's parts: a share of 0.075, and e^-25, some 3 * 2^-38.
LIMITS = [0, 1 << 11, 0x1333333333333000, 0x1333333333334000, (1 << 63) - 1, 1 << 63, 2**64 - (1 << 12), 2**64 - 1]
for word in LIMITS + [3 << (62 - exponent) for exponent in (10, 20, 30, 36, 37, 45, 52)]:
    print(f"(0x{word:016x}, {f32_bits(normal(word))}),")



def shuffled(count: int, address: tuple[int, int, int, int]) -> list[int]:
    """The numbers below `count` in the order that `shuffle` gives them."""
    stream = iter(words(*address, count + 100))
    items, i = list(range(count)), 1
    while i < count:
        product, end = i + 1, i + 1
        while product * (end + 1) < 2**32:
            product, end = product * (end + 1), end + 1
        number, rest = divmod(next(stream) * product, 2**32)
        if rest > 2**32 - product:
            number += (rest + (next(stream) * product >> 32)) >> 32
        for k in range(i, min(end, count)):
            number, place = divmod(number, k + 1)
            items[k], items[place] = items[place], items[k]
        i = end
    return items


def held_out(count: int, share: float, seed: int, labels: list[int] | None) -> list[int]:
    """The positions that `divide` holds out."""
    order = shuffled(count, (seed, 8, 0, 0))
    labels = labels or [0] * count
    of_class = {label: [item for item in order if labels[item] == label] for label in set(labels)}
    place = {item: (k + 0.5) / len(items) for items in of_class.values() for k, item in enumerate(items)}
    return sorted(sorted(order, key=place.get)[: round(count * share)])


print("shuffled 20:", shuffled(20, (1, 4, 1, 0)))
many = shuffled(60_000, (5, 4, 30, 0))
print("shuffled 60,000:", [many[place] for place in (0, 1, 2, 29_999, 59_998, 59_999)])
classes = [i * i % 5 for i in range(60)]
for seed, labels in ((1, None), (2**64 - 1, None), (1, classes), (7, classes)):
    print("held out of 60:", held_out(60, 0.1, seed, labels))
many = held_out(60_000, 0.1, 1, None)
print("held out of 60,000:", many[:4], many[-4:])

# The first weights of the reference network at seed 1: a filter of 3 x 3 pixels from one channel to 32.
bound = struct.unpack("<f", struct.pack("<f", (6 / (9 + 9 * 32)) ** 0.5))[0]
print("first weights:", ", ".join(f32_bits(bound * ((word >> 8) / 2**23 - 1)) for word in words(1, 1, 0, 0, 4)))
