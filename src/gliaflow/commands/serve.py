"""`gliaflow serve`: a web page and an API for a released model."""

import argparse
import os
import sys
from pathlib import Path

from gliaflow.arguments import Commands, whole
from gliaflow.errors import GliaflowError

TOKEN = "GLIAFLOW_TOKEN"
SHORTEST_TOKEN = 16  # characters: what can be guessed protects nothing
LOCAL = ("127.0.0.1", "localhost", "::1")
RESEARCH = "Research use only. Not a medical device."
LIMITS = {  # options: field of ServeLimits, how much one of it is, what it is
    "--max-file": ("file_bytes", 1 << 20, "MiB of a file (default: 64)"),
    "--max-total": ("total_bytes", 1 << 20, "MiB of all files of a request (default: 256)"),
    "--max-files": ("files", 1, "files of a request, those in archives included (default: 1000)"),
    "--max-slices": ("slices", 1, "slices of a request (default: 2000)"),
    "--max-seconds": ("seconds", 1, "seconds that an answer may take (default: 120)"),
    "--max-requests": ("requests", 1, "requests under way at a time; more are sent away (default: 64)"),
}


class CannotServe(GliaflowError):
    """A server that can't be started as it was asked to."""


def add(commands: Commands) -> None:
    """Tell argparse of the command and its options."""
    about = "serve a released model as a web page and an API"
    command = commands.add_parser(
        "serve",
        help=about,
        description=f"{about[0].upper()}{about[1:]}. Nothing that is sent to it is kept. {RESEARCH}",
        epilog="Exit status: 0 when it was stopped by SIGTERM, 130 by Ctrl-C; 2 if it can't start.",
    )
    command.add_argument(
        "model", metavar="MODEL", help="a release, or artifacts: of these the current model, or the newest release"
    )
    command.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="listen there (default: %(default)s)")
    command.add_argument("--port", type=whole(0), default=8000, metavar="N", help="0 for any (default: %(default)s)")
    command.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"holds the token that requests must bring; it can be given in {TOKEN} as well",
    )
    command.add_argument(
        "--no-token", action="store_true", help="let other machines in without a token, where --host lets them reach it"
    )
    command.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that it goes by too, such as that of a proxy before it; may be repeated",
    )
    for option, (field, _, about) in LIMITS.items():
        command.add_argument(option, type=whole(1), metavar="N", dest=field, help=about)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        token = read_token(options.token_file)
        if options.host not in LOCAL and token is None and not options.no_token:
            raise CannotServe(
                f"A server that other machines reach (--host {options.host}) needs a token: give --token-file FILE or "
                f"{TOKEN}, or --no-token to let all in."
            )
        try:
            from gliaflow.web.running import serve
            from gliaflow.web.settings import ServeLimits
        except ImportError as error:
            raise CannotServe(f"Serving needs {error.name}: pip install 'gliaflow[serve]'.") from None
        chosen = {
            field: getattr(options, field) * each for field, each, _ in LIMITS.values() if getattr(options, field)
        }
        hosts = {*LOCAL, *options.allow_host} if options.host in LOCAL or options.allow_host else None

        def started(address: str, model: str, engine: str) -> None:
            open_to_all = (
                "" if options.host in LOCAL or token else " Anybody who reaches it may use it: no token is set."
            )
            sys.stdout.write(f"{address}  {model}, {engine}. {RESEARCH}{open_to_all}\nCtrl-C stops it.\n")
            sys.stdout.flush()

        serve(
            options.model,
            options.host,
            options.port,
            limits=ServeLimits(**chosen),
            token=token,
            hosts=hosts,
            started=started,
        )
    except (GliaflowError, OSError) as error:
        sys.stderr.write(f"gliaflow serve: {error}\n")
        return 2
    return 0


def read_token(path: Path | None) -> str | None:
    """The token in a file, else in the environment, from which it is taken; None where there is none.

    Raises CannotServe for a file that can't be read and for a token that is too short.
    """
    token = os.environ.pop(TOKEN, None)  # no child process needs it
    where = TOKEN
    if path is not None:
        where = str(path)
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise CannotServe(f"The token in {path} can't be read ({error}).") from None
    if token is None:
        return None
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise CannotServe(
            f"A token has {SHORTEST_TOKEN} characters or more, letters, digits and signs; {where} has another. Make "
            "one with: python3 -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token
