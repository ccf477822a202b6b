import subprocess
import sys

import pytest


@pytest.mark.slow
def test_charts_studies_and_references_start_without_torch_and_streamlit():
    code = (
        "import sys, resnet_edu.charts, resnet_edu.studies, resnet_edu.references;"
        "import resnet_edu.experiment.budgets;"
        "print(sorted({'torch', 'streamlit', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
