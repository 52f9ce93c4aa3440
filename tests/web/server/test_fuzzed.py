"""schemathesis: requests made from the OpenAPI, sound ones and others, meet no fault and get what it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

NO_MRI = "positive_data_acceptance"  # that any bytes in a form are taken: no schema can say what an MRI is


def test_no_request_that_the_openapi_leads_to_meets_a_fault(stub_server, tmp_path: Path) -> None:
    served, _ = stub_server()
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/openapi.json", "--phases", "coverage,fuzzing",
        "--max-examples", "25", "--seed", "1", "--exclude-checks", NO_MRI, "--no-color",
    ]  # fmt: skip
    environment = {**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "Tested: 7\n" in done.stdout, done.stdout[-5000:]
    (made,) = re.findall(r"(\d+) generated, \1 passed", done.stdout)
    assert int(made) > 50
    counted = served.client.get("/metrics").text
    assert 'status="5' not in counted
    assert 'route="/api/predict",status="422"' in counted
