"""The warning for volumes unlike the training patients': what it names, its limits, and the distance against scipy."""

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import mahalanobis

import schemas
from gliaflow.inference.familiarity import FEWEST, Familiarity, _distance, _fit_spread, fit_familiarity
from gliaflow.inference.foreign import ALONE, AS_IS, KINDS, summarise_trial, try_familiarity
from gliaflow.inference.orders import ORDERS, faces_of, fit_orders, name_order, order_likelihood
from gliaflow.inference.properties import NAMES, WORDS, choose_slices, measure_volume

Head = Callable[..., np.ndarray]
TRAINING = 24


@pytest.fixture(scope="module")
def measured(head: Head) -> dict[str, np.ndarray]:
    """Properties of 24 patients; every eighth lacks post-contrast, one lacks both."""
    lacking = {7: (2,), 15: (2,), 23: (0, 2)}
    return {f"P{seed:02d}": measure_volume(head(seed, lacking.get(seed, ()))) for seed in range(TRAINING)}


@pytest.fixture(scope="module")
def known(measured: dict[str, np.ndarray]) -> Familiarity:
    return fit_familiarity(measured)


def test_properties_are_named_measured_and_missing_ones_are_not_told(head: Head) -> None:
    whole, lacking = measure_volume(head(0)), measure_volume(head(0, missing=(2,)))
    assert whole.shape == (len(NAMES),) == (28,) and list(WORDS) == list(NAMES)
    assert not np.isnan(whole).any()
    unknown = {name for name, value in zip(NAMES, lacking, strict=True) if np.isnan(value)}
    assert unknown == {name for name in NAMES if "post-contrast" in name}
    told = [n for n, name in enumerate(NAMES) if name not in unknown and "FLAIR" in name]
    assert lacking[told] == pytest.approx(whole[told])


def test_levels_and_likeness_are_those_of_numpy(head: Head) -> None:
    images = head(1)
    found = dict(zip(NAMES, measure_volume(images), strict=True))
    pixels = choose_slices(images)[:, ::2, ::2].reshape(-1, 3)
    inside = pixels[pixels.max(axis=1) > 24]
    assert found["level FLAIR"] == pytest.approx(np.log(np.median(inside[:, 1]) + 1))
    assert found["bright post-contrast"] == pytest.approx(np.log(np.percentile(inside[:, 2], 95) + 1))
    signal = inside[inside.min(axis=1) > 10].astype(float)
    assert found["likeness pre-contrast FLAIR"] == pytest.approx(np.corrcoef(signal[:, 0], signal[:, 1])[0, 1])
    slices = choose_slices(images)[:, ::2, ::2].max(axis=3)
    assert found["size"] == pytest.approx(np.median((slices > 24).mean(axis=(1, 2))))


def test_large_slices_alone_are_looked_at_and_an_empty_volume_has_no_properties(head: Head) -> None:
    images = head(2)
    padded = np.concatenate([np.zeros_like(images), images, images, images])
    assert len(choose_slices(padded)) == 8 and (choose_slices(padded).max(axis=(1, 2, 3)) > 24).all()
    assert measure_volume(np.zeros_like(images)) is None
    assert measure_volume(images[:0]) is None


def test_the_distance_is_that_of_mahalanobis(known: Familiarity, head: Head) -> None:
    for missing in ((), (2,)):
        properties = measure_volume(head(100, missing))
        told = ~np.isnan(properties)
        scaled = ((properties - known.spread.center) / known.spread.spread)[told]
        inverse = np.linalg.inv(np.array(known.spread.correlation)[np.ix_(told, told)])
        other = mahalanobis(scaled, np.zeros(told.sum()), inverse) / np.sqrt(told.sum())
        assert known.distance(properties) == pytest.approx(other)


def test_patients_like_those_of_training_get_no_warning(known: Familiarity, head: Head) -> None:
    lacking = [(), (), (), (2,), (0, 2)]
    said = [known.warn(head(seed, lacking[seed % 5])) for seed in range(200, 220)]
    assert sum(bool(words) for words in said) <= 2
    assert known.patients == TRAINING and known.expected == pytest.approx(1 / 25 + 1 / 22)


def test_what_is_no_mri_gets_a_warning(known: Familiarity, head: Head) -> None:
    images, rng = head(300), np.random.default_rng(0)
    assert known.warn(KINDS["black"](images, rng)) == ("No slice shows a head: this is no MRI of one, or it is empty.",)
    for kind in ("noise", "photographs", "grey", "inverted", "gamma 0.4", "four times as bright, cut off"):
        (said, *_) = known.warn(KINDS[kind](images, rng))
        assert said.startswith("Unlike the 24 training patients: "), kind


def test_the_warning_names_what_is_odd(known: Familiarity, head: Head) -> None:
    images = head(301).copy()
    images[..., 2] = np.clip(images[..., 2] * 1.8, 0, 255)
    (said,) = known.warn(images)
    assert "post-contrast is brighter than in any of them" in said or "parts of post-contrast are brighter" in said
    assert "pre-contrast is" not in said


@pytest.mark.parametrize("order", ORDERS[1:])
def test_exchanged_channels_are_named(known: Familiarity, head: Head, order: tuple[int, ...]) -> None:
    exchanged = head(302)[..., list(order)]
    names = ("pre-contrast", "FLAIR", "post-contrast")
    words = f"The channels look like {', '.join(names[c] for c in order)}, not like {', '.join(names)}."
    assert known.warn(exchanged)[-1] == words


def test_an_order_puts_channels_right_and_is_named_by_what_they_are() -> None:
    names = np.array(["pre-contrast", "FLAIR", "post-contrast"])
    for order in ORDERS:
        given = names[list(order)]
        (right,) = (o for o in ORDERS if (given[list(o)] == names).all())
        assert name_order(right) == ", ".join(given)


