# Two commands: `make demo` and `make test`. Both install what they need into this folder (.uv, .venv).
SHELL := /bin/bash
UV := .uv/bin/uv
UV_RANGE := uv>=0.13,<0.14
RUN := $(UV) run --frozen --quiet
ARGS ?=
DOMAIN := samba samba-ad-dc samba-ad-provision winbind ldb-tools krb5-user faketime

.PHONY: help setup demo test check format bench clean

help:
	@echo "make demo    one month from the sandbox ServiceTitan into the sandbox GP (ARGS=\"--headless --json\", TRANSPORT=soap or mixed)"
	@echo "make test    every test, with PostgreSQL installed from Debian's packages where it is missing"
	@echo "make check   style, types and the import contracts"
	@echo "make bench   speed, each figure beside its floor"

$(UV):
	@python3 -c 'import ensurepip' 2>/dev/null || tools/debian-packages python3-venv
	python3 -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check '$(UV_RANGE)'

.venv/.ready: $(UV) pyproject.toml uv.lock
	$(UV) sync --frozen --quiet
	@touch $@

setup: .venv/.ready

demo: setup
	@$(RUN) ml-connector demo $(if $(TRANSPORT),--dialect $(subst sba,one,$(TRANSPORT))) $(ARGS)

.venv/.kerberos: setup
	@tools/debian-packages --unless 'command -v gcc && krb5-config --version && python3-config --includes' gcc libc6-dev python3-dev libkrb5-dev
	CFLAGS="-O0 -g0" $(UV) sync --frozen --quiet --inexact --extra kerberos
	@touch $@

test: .venv/.kerberos
	@tools/debian-packages --unless 'ls /usr/lib/postgresql/*/bin/initdb' postgresql
	@PATH="$$PATH:/usr/sbin" tools/debian-packages --unless 'command -v samba && command -v ldbmodify && command -v kinit && command -v faketime' $(DOMAIN) || [ -z "$$CI" ]
	$(RUN) pytest -n 2 --dist loadfile $(ARGS)

check: .venv/.kerberos
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports

format: setup
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

bench: setup
	$(RUN) python -m bench $(ARGS)

clean:
	rm -rf .uv .venv
