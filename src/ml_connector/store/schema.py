"""The ledger's tables, the same on SQLite and PostgreSQL.

Every row belongs to a connection, leases excepted (they belong to a ServiceTitan tenant). Amounts are whole minor
units beside their currency, so that sums stay exact and stay in SQL; moments are UTC. Change a table here and in a new
file under `migrations/versions`, and raise `REVISION`; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

REVISION = "0002"
"""The migration that this code is written for. Revisions are numbered, so a greater one is a newer ledger."""


class Moment(TypeDecorator[datetime]):
    """A moment with its zone, kept in UTC with microseconds; a moment without a zone is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER column

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _connection(*, primary_key: bool = False) -> Column[int]:
    return Column("connection_id", Integer, ForeignKey("connections.id"), primary_key=primary_key, nullable=False)


connections = Table(
    "connections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("definition", Text, nullable=False),  # JSON; secrets only as references
    Column("created_at", Moment, nullable=False),
)

rulebook_versions = Table(
    "rulebook_versions",
    metadata,
    _connection(primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("author", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("tables", LargeBinary, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", BigId, primary_key=True),
    _connection(),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("actor", Text, nullable=False),
    Column("dry", Boolean, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Index(None, "connection_id", "id"),
    sqlite_autoincrement=True,
)

cursors = Table(
    "cursors",
    metadata,
    _connection(primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("token", Text, nullable=False),
    Column("moved_at", Moment, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    _connection(primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("body", LargeBinary),  # zlib; NULL once retention has erased it
    Column("raw_size", BigInteger, nullable=False),
    Column("kept_at", Moment, nullable=False),
)

dockets = Table(
    "dockets",
    metadata,
    Column("id", BigId, primary_key=True),
    _connection(),
    Column("kind", Text, nullable=False),
    Column("source_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("source_date", Date),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    Column("page", Text, nullable=False),  # SHA-256 of the evidence
    Column("row_index", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    # The id first: before PostgreSQL has statistics it reads all that the first column leaves over.
    UniqueConstraint("source_id", "connection_id", "kind", "version"),
    Index(None, "connection_id", "stage", "id"),
    Index(None, "connection_id", "number"),
    sqlite_autoincrement=True,
)

documents = Table(
    "documents",
    metadata,
    Column("id", BigId, primary_key=True),
    _connection(),
    Column("docket_id", BigId, ForeignKey("dockets.id"), nullable=False),
    Column("company", Text, nullable=False),  # the rulebook's short name
    Column("gp_company", Text, nullable=False),  # GP's database name, upper case: within it a number is one document
    Column("number", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # books.canonical.to_bytes
    Column("party_id", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # credits negative
    Column("currency", Text, nullable=False),
    Column("document_date", Date, nullable=False),
    Column("posting_date", Date, nullable=False),
    Column("rulebook_version", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("sent_hash", Text),
    Column("batch_id", Text, nullable=False),
    Column("was_entered", Boolean, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("gp_company", "number"),
    Index(None, "docket_id"),
    Index(None, "connection_id", "stage", "id"),
    Index(None, "connection_id", "number"),
    Index(None, "connection_id", "batch_id"),
    sqlite_autoincrement=True,
)

batches = Table(
    "batches",
    metadata,
    Column("id", BigId, primary_key=True),
    _connection(),
    Column("run_id", BigId, ForeignKey("runs.id"), nullable=False),
    Column("company", Text, nullable=False),
    Column("receivables", Boolean, nullable=False),
    Column("year", Integer, nullable=False),
    Column("period", Integer, nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("serial", Integer, nullable=False),  # of that day, never used twice
    Column("opened_at", Moment, nullable=False),
    UniqueConstraint("connection_id", "batch_id"),
    UniqueConstraint("connection_id", "day", "serial"),
    Index(None, "run_id"),
    sqlite_autoincrement=True,
)

vault_secrets = Table(
    "vault_secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key_id", Text, nullable=False),  # of the master key that sealed it
    Column("nonce", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", Text, nullable=False),
)

trail_heads = Table(
    "trail_heads",
    metadata,
    _connection(primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
)

trail = Table(
    "trail",
    metadata,
    _connection(primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("docket_id", BigInteger),
    Column("number", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON, exactly as hashed
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index(None, "connection_id", "docket_id", "seq"),
    Index(None, "connection_id", "number", "seq"),
)