def test_faces_of_an_exchanged_volume_are_those_of_the_volume_in_another_place(head: Head) -> None:
    images = head(3)
    whole = faces_of(measure_volume(images))
    for order in ORDERS:
        assert faces_of(measure_volume(images[..., list(order)]))[0] == pytest.approx(whole[ORDERS.index(order)])
    assert faces_of(measure_volume(head(3, missing=(0,)))) is None


def test_weights_of_orders_are_where_the_penalised_likelihood_is_flat(measured: dict[str, np.ndarray]) -> None:
    faces = np.array([found for row in measured.values() if (found := faces_of(row)) is not None])
    weights = fit_orders(faces)
    spread = np.maximum(faces.reshape(-1, 16).std(axis=0), 1e-6)
    scaled = np.clip(faces / spread, -3, 3)

    def loss(own: np.ndarray) -> float:
        scores = scaled @ own
        return float(np.sum(np.log(np.exp(scores).sum(axis=1)) - scores[:, 0]) + own @ own / 2)

    best = weights * spread
    for step in np.eye(16) * 1e-3:
        assert loss(best) <= min(loss(best + step), loss(best - step))
    assert order_likelihood(faces, weights).sum(axis=1) == pytest.approx(np.ones(len(faces)))


def test_limits_leave_one_training_patient_outside(measured: dict[str, np.ndarray], known: Familiarity) -> None:
    rows = np.array([measured[name] for name in sorted(measured)])
    distances = [_distance(row, _fit_spread(np.delete(rows, n, axis=0))) for n, row in enumerate(rows)]
    assert known.limit == pytest.approx(max(distances))


def test_few_patients_say_nothing(measured: dict[str, np.ndarray], head: Head) -> None:
    few = fit_familiarity(dict(list(measured.items())[: FEWEST - 1]))
    assert few.limit is None and few.warn(np.zeros_like(head(0))) == ()
    with pytest.raises(ValueError, match="told from 10 patients or more; there were 9"):
        few.distance(measured["P00"])
    nobody = fit_familiarity({})
    assert (nobody.patients, nobody.expected, nobody.warn(head(0))) == (0, 0.0, ())
    without = fit_familiarity({name: row for name, row in measured.items() if np.isnan(row).any() or name < "P09"})
    assert without.limit is not None and without.weights == ()
    assert not any(said.startswith("The channels") for said in without.warn(head(0)[..., ::-1]))


def test_survives_json(known: Familiarity, head: Head) -> None:
    again = Familiarity.of(json.loads(json.dumps(asdict(known), allow_nan=False)))
    assert again == known and again.warn(head(0)[..., ::-1]) == known.warn(head(0)[..., ::-1])
    few = fit_familiarity({})
    assert Familiarity.of(json.loads(json.dumps(asdict(few)))) == few
    with pytest.raises(ValueError, match="names"):
        Familiarity.of({**asdict(known), "names": ["other"]})


def test_a_trial_has_a_row_a_held_out_patient_and_input(head: Head) -> None:
    volumes = {f"P{seed:02d}": head(seed) for seed in range(14)}
    folds = [({f"P{n:02d}" for n in range(12)}, {"P12", "P13"})]
    done: list[tuple[int, int]] = []
    trial = try_familiarity(volumes, folds, progress=lambda *told: done.append(told))
    table = schemas.validate(trial.table, schemas.FamiliarityTable, "familiarity table")
    assert trial.familiarity.patients == 12 and done == [(1, 2), (2, 2)]
    assert list(table.loc[table["patient"] == "P12", "input"]) == [AS_IS, ALONE, *KINDS]
    figures = summarise_trial(table).set_index("input")
    assert figures.loc["black"].tolist() == [2, 1.0] and figures.loc["noise", "warned"] == 1
    assert table.loc[table["input"] == "black", "distance"].isna().all()
    pd.testing.assert_frame_equal(table, try_familiarity(volumes, folds).table)


def test_folds_of_too_few_patients_are_no_trial(head: Head) -> None:
    volumes = {f"P{seed:02d}": head(seed) for seed in range(12)}
    names = sorted(volumes)
    folds = [(set(names) - {*names[n : n + 4]}, {*names[n : n + 4]}) for n in (0, 4, 8)]
    trial = try_familiarity(volumes, folds)
    assert trial.familiarity.patients == 12 and trial.familiarity.warn(volumes["P00"] * 0) != ()
    assert schemas.validate(trial.table, schemas.FamiliarityTable, "familiarity table").empty
    assert summarise_trial(trial.table).empty
    some = try_familiarity(volumes, [*folds, (set(names[1:]), {"P00"})]).table
    assert set(some["patient"]) == {"P00"} and some.loc[some["input"] == "black", "warned"].all()


def test_wrong_inputs_are_pictures_of_their_kind(head: Head) -> None:
    images, rng = head(0), np.random.default_rng(0)
    for kind, maker in KINDS.items():
        made = maker(images, rng)
        assert (made.shape, made.dtype) == (images.shape, np.uint8), kind
    assert (KINDS["inverted"](images, rng) == 255 - images).all()
    assert (KINDS["post-contrast, FLAIR, pre-contrast (BGR)"](images, rng) == images[..., ::-1]).all()
    photographs = KINDS["photographs"](images, rng).astype(float)
    near = np.corrcoef(photographs[:, :, 1:].ravel(), photographs[:, :, :-1].ravel())[0, 1]
    assert near > 0.5 and photographs.min() == 0 and photographs.max() == 255
