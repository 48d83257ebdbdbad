"""What comes of one write to GP, whatever was written and over whichever transport: the same four endings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ml_connector.books.outcomes import Deferred, Exchange, InDoubt
from ml_connector.gp.errors import Said


@dataclass(frozen=True, slots=True)
class Taken:
    """GP did it. `cells` is the record that its answer holds, None where it answers nothing."""

    cells: Mapping[str, object] | None = None
    wire: Exchange = field(default=Exchange(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """GP told its reasons, of which there is one at least, and did nothing."""

    said: Sequence[Said]
    wire: Exchange = field(default=Exchange(), compare=False, repr=False)


Told: TypeAlias = Taken | Refusal | InDoubt | Deferred
