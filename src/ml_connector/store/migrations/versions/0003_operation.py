"""What it takes to run by itself: users, schedules, webhook deliveries, alerts; and a trail of the installation itself."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("os_account", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
        sa.UniqueConstraint("os_account", name="uq_users_os_account"),
    )
    op.create_table(
        "refused_logins",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("refused_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("domain", "username", name="pk_refused_logins"),
    )
    op.create_table(
        "schedules",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("catch_up", sa.Boolean(), nullable=False),
        sa.Column("quiet", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name="fk_schedules_connection_id_connections"),
        sa.UniqueConstraint("connection_id", "name", name="uq_schedules_connection_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_schedules_next_at", "schedules", ["next_at"])
    op.create_table(
        "deliveries",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name="fk_deliveries_connection_id_connections"),
        sa.UniqueConstraint("connection_id", "digest", name="uq_deliveries_connection_id_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_answered_at_connection_id", "deliveries", ["answered_at", "connection_id"])
    op.create_table(
        "alerts",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("raised_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("cleared_at", MOMENT, nullable=True),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.ForeignKeyConstraint(["connection_id"], ["connections.id"], name="fk_alerts_connection_id_connections"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alerts_connection_id_cleared_at", "alerts", ["connection_id", "cleared_at"])
    op.add_column("runs", sa.Column("why", sa.Text(), server_default="", nullable=False))
    _open_the_trail_of_the_installation()


def _open_the_trail_of_the_installation() -> None:
    """Connection 0: no tenant's, so that what concerns them all has a trail too."""
    connections = sa.table(
        "connections", sa.column("id"), sa.column("name"), sa.column("definition"), sa.column("created_at", MOMENT)
    )
    heads = sa.table("trail_heads", sa.column("connection_id"), sa.column("seq"), sa.column("hash"))
    here = {"id": 0, "name": "installation", "definition": "{}", "created_at": datetime.now(UTC)}
    op.bulk_insert(connections, [here])
    op.bulk_insert(heads, [{"connection_id": 0, "seq": 0, "hash": "0" * 64}])
