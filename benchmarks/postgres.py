"""A PostgreSQL of our own, for tests and measurements: Debian's package, in a temporary folder, dead when done."""

import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serving import free_port, running, wait_for

USER, PASSWORD, NAME = "gliaflow", "pass-word", "prefect"


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, the newest where there are several; None where it is not installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    folders = [*debian, *(Path(folder) for folder in os.get_exec_path())]
    return next((f for f in folders if all((f / name).exists() for name in ("initdb", "postgres", "createdb"))), None)


@contextmanager
def database() -> Iterator[str]:
    """Within this context PostgreSQL runs on a free port; gives the address of an empty database, password included."""
    bin_folder = programs()
    assert bin_folder is not None, "PostgreSQL is not installed"
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gliaflow-postgres-") as place:
        folder, cluster = Path(place), Path(place) / "cluster"
        password = folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        if user:
            account = pwd.getpwnam(user)
            for path in (folder, password):
                os.chown(path, account.pw_uid, account.pw_gid)
        made = [str(bin_folder / "initdb"), "-D", str(cluster), "-U", USER, "--auth=scram-sha-256"]
        subprocess.run(
            [*made, f"--pwfile={password}", "--no-sync"],
            cwd=folder,
            check=True,
            capture_output=True,
            **({"user": user, "group": user, "extra_groups": []} if user else {}),
        )
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder), "fsync": "off"}
        command = [str(bin_folder / "postgres"), "-D", str(cluster), "-p", str(port)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        log = folder / "log.txt"
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        with running(command, environment, log, folder, user=user) as process:
            create = [str(bin_folder / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, NAME]

            def make() -> bool:
                return subprocess.run(create, cwd=folder, env=environment, capture_output=True).returncode == 0

            wait_for(make, f"a database on port {port}", 60)
            try:
                yield f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/{NAME}"
            finally:
                process.send_signal(signal.SIGINT)  # ends it though someone is still connected
