"""General-ledger accounts and the form that a company gives them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccountNumber:
    """A general-ledger account: its segments, main account included."""

    segments: tuple[str, ...]

    def __str__(self) -> str:
        return "-".join(self.segments)

    @classmethod
    def parse(cls, text: str, separator: str = "-") -> AccountNumber:
        return cls(tuple(segment.strip() for segment in text.split(separator)))


@dataclass(frozen=True, slots=True)
class AccountFormat:
    """The segments of a company's accounts, in order, with their lengths; the site decides both."""

    names: tuple[str, ...]
    lengths: tuple[int, ...]
    main: str

    def misfit(self, account: AccountNumber) -> str | None:
        """Why an account does not fit the format, in words, or None."""
        if len(account.segments) != len(self.names):
            return f"{account} has {len(account.segments)} segments, the format has {len(self.names)}: {self}"
        for name, length, value in zip(self.names, self.lengths, account.segments, strict=True):
            if len(value) != length or not value.isalnum():
                return f"segment {name} of {account} is '{value}', the format wants {length} characters"
        return None

    def __str__(self) -> str:
        return ", ".join(f"{name} {length}" for name, length in zip(self.names, self.lengths, strict=True))
