"""What an administrator installs: units that systemd takes, a Containerfile with nothing secret in it, files that agree."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.house.commands import COMMANDS, parse
from tests.house.reading import ROOT, rooms

PACKAGING = ROOT / "packaging"
UNITS = PACKAGING / "systemd"
SERVICES = ("ml-connector.service", "ml-connector@.service", "ml-connector-backup.service")
PROGRAM = "/opt/ml-connector/bin/ml-connector"
OWN = {"ML_CONNECTOR_SERVE"}  # read by the unit itself
MOST_EXPOSED = 2.5  # of ten; systemd calls that OK


def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not there: the units are not verified on this machine")
    return found


def installed(folder: Path) -> list[str]:
    """The units as they would stand on a machine that has the program; the names to verify."""
    for unit in UNITS.glob("*.*"):
        if unit.suffix in (".service", ".timer"):
            (folder / unit.name).write_text(unit.read_text("utf-8").replace(PROGRAM, "/bin/true"), "utf-8")
    names = {it.name.replace("@.", "@worker.") for it in folder.iterdir()} | {"ml-connector@web.service"}
    return [str(folder / name) for name in sorted(names)]


def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    """No key that it does not know, no value that it cannot read."""
    done = subprocess.run(
        [systemd_analyze(), "verify", "--man=no", *installed(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_exposed_as_little_as_it_can_be(name: str, tmp_path: Path) -> None:
    """systemd's own measure of what a service that was taken over could do."""
    installed(tmp_path)
    done = subprocess.run(
        [systemd_analyze(), "security", "--offline=true", "--no-pager", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = re.search(r"exposure level for \S+: (\d+\.\d)", done.stdout)
    assert told, done.stdout + done.stderr
    assert float(told[1]) <= MOST_EXPOSED


def settings_of(name: str) -> dict[str, list[str]]:
    """The values of each key of a unit, in their order."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text("utf-8").splitlines():
        key, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def test_the_services_of_one_machine_and_of_several_differ_in_their_role_alone() -> None:
    one, several = settings_of("ml-connector.service"), settings_of("ml-connector@.service")
    differing = {key for key in one.keys() | several.keys() if one.get(key) != several.get(key)}
    assert differing == {"Description", "EnvironmentFile", "ExecStart"}
    assert several["ExecStart"] == [it.replace("--role all", "--role %i") for it in one["ExecStart"]]


def test_no_service_runs_as_root_or_keeps_the_key_where_others_read_it() -> None:
    for name in SERVICES:
        assert settings_of(name)["User"] == ["ml-connector"]
    service = settings_of("ml-connector.service")
    assert service["LoadCredential"] == ["master.key:/etc/ml-connector/master.key"]
    assert "ML_CONNECTOR_KEY_FILE=%d/master.key" in service["Environment"]


def test_what_the_services_serve_can_be_typed() -> None:
    """The words after the program are a command with its options."""
    (set_by_the_unit,) = [it for it in settings_of("ml-connector.service")["Environment"] if "ML_CONNECTOR_SERVE" in it]
    assert "--host 127.0.0.1" in set_by_the_unit
    for role in ("all", "web", "worker"):
        parse(["serve", "--role", role, "--host", "127.0.0.1"])


def test_every_variable_that_the_packages_set_is_read_by_the_program() -> None:
    """And none is misspelt, which would be left out in silence."""
    source = "\n".join(path.read_text("utf-8") for path in rooms())
    known = set(re.findall(r"\bML_CONNECTOR_[A-Z_]+\b", source)) | OWN
    for path in PACKAGING.rglob("*"):
        if path.is_file():
            named = set(re.findall(r"\bML_CONNECTOR_[A-Z_]+\b", path.read_text("utf-8")))
            assert named <= known, path.name


def test_a_service_is_given_longer_than_it_takes_to_stop() -> None:
    """What the program grants the document in hand, what it grants its other tasks, and a little for the rest."""
    grants = next(it.default for it in COMMANDS["serve"].params if it.name == "patience")  # type: ignore[attr-defined]
    (seconds,) = settings_of("ml-connector.service")["TimeoutStopSec"]
    assert 2 * grants < float(seconds) <= 3 * grants


def test_windows_and_linux_give_the_document_in_hand_the_same_time() -> None:
    service = ET.fromstring((PACKAGING / "windows" / "ml-connector.xml").read_text("utf-8"))
    (seconds,) = settings_of("ml-connector.service")["TimeoutStopSec"]
    assert service.findtext("stoptimeout") == f"{seconds} sec"
    parse((service.findtext("arguments") or "").split())


def test_the_wrapper_hands_the_environment_on_and_keeps_who_it_is(tmp_path: Path) -> None:
    """Typed as anybody, it reads the service's environment and passes every word on."""
    if os.name != "posix":
        pytest.skip("it is a shell script")
    told = tmp_path / "program"
    told.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$ML_CONNECTOR_DATA" "$ML_CONNECTOR_KEY_FILE" "$(id -u)" "$@"\n', "utf-8"
    )
    told.chmod(0o755)
    text = (PACKAGING / "bin" / "ml-connector").read_text("utf-8")
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(
        text.replace(PROGRAM, str(told)).replace("/etc/ml-connector/environment", str(PACKAGING / "environment")),
        "utf-8",
    )
    done = subprocess.run(
        ["sh", str(wrapper), "holds", "a b", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.defpath},
    )
    expected = ["/var/lib/ml-connector", "/etc/ml-connector/master.key", str(os.getuid()), "holds", "a b", "--json"]
    assert done.stdout.splitlines() == expected


# The Containerfile, which no engine builds here: what can be said of it without one


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (PACKAGING / "Containerfile").read_text("utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def last_stage() -> list[tuple[str, str]]:
    whole = instructions()
    return whole[max(n for n, (word, _) in enumerate(whole) if word == "FROM") :]


def test_the_container_runs_as_nobody_in_particular_and_says_whether_it_lives() -> None:
    stage = dict(last_stage())
    assert stage["USER"] == "10001:10001"
    assert "/health/live" in stage["HEALTHCHECK"]
    assert stage["STOPSIGNAL"] == "SIGTERM"
    assert stage["ENTRYPOINT"] == '["ml-connector"]'
    tools = " ".join(rest for word, rest in last_stage() if word == "RUN")
    assert not re.search(r"\bgcc\b|\buv\b|-dev\b", tools), "what builds it stays behind"


def test_the_container_serves_where_it_is_asked_whether_it_lives() -> None:
    stage = dict(last_stage())
    parse(json.loads(stage["CMD"]))
    port = next(it.default for it in COMMANDS["serve"].params if it.name == "port")  # type: ignore[attr-defined]
    assert stage["EXPOSE"] == str(port)
    assert f"127.0.0.1:{port}/health/live" in stage["HEALTHCHECK"]


def test_the_container_has_nothing_secret_and_nothing_from_outside() -> None:
    """No ADD of an address, no password in an argument or variable; what is copied is named, and is there."""
    for word, rest in instructions():
        assert word not in ("ADD", "ARG"), rest
        if word == "ENV":
            assert not re.search(r"(?i)password|secret=|token|ML_CONNECTOR_KEY=", rest)
        if word == "COPY" and "--from" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
    left_in = (PACKAGING / "Containerfile.dockerignore").read_text("utf-8").splitlines()
    assert left_in[0] == "*", "the folder with somebody's ledger is not sent along"


def test_the_container_is_built_of_versions_that_the_project_knows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    least = tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))
    images = {rest.split()[0] for word, rest in instructions() if word == "FROM"}
    for image in images:
        tag = re.fullmatch(r"docker\.io/library/python:(\d+)\.(\d+)-slim-[a-z]+", image)
        assert tag, f"{image} has no version"
        assert (int(tag[1]), int(tag[2])) >= least
        assert f"Programming Language :: Python :: {tag[1]}.{tag[2]}" in project["classifiers"]
    (uv,) = re.findall(r"UV_RANGE := (.+)", (ROOT / "Makefile").read_text("utf-8"))
    assert any(f"'{uv}'" in rest for _, rest in instructions()), "the same uv as everywhere"
