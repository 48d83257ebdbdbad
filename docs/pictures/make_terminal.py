"""Draw terminal.svg: run the demo in a terminal of its own and keep what it shows, the long middle left out.

    uv run python docs/pictures/make_terminal.py

Needs a system with pseudo-terminals (Linux, macOS).
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 104
HELD_SHOWN = 3
PICTURE = Path(__file__).with_name("terminal.svg")
COMMAND = "make demo"


def run_demo() -> tuple[str, str]:
    """What the demo prints, and the last state of its progress bars."""
    ours, theirs = pty.openpty()
    bars = bytearray()

    def listen() -> None:
        try:
            while chunk := os.read(ours, 4096):
                bars.extend(chunk)
        except OSError:  # the terminal is gone: the demo has ended
            return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    shown = {"COLUMNS": str(WIDTH), "LINES": "60", "TERM": "xterm-256color", "FORCE_COLOR": "1", "LOGNAME": "maria"}
    with subprocess.Popen(
        [sys.executable, "-c", "from ml_connector.cli.main import main; main()", "demo"],
        env={**os.environ, **shown},
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as demo:
        os.close(theirs)
        printed, _ = demo.communicate()
    listener.join(5)
    assert demo.returncode == 0, printed.decode()
    last = re.split(r"\x1b\[2K", bars.decode())[-1]
    return printed.decode(), re.sub(r"\x1b\[\?25[hl]", "", last).replace("\r", "").strip("\n")


def shortened(printed: str) -> list[str]:
    """The head, the first held documents, and everything from the explained invoice on."""
    lines = printed.splitlines()
    plain = [Text.from_ansi(line).plain for line in lines]
    held = [number for number, line in enumerate(plain) if re.match(r"(invoice|bill) \d+ ", line)]
    explained = next(number for number, line in enumerate(plain) if "every penny explained" in line)
    left_out = len(held) - HELD_SHOWN
    more = f"\x1b[2m… and {left_out} more, each with its remedy\x1b[0m"
    return [*lines[: held[HELD_SHOWN]], more, *lines[explained:]]


def self_contained(svg: str) -> str:
    """Without fonts from elsewhere, and with spaces that no viewer joins."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace(
        "font-family: Fira Code, monospace", "font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace"
    )
    svg = "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
    return svg.replace("<text ", '<text xml:space="preserve" ')


def main() -> None:
    printed, bars = run_demo()
    lines = shortened(printed)
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(f"[bold green]$[/] {COMMAND}", highlight=False)
    for line in [*lines[:2], *bars.splitlines(), *lines[2:]]:
        console.print(Text.from_ansi(line), soft_wrap=True)
    PICTURE.write_text(self_contained(console.export_svg(title="ml-connector demo")), "utf-8")


if __name__ == "__main__":
    main()
