"""`gliaflow score`: figures of masks, whatever made them."""

import argparse
import sys
from pathlib import Path

from gliaflow.arguments import Commands, whole
from gliaflow.errors import GliaflowError


def add(commands: Commands) -> None:
    """Tell argparse of the command and its options."""
    about = "score masks of any tool against the true ones: every figure with its n and its interval"
    command = commands.add_parser(
        "score",
        help=about,
        description=about[0].upper() + about[1:] + ". Masks are paired by the patient and slice number in their names; "
        "black is no tumour, any one other value is tumour.",
        epilog="Exit status: 0 if the masks were scored; 2 if they can't be, and then nothing is written.",
    )
    command.add_argument("predictions", metavar="PREDICTIONS", type=Path, help="folder with the masks to score")
    command.add_argument("truth", metavar="TRUTH", type=Path, help="folder with the true masks, or the data set itself")
    command.add_argument("--out", type=Path, metavar="FILE.json", help="write the figures there, too")
    command.add_argument(
        "--probabilities",
        type=Path,
        metavar="DIR",
        help="folder with the probability maps (grey, 8 bits) of the same slices, for AUROC and calibration",
    )
    command.add_argument(
        "--allow-missing",
        action="store_true",
        help="leave masks without a partner out; without this they are an error, and none ever counts as empty",
    )
    command.add_argument(
        "--resamples",
        type=whole(100),
        default=2000,
        metavar="N",
        help="bootstrap resamples behind every interval (default: %(default)s)",
    )
    seed = "of the bootstrap (default: %(default)s)"
    command.add_argument("--seed", type=whole(0), default=0, metavar="N", help=seed)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    import json

    from tqdm import tqdm

    from gliaflow.evaluation.rescore import rescore
    from gliaflow.ingest.doctor.text import printable
    from gliaflow.report.listing import to_text
    from gliaflow.store.files import write_whole

    try:
        with tqdm(unit=" slices", leave=False, disable=None) as bar:  # no bar in a log file

            def advance(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            scored = rescore(
                options.predictions,
                options.truth,
                options.probabilities,
                allow_missing=options.allow_missing,
                resamples=options.resamples,
                seed=options.seed,
                progress=advance,
            )
        if options.out:
            content = json.dumps(scored.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
            write_whole(options.out, f"{content}\n".encode())
    except (GliaflowError, OSError) as error:
        sys.stderr.write(f"gliaflow score: {printable(str(error))}\n")
        return 2
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(to_text(scored).encode(encoding, "backslashreplace").decode(encoding))
    return 0
