"""The ledger's tables, the same on SQLite and PostgreSQL.

Every row belongs to a connection; what belongs to none (users, credentials) is told in the trail of connection 0, the
installation itself. Leases belong to a ServiceTitan tenant. Amounts are whole minor
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
    text,
)

REVISION = "0004"
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

INSTALLATION = 0
"""The id of what is no connection: the installation itself. Its trail holds what belongs to no tenant."""

INSTALLATION_NAME = "installation"

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

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),  # as one signs in; small letters
    Column("full_name", Text, nullable=False),
    Column("os_account", Text, unique=True),  # who that is at the command line
    Column("password_hash", Text, nullable=False),  # argon2id; "" = signs in nowhere
    Column("roles", Text, nullable=False),  # JSON: names of roles
    Column("active", Boolean, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", Text, nullable=False),
)

refused_logins = Table(
    "refused_logins",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("username", Text, primary_key=True),  # small letters
    Column("salt", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # of the password that was refused: slow to guess
    Column("refused_at", Moment, nullable=False),
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", BigId, primary_key=True),
    _connection(),
    Column("name", Text, nullable=False),
    Column("rule", Text, nullable=False),  # as a person writes it: "daily 06:00"
    Column("time_zone", Text, nullable=False),
    Column("catch_up", Boolean, nullable=False),  # one run for all that was missed; else none
    Column("quiet", Text, nullable=False),  # "22:00-05:00"; "" = no quiet hours
    Column("paused", Boolean, nullable=False),
    Column("next_at", Moment),  # of its next run, or its next look for a batch; NULL where it is paused
    Column("seen", Text, nullable=False),  # JSON: what it has answered, and whether a person asked for a run
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", Text, nullable=False),
    UniqueConstraint("connection_id", "name"),
    Index(None, "next_at"),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigId, primary_key=True),
    _connection(),
    Column("digest", Text, nullable=False),  # SHA-256 of the body: a redelivery has the same
    Column("body", LargeBinary, nullable=False),  # zlib
    Column("received_at", Moment, nullable=False),
    Column("times", Integer, nullable=False),  # that it came
    Column("answered_at", Moment),  # by the run that was asked for
    UniqueConstraint("connection_id", "digest"),
    Index(None, "answered_at", "connection_id"),
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", BigId, primary_key=True),
    _connection(),
    Column("code", Text, nullable=False),
    Column("subject", Text, nullable=False),  # what it is about: one alert for each is open at a time
    Column("finding", Text, nullable=False),  # JSON
    Column("raised_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),  # the last time that it was so
    Column("cleared_at", Moment),
    Column("told_at", Moment),
    Column("attempts", Integer, nullable=False),  # at telling it
    Index(None, "connection_id", "cleared_at"),
    sqlite_autoincrement=True,
)

parties = Table(
    "parties",
    metadata,
    _connection(primary_key=True),
    Column("role", Text, primary_key=True),
    Column("company", Text, primary_key=True),  # the rulebook's short name; "" = ServiceTitan
    Column("party_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON of a Party, as that side last showed it
    Column("seen_at", Moment, nullable=False),
)

bindings = Table(
    "bindings",
    metadata,
    Column("id", BigId, primary_key=True),
    _connection(),
    Column("role", Text, nullable=False),
    Column("company", Text, nullable=False),
    Column("field_id", Text, nullable=False),
    Column("gp_id", Text, nullable=False),
    Column("how", Text, nullable=False),  # certain | confirmed | created | merged
    Column("bound_by", Text, nullable=False),
    Column("bound_at", Moment, nullable=False),
    Column("field_base", Text, nullable=False),  # JSON of a Party: what the two showed when they were last made equal
    Column("books_base", Text, nullable=False),
    Column("conflict", Text, nullable=False),  # JSON of a finding; "" = none
    Column("ended_at", Moment),  # NULL while it holds
    Index(
        "uq_bindings_field",
        *("connection_id", "role", "company", "field_id"),
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(None, "connection_id", "role", "company", "gp_id"),
    sqlite_autoincrement=True,
)

proposals = Table(
    "proposals",
    metadata,
    _connection(primary_key=True),
    Column("role", Text, primary_key=True),
    Column("company", Text, primary_key=True),
    Column("field_id", Text, primary_key=True),
    Column("bucket", Text, nullable=False),
    Column("candidates", Text, nullable=False),  # JSON: GP ids with scores and signs, the best first
    Column("refused", Text, nullable=False),  # JSON: GP ids that a person said no to
    Column("made_at", Moment, nullable=False),
)

party_claims = Table(
    "party_claims",
    metadata,
    _connection(primary_key=True),
    Column("role", Text, primary_key=True),
    Column("company", Text, primary_key=True),  # where it is written; "" = ServiceTitan
    Column("source_id", Text, primary_key=True),  # the party of the other side that it is written for
    Column("target_id", Text, nullable=False),  # what it is to be called there; "" = ServiceTitan says
    Column("digest", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("since", Moment, nullable=False),
    Column("finding", Text, nullable=False),  # JSON: why it is held; "" = in doubt
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
    Column("why", Text, nullable=False, server_default=""),  # by hand, a schedule's name, a webhook
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
