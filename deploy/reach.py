"""Ask whether Prefect's server answers at PREFECT_API_URL and takes the password in PREFECT_API_AUTH_STRING.

`make worker`, `make deploy` and `make run` ask first: Prefect's own answers to both questions are long tracebacks. Ends
with 0 if so, with 1 if nothing answers, and with 2 if the server refuses; says the remedy.
"""

import base64
import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask, say what is wrong, and return the exit status; with the argument `quietly` a missing server is no matter."""
    api = os.environ["PREFECT_API_URL"]
    question = urllib.request.Request(f"{api}/admin/version")
    if given := os.environ.get("PREFECT_API_AUTH_STRING"):
        question.add_header("Authorization", f"Basic {base64.b64encode(given.encode()).decode()}")
    try:
        urllib.request.urlopen(question, timeout=5).close()
    except urllib.error.HTTPError as error:
        asked = "asks for another user and password" if given else "asks for a password"
        why = f"{asked}: give the AUTH=user:password it was started with" if error.code == 401 else f"answers {error}"
        sys.stderr.write(f"Prefect's server at {api} {why}.\n")
        return 2
    except OSError as error:
        if "quietly" not in sys.argv:
            sys.stderr.write(f"No Prefect server answers at {api} ({error}). Start one with `make server`.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
