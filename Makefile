# Thin names over plain commands; docs/install.md gives the commands too.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
UV := $(BIN)/python tools/like_pip.py $(BIN)/uv

.PHONY: app demo lab test check lint soak bench readme notebooks docs help clean

app: $(READY)            ## serve the app on localhost
	$(BIN)/streamlit run app/main.py

demo: $(READY)           ## the degradation experiment in the terminal
	$(BIN)/resnet-edu demo

lab: $(READY)            ## JupyterLab on the lessons
	$(BIN)/jupyter lab --LabApp.app_settings_dir=notebooks/.lab notebooks

test: $(READY) lint      ## everything but the soaks
	$(BIN)/pytest -n 2 --dist loadgroup -m "not soak" --durations 30

check: $(READY) lint     ## the quick part
	$(BIN)/pytest -n 2 --dist loadgroup -m "not soak and not slow"

lint: $(READY)           ## ruff, mypy, import contracts, spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

soak: $(READY)           ## long and heavy
	$(BIN)/pytest -m soak

bench: $(READY)          ## ratios in one run, into benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

readme: $(READY)         ## the README's measured passages, from the recorded runs
	$(BIN)/python tools/readme.py

notebooks: $(READY)      ## execute the lessons anew
	$(BIN)/python notebooks/execute.py

docs: $(READY)           ## the API pages, into build/docs
	$(BIN)/python tools/api.py

help:                    ## these lines
	@sed -n 's/^\([a-z]*\):[^#]*## /make \1	/p' Makefile | expand -t 18

clean:                   ## remove what make made
	rm -rf .venv build dist *.egg-info

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "resnet-edu needs Python 3.11 or newer; $$($(PYTHON) --version) was found. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(UV) pip install --python $(BIN)/python -r requirements.txt
	$(UV) pip install --python $(BIN)/python --quiet --no-deps --editable .
	@touch $@
