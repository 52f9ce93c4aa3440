"""Measure how well the leak audit tells a changed copy of a slice from a slice of another patient.

Prints the tables of docs/near-duplicates.md: python benchmarks/near_duplicates.py DATA
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from gliaflow.ingest.pair import pair_slices
from gliaflow.ingest.prepare import FLAIR, phash, prepare_volume
from gliaflow.ingest.scan import scan_folder
from gliaflow.splits.leaks import CORRELATION, FLAT, HAMMING, extract_details
from gliaflow.splits.neighbours import near_pairs

Alter = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def reencode(image: np.ndarray, quality: int) -> np.ndarray:
    ok, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)


def through(image: np.ndarray, size: int) -> np.ndarray:
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR)


def grey(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


ALTERED: dict[str, Alter] = {
    "unchanged": lambda image, rng: image,
    "JPEG, quality 75": lambda image, rng: reencode(image, 75),
    "JPEG, quality 30": lambda image, rng: reencode(image, 30),
    "noise, sd 5": lambda image, rng: grey(image + rng.normal(0, 5, image.shape)),
    "noise, sd 10": lambda image, rng: grey(image + rng.normal(0, 10, image.shape)),
    "brightness x 0.7": lambda image, rng: grey(image * 0.7),
    "brightness x 1.3": lambda image, rng: grey(image * 1.3),
    "gamma 0.8": lambda image, rng: grey(255 * (image / 255) ** 0.8),
    "to 200 pixels and back": lambda image, rng: through(image, 200),
    "blurred, sd 1.5": lambda image, rng: cv2.GaussianBlur(image, (0, 0), 1.5),
    "shifted by 1 pixel both ways": lambda image, rng: np.roll(image, (1, 1), (0, 1)),
    "shifted by 2 pixels both ways": lambda image, rng: np.roll(image, (2, 2), (0, 1)),
    "4 pixels cut off all round": lambda image, rng: cv2.resize(image[4:-4, 4:-4], image.shape[::-1]),
    "mirrored left to right": lambda image, rng: image[:, ::-1].copy(),
}


def read_flair(root: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """FLAIR uint8 [n, 256, 256] of all slices below `root`, and for each its patient (a number) and slice number."""
    slices, _ = pair_slices(scan_folder(root))
    volumes = [prepare_volume(root, rows) for _, rows in slices.groupby("patient")]
    facts = pd.concat([volume.facts for volume in volumes])
    flair = np.concatenate([volume.images[..., FLAIR] for volume in volumes])
    return flair, pd.factorize(facts["patient"])[0], facts["slice"].to_numpy()


def shrink(image: np.ndarray) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(image), (32, 32), interpolation=cv2.INTER_AREA)


def hash_of(image: np.ndarray) -> np.uint64:
    return np.uint64(int(phash(image), 16))


def measure(root: Path, out: Callable[[str], object]) -> None:
    flair, patient, number = read_flair(root)
    thumbnails = np.stack([shrink(image) for image in flair])
    full = np.flatnonzero(thumbnails.std(axis=(1, 2)) >= FLAT)
    out(f"{len(flair)} slices of {patient.max() + 1} patients, {len(full)} of them not flat.\n\n")
    flair, patient, number, thumbnails = (column[full] for column in (flair, patient, number, thumbnails))
    hashes = np.array([hash_of(image) for image in flair])
    apart = np.triu(patient[:, None] != patient[None], 1)
    close = np.bitwise_count(hashes[:, None] ^ hashes[None]) <= HAMMING
    rng = np.random.default_rng(0)
    copied, distance = {}, {}
    for name, alter in ALTERED.items():
        altered = [alter(image, rng) for image in flair]
        copied[name] = np.stack([shrink(image) for image in altered])
        distance[name] = np.bitwise_count(np.array([hash_of(image) for image in altered]) ^ hashes)

    out("| blur taken away | likest strangers, hash within limit / any | shifted by 1 pixel, lowest 1 % |\n")
    out("|---|---|---|\n")
    for blur in (1.0, 1.5, 2.0, 3.0, 100.0):
        details = extract_details(thumbnails, blur)
        product = details @ details.T
        shifted = (extract_details(copied["shifted by 1 pixel both ways"], blur) * details).sum(axis=1)
        out(
            f"| {blur:g} | {product[apart & close].max():.3f} / {product[apart].max():.3f} "
            f"| {np.quantile(shifted, 0.01):.3f} |\n"
        )

    details = extract_details(thumbnails)
    product = details @ details.T
    out(
        f"\nDifferent patients, {apart.sum():,} pairs: {(apart & close).sum():,} with a hash within {HAMMING} bits, "
        f"{(apart & close & (product >= CORRELATION)).sum()} called near duplicates (correlation >= {CORRELATION}); "
        f"likest {np.sort(product[apart & close])[-3:].round(3).astype(float).round(3).tolist()}.\n"
    )
    following = (patient[:, None] == patient[None]) & (number[:, None] + 1 == number[None])
    out(
        f"Neighbouring slices of one patient: {(following & close & (product >= CORRELATION)).sum()} of "
        f"{following.sum()} called near duplicates.\n\n"
    )
    out("| the copy is | found by hash | by correlation | by both | correlation, lowest 1 % |\n|---|---|---|---|---|\n")
    for name, altered in copied.items():
        similarity = (extract_details(altered) * details).sum(axis=1)
        near, alike = distance[name] <= HAMMING, similarity >= CORRELATION
        out(
            f"| {name} | {near.mean():.1%} | {alike.mean():.1%} | {(near & alike).mean():.1%} "
            f"| {np.quantile(similarity, 0.01):.3f} |\n"
        )

    out("\n| hashes | seconds |\n|---|---|\n")
    for count in (4_000, 16_000, 64_000, 128_000):
        noise = np.zeros(count, np.uint64)
        for _ in range(12):
            noise |= np.uint64(1) << rng.integers(0, 64, count).astype(np.uint64)
        many = np.unique(hashes[rng.integers(0, len(hashes), count)] ^ noise)
        start = time.perf_counter()
        near_pairs(many, HAMMING, 1 << rng.integers(0, 3, len(many)))
        out(f"| {len(many):,} | {time.perf_counter() - start:.2f} |\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of patients in the layout of kaggle_3m")
    measure(parser.parse_args().data, sys.stdout.write)
