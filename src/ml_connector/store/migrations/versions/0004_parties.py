"""Parties: what each side showed of them, who is whom, who may be whom, and what was about to be written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _connection(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name=f"fk_{table}_connection_id_connections")


def upgrade() -> None:
    op.create_table(
        "parties",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        *map(_text, ("role", "company", "party_id", "name", "body")),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "role", "company", "party_id", name="pk_parties"),
        _connection("parties"),
    )
    op.create_table(
        "bindings",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        *map(_text, ("role", "company", "field_id", "gp_id", "how", "bound_by")),
        sa.Column("bound_at", MOMENT, nullable=False),
        *map(_text, ("field_base", "books_base", "conflict")),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_bindings"),
        _connection("bindings"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_bindings_field",
        "bindings",
        ["connection_id", "role", "company", "field_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_bindings_connection_id_role_company_gp_id", "bindings", ["connection_id", "role", "company", "gp_id"]
    )
    op.create_table(
        "proposals",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        *map(_text, ("role", "company", "field_id", "bucket", "candidates", "refused")),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "role", "company", "field_id", name="pk_proposals"),
        _connection("proposals"),
    )
    op.create_table(
        "party_claims",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        *map(_text, ("role", "company", "source_id", "target_id", "digest")),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        _text("finding"),
        sa.PrimaryKeyConstraint("connection_id", "role", "company", "source_id", name="pk_party_claims"),
        _connection("party_claims"),
    )
