import pytest

from gliaflow.ingest.studies.sequences import channel_of, described_sequence, sequence_of


@pytest.mark.parametrize(
    ("stem", "case", "sequence"),
    [
        ("BraTS20_Training_001_flair", "BraTS20_Training_001", "flair"),
        ("BraTS20_Training_001_t1", "BraTS20_Training_001", "pre"),
        ("BraTS20_Training_001_t1ce", "BraTS20_Training_001", "post"),
        ("BraTS20_Training_001_t2", "BraTS20_Training_001", "other"),
        ("BraTS20_Training_001_seg", "BraTS20_Training_001", "mask"),
        ("BraTS-GLI-00000-000-t2f", "BraTS-GLI-00000-000", "flair"),
        ("BraTS-GLI-00000-000-t1n", "BraTS-GLI-00000-000", "pre"),
        ("BraTS-GLI-00000-000-t1c", "BraTS-GLI-00000-000", "post"),
        ("BraTS-GLI-00000-000-t2w", "BraTS-GLI-00000-000", "other"),
        ("BraTS-GLI-00000-000-seg", "BraTS-GLI-00000-000", "mask"),
        ("TCGA-02-0006_1996.08.23_t1Gd", "TCGA-02-0006_1996.08.23", "post"),
        ("TCGA-02-0006_1996.08.23_GlistrBoost", "TCGA-02-0006_1996.08.23", "mask"),
        ("TCGA-02-0006_1996.08.23_GlistrBoost_ManuallyCorrected", "TCGA-02-0006_1996.08.23", "mask"),
        ("UCSF-PDGM-0004_FLAIR", "UCSF-PDGM-0004", "flair"),
        ("UCSF-PDGM-0004_FLAIR_bias", "UCSF-PDGM-0004", "other"),
        ("UCSF-PDGM-0004_T1c_bias", "UCSF-PDGM-0004", "other"),
        ("UCSF-PDGM-0004_T1c", "UCSF-PDGM-0004", "post"),
        ("UCSF-PDGM-0004_DTI_eddy_FA", "UCSF-PDGM-0004", "other"),
        ("UCSF-PDGM-0004_ADC", "UCSF-PDGM-0004", "other"),
        ("UCSF-PDGM-0004_brain_segmentation", "UCSF-PDGM-0004", "other"),
        ("UCSF-PDGM-0004_brain_parenchyma_segmentation", "UCSF-PDGM-0004", "other"),
        ("UCSF-PDGM-0004_tumor_segmentation", "UCSF-PDGM-0004", "mask"),
        ("sub-01_FLAIR", "sub-01", "flair"),
        ("sub-01_T1w", "sub-01", "pre"),
        ("sub-01_ce-gadolinium_T1w", "sub-01", "post"),
        ("flair", "", "flair"),
        ("pre", "", "pre"),
        ("post", "", "post"),
        ("T2_FLAIR", "", "flair"),
    ],
)
def test_names_of_known_data_sets_tell_case_and_sequence(stem: str, case: str, sequence: str) -> None:
    assert sequence_of(stem) == (case, sequence)


@pytest.mark.parametrize("stem", ["case_0000", "patient12", "affairt1x", "scan", "outpost9"])
def test_other_names_tell_nothing(stem: str) -> None:
    assert sequence_of(stem) is None


def test_channels_of_nnunet_are_numbered() -> None:
    assert channel_of("BRATS_001_0002") == ("BRATS_001", 2)
    assert channel_of("patient_12") is None


@pytest.mark.parametrize(
    ("words", "sequence"),
    [
        ("AX T2 FLAIR", "flair"),
        ("t2_tirm_tra_dark-fluid", "flair"),
        ("AX T1 PRE", "pre"),
        ("AX T1 POST GD", "post"),
        ("T1 +C", "post"),
        ("SAG MPRAGE", "pre"),
        ("AX T2 FSE", "other"),
        ("3-plane localizer", "other"),
        ("AX DWI", "other"),
        ("Series 4", None),
    ],
)
def test_a_scanners_own_words_tell_the_sequence(words: str, sequence: str | None) -> None:
    assert described_sequence(words) == sequence
