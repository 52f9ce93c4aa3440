"""The model card: every section from the data alone, for one model and for an ensemble."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from gliaflow.evaluation.detection import fit_detection
from gliaflow.inference.bundle import Bundle, Member
from gliaflow.inference.familiarity import fit_familiarity
from gliaflow.report.card import CardData, render_card
from gliaflow.report.card_words import detection_sentences, missing_sentence, origin_of


def make_card(members: int = 1) -> CardData:
    names = [f"TCGA_{site}_494{number}_19960909" for number, site in enumerate(["CS", "CS", "HT", "HT"])]
    labels = pd.DataFrame(
        [
            {
                "patient": patient,
                "slice": number,
                "site": patient[5:7],
                "has_tumor": number < 2,
                "missing": "post" if patient == names[0] else "",
            }
            for patient in names
            for number in range(3)
        ]
    )
    part = {names[0]: "train", names[1]: "train", names[2]: "val", names[3]: "test"}
    parts = labels[["patient", "slice"]].assign(part=labels["patient"].map(part))
    score = np.array([0.9, 0.8, 0.1, 0.7, 0.2, 0.05])
    bundle = Bundle(
        members=tuple(Member(f"fold-{n}.keras" if members > 1 else "model.keras", f"{n:064x}") for n in range(members)),
        size=256,
        threshold=102,
        min_pixels=50,
        mirror=True,
        detection=fit_detection(score, score > 0.5, np.repeat(["a", "b"], 3)),
        familiarity=replace(fit_familiarity({}), limit=2.0, expected=0.04, patients=42),
        recipe={"name": "default", "augmentation": {"flip": 0.5}},
    )
    about = {"n": 9, "unit": "patients", "about": "mean over patients"}
    metrics = [
        {"name": "volume_dice_mean", "part": "test", "value": 0.82, "low": 0.75, "high": 0.88, **about},
        {"name": "volume_dice_mean", "part": "val", "value": 0.99, "low": None, "high": None, **about},
        {"name": "call_sensitivity", "part": "test", "value": 0.96, "low": 0.9, "high": 1.0, **about},
    ]
    familiarity = pd.DataFrame({"input": ["as it is", "noise"], "volumes": [18, 18], "warned": [1 / 18, 1.0]})
    return CardData(
        bundle=bundle,
        source="kaggle_3m",
        protocol="crossval" if members > 1 else "patient",
        labels=labels,
        parts=[parts] * members,
        parameters=1_941_105,
        thresholds=[100, 104][:members],
        metrics=metrics,
        familiarity=familiarity,
    )


def test_a_card_tells_what_how_good_and_what_not_for() -> None:
    card = render_card(make_card())
    assert card.startswith(
        "# Model card: a network for tumour in brain MRI slices\n\n**Research use only. This is not a"
    )
    sections = [line[3:] for line in card.splitlines() if line.startswith("## ")]
    assert sections == [
        "What it does", "Data", "Protocol", "Figures", "Is there a tumour in this slice?",
        "Input unlike the training data", "Training", "Limits",
    ]  # fmt: skip
    for line in (
        "where round(255 p) >= 102, without what hangs together in fewer than 50 pixels over all slices.",
        f"| model.keras | {0:064x} |",
        "kaggle\\_3m: 4 patients of 2 sites, 12 slices, 8 of them with tumour.",
        "| HT | 2 | 6 | 4 |",
        "| validation | 1 | 3 | 2 |",
        "FLAIR stands in for post-contrast in 1 patient.",
        "non-commercial, attribution, share-alike",
        "| Volume Dice, mean | 0.820 | 0.750 to 0.880 | 9 | patients | mean over patients |",
        "at most 4.0 % of patients like them get a warning",
        "| as it is | 5.6 % | 18 |",
        "| augmentation.flip | 0.5 |",
        "1,941,105 parameters.",
        "Each probability is the mean of a slice's and its mirror image's.",
    ):
        assert line in card
    assert "0.990" not in card and "None" not in card


def test_an_ensemble_says_whose_figures_it_shows() -> None:
    card = render_card(make_card(members=2))
    assert "an ensemble of 2 networks" in card and "(thresholds 100, 104)" in card
    assert "these are figures of the members one by one" in card
    assert "| fold 1, validation | 1 | 3 | 2 |" in card and f"| fold-1.keras | {1:064x} |" in card
    assert "none was tried on the averaged probabilities" in card
    assert "that is what to expect of a new patient with one member alone" in card
    assert "Out of fold, each patient called by its member's own fit: sensitivity" in card
    assert "It was tried on each fold's test patients (told from its training patients) as they are" in card
    alone = render_card(make_card())
    assert "averaged" not in alone and "of a new patient." in alone and "- On test: sensitivity" in alone
    assert "It was tried on held-out patients as they are" in alone


def test_equal_data_give_equal_cards_and_texts_stay_in_their_place() -> None:
    assert render_card(make_card()) == render_card(make_card())
    card = render_card(replace(make_card(), source="a|<b>\n# b"))
    assert "a\\|&lt;b&gt; \\# b: 4 patients" in card


def test_a_leaky_protocol_and_missing_figures_are_said() -> None:
    card = render_card(replace(make_card(), protocol="slice", metrics=[]))
    assert "**It leaks:" in card and "how good the model is isn't known" in card
    leaky = make_card()
    card = render_card(replace(leaky, protocol="slice", familiarity=leaky.familiarity.iloc[:0]))
    assert "On the test slices, of patients of whom other slices were trained on." in card
    assert "took no part in any choice" not in card and "what to expect" not in card
    assert "It was not tried: no patient was held out whole from enough others." in card
    assert "With a warning" not in card


def test_a_warning_that_is_never_given_has_no_table() -> None:
    data = make_card()
    few = replace(data.bundle.familiarity, limit=None, patients=4)
    card = render_card(replace(data, bundle=replace(data.bundle, familiarity=few)))
    assert "There were 4 training patients: too few" in card and "With a warning" not in card
    assert "It looks at" not in card and "\n\n## Training" in card


@pytest.mark.parametrize(
    ("patients", "origin"),
    [
        (["TCGA_CS_4941_19960909", "TCGA_FG_A60K_20040224"], "lgg"),
        (["TCGA_CS_P001_20000101", "TCGA_DU_P002_20000102"], "phantom"),
        (["TCGA_CS_4941_19960909", "anna"], "unknown"),
        ([], "unknown"),
    ],
)
def test_where_patients_come_from_is_told_by_their_names(patients: list[str], origin: str) -> None:
    assert origin_of(patients) == origin


def test_the_answer_is_described_as_it_was_fitted() -> None:
    detection = make_card().bundle.detection
    said = " ".join(detection_sentences(detection, make_card().metrics))
    assert "6 slices, 3 with tumour, of 2 validation patients" in said and f"Below {detection.low:.3f}" in said
    assert "On test: sensitivity where there is an answer 0.960 (0.900 to 1.000; 9 slices)." in said
    alone = [{**make_card().metrics[-1], "low": None, "high": None, "n": 1}]
    assert "there is an answer 0.960 (1 slice)." in detection_sentences(detection, alone)[-1]
    nothing = fit_detection(np.array([0.5]), np.array([True]), np.array(["a"]))
    (only,) = detection_sentences(nothing, [])
    assert only.startswith("Of 1 validation slice 1 hold tumour: without both kinds nothing can be fitted.")
    unsure = replace(detection, precision=None, high=1.0, unsure=0.5)
    said = " ".join(detection_sentences(unsure, []))
    assert said.endswith("hold none; all others are “unsure”: 50.0 % of the validation slices.")
    assert "No answer is “tumor”" in said and "the two" not in said.lower()
    assert asdict(detection)["low"] == detection.low


def test_missing_sequences_are_counted_by_patient() -> None:
    labels = make_card().labels
    assert missing_sentence(labels.assign(missing="")) == "No patient lacks a sequence."
    both = missing_sentence(labels.assign(missing="pre,post"))
    assert both == "FLAIR stands in for pre-contrast in 4 patients and post-contrast in 4 patients."
