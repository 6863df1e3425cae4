# Everything a newcomer needs: `make demo` and `make test` set up a virtual environment in .venv by themselves.

PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH_READY := $(VENV)/.bench-ready
AUDIT := .audit
PACKAGE := .package

.PHONY: demo test check format bench docs audit package clean

demo: $(READY)
	$(BIN)/orienteer demo --out runs/demo

test: $(READY)
	$(BIN)/coverage erase
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --doctest-modules --record-lines orienteer tests
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BENCH_READY)
	mkdir -p runs/benchmarks
	$(BIN)/python -m benchmarks.step --json runs/benchmarks/step.json
	$(BIN)/python -m benchmarks.views --json runs/benchmarks/views.json
	$(BIN)/python -m benchmarks.store --json runs/benchmarks/store.json
	$(BIN)/python -m benchmarks.export --json runs/benchmarks/export.json
	$(BIN)/python -m benchmarks.finetune --json runs/benchmarks/finetune.json
	$(BIN)/python -m benchmarks.explore --json runs/benchmarks/explore.json
	$(BIN)/python -m benchmarks.trust --json runs/benchmarks/trust.json

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Known vulnerabilities of what is installed. Optional: it asks a server. In an environment of its own, so that what is
# looked at stays as it is.
audit: $(READY)
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check "pip-audit>=2.10,<3"
	$(AUDIT)/bin/pip-audit --skip-editable --path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

# What a user gets: the wheel alone in a clean environment, and a small demo run with it, outside of this folder.
package:
	rm -rf $(PACKAGE)
	$(PYTHON) -m venv $(PACKAGE)/venv
	$(PACKAGE)/venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w $(PACKAGE)/wheel .
	$(PACKAGE)/venv/bin/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(PACKAGE)/venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		"$$(echo $(PACKAGE)/wheel/*.whl)[explore]"
	cd $(PACKAGE) && unset PYTHONPATH && venv/bin/orienteer --version && \
		venv/bin/orienteer demo --out runs/demo --subjects 4 --steps 2 --workers 0 --prepare-workers 0
	@ls -l $(PACKAGE)/wheel $(PACKAGE)/runs/demo/report.html

# torch first and alone, so that the other packages find it there and do not bring another build. nnU-Net's networks and
# loading functions need neither timm nor torchvision, which these packages would bring: hence --no-deps.
NNUNET := dynamic-network-architectures nnunetv2 acvl-utils batchgenerators batchgeneratorsv2 scikit-image pandas \
	connected-components-3d lazy-loader tifffile imageio

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "orienteer needs Python 3.11 or newer; $(PYTHON) is older. Do this: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,onnx,mlflow,wandb]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps $(NNUNET)
	@touch $(READY)

$(BENCH_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	@touch $(BENCH_READY)

clean:
	rm -rf $(VENV) $(AUDIT) $(PACKAGE) site build dist
