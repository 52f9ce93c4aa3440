"""A model's own patients: what is said of those that it was trained on would flatter, and is left out."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import schemas
from gliaflow.inference.familiarity import FEWEST, fit_familiarity
from gliaflow.inference.fingerprint import take_fingerprint
from gliaflow.inference.profile import OF_PREDICTIONS
from gliaflow.inference.properties import measure_volume
from gliaflow.ingest.volumes import Volume, save_volume

TRAINING = FEWEST + 2


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Patients of four slices with a head of varied brightness and texture; the last two are val and test."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    disc = (rows - 32) ** 2 + (columns - 32) ** 2 < 24**2
    volumes, labels, parts = {}, [], []
    for number in range(TRAINING + 2):
        name = f"p{number:02d}"
        images = np.zeros((4, 64, 64, 3), np.uint8)
        grey = rng.normal(rng.uniform(60, 120, 3), 12, (4, int(disc.sum()), 3))
        images[:, disc] = np.clip(grey, 1, 255).astype(np.uint8)
        facts = pd.DataFrame({"patient": [name] * 4})
        save_volume(folder := tmp_path_factory.mktemp(name), Volume(images, images[..., 0] * 0, facts, facts.iloc[:0]))
        volumes[name] = folder
        part = {TRAINING: "val", TRAINING + 1: "test"}.get(number, "train")
        for slice_ in range(4):
            labels.append({"patient": name, "slice": slice_, "site": "CS", "brain_pixels": 500})
            parts.append({"patient": name, "slice": slice_, "part": part})
    said = pd.DataFrame(
        [
            {"patient": name, "call": call, "predicted_pixels": pixels}
            for name in (f"p{TRAINING:02d}", f"p{TRAINING + 1:02d}")
            for call, pixels in (("tumor", 30), ("unsure", 10), ("empty", 0), ("empty", 0))
        ]
    )
    return pd.DataFrame(labels), pd.DataFrame(parts), said, volumes


def test_a_patient_is_a_row_and_predictions_are_those_of_patients_that_were_held_out(cohort):
    labels, parts, said, volumes = cohort
    measured = {name: measure_volume(np.load(folder / "images.npy")) for name, folder in volumes.items()}
    familiarity = fit_familiarity({f"p{number:02d}": measured[f"p{number:02d}"] for number in range(TRAINING)})
    table = take_fingerprint(labels, parts, said, volumes, SimpleNamespace(familiarity=familiarity))
    schemas.validate(table, schemas.FingerprintTable, "fingerprint")
    assert list(table["patient"]) == sorted(volumes)
    held_out = table[table["part"] != "train"]
    assert held_out[list(OF_PREDICTIONS)].to_numpy().tolist() == [[40 / 2000, 0.25, 0.25]] * 2
    for row in held_out.itertuples():
        assert row.distance == pytest.approx(familiarity.distance(measured[row.patient]))
    own = np.array([familiarity.distance(measured[f"p{number:02d}"]) for number in range(TRAINING)])
    trained = table.loc[table["part"] == "train", "distance"].to_numpy()
    assert (trained > own).mean() > 0.8, "from the others a patient is farther than from all with itself among them"
