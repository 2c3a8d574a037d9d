"""Autoencoders of users; a digest that the facts hold already is no longer kept twice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BEFORE = "kind IN ('intake_classifier', 'intake_dataset', 'audit')"
AFTER = "kind IN ('intake_classifier', 'intake_dataset', 'intake_autoencoder', 'audit')"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "autoencoders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("encoder_upload_id", sa.Text(), nullable=False),
        sa.Column("decoder_upload_id", sa.Text(), nullable=False),
        sa.Column("encoder_digest", sa.Text(), nullable=False),
        sa.Column("decoder_digest", sa.Text(), nullable=False),
        sa.Column("value_range", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("facts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("problem", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'ready', 'rejected')", name=op.f("ck_autoencoders_state")),
        sa.ForeignKeyConstraint(["encoder_upload_id"], ["uploads.id"], name=op.f("fk_autoencoders_encoder_upload_id")),
        sa.ForeignKeyConstraint(["decoder_upload_id"], ["uploads.id"], name=op.f("fk_autoencoders_decoder_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_autoencoders")),
    )
    op.create_index("ix_autoencoders_newest", "autoencoders", ["created_at", "id"], unique=False)
    _replace_kinds(AFTER)
    op.drop_column("classifiers", "canonical_digest")
    op.drop_column("datasets", "canonical_digest")


def downgrade() -> None:
    """Undo. Autoencoders and their jobs are lost."""
    op.add_column("datasets", sa.Column("canonical_digest", sa.Text(), nullable=True))
    op.execute("UPDATE datasets SET canonical_digest = facts ->> 'canonical_digest'")
    op.add_column("classifiers", sa.Column("canonical_digest", sa.Text(), nullable=True))
    op.execute("UPDATE classifiers SET canonical_digest = facts ->> 'canonical_digest'")
    op.execute("DELETE FROM jobs WHERE kind = 'intake_autoencoder'")
    _replace_kinds(BEFORE)
    op.drop_index("ix_autoencoders_newest", table_name="autoencoders")
    op.drop_table("autoencoders")


def _replace_kinds(condition: str) -> None:
    op.drop_constraint(op.f("ck_jobs_kind"), "jobs", type_="check")
    op.create_check_constraint(op.f("ck_jobs_kind"), "jobs", condition)
