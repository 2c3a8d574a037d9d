"""Projects and who may see what; policies, schedules, registries, comparisons; the outbox; signed manifests.

Expands only: the version before goes on working beside it, in the default project. It writes no ``project_id``, so that
column has a default, which a later migration may take away.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DEFAULT_PROJECT = "prj_000000000000000000000000"
CURRENT_PROJECT = f"COALESCE(NULLIF(current_setting('scotoma.project', true), ''), '{DEFAULT_PROJECT}')"
ROLE = "scotoma_tenant"
JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())

SCOPED = (
    "api_keys", "audit_artifacts", "audit_events", "audits", "autoencoders", "classifiers", "comparisons", "datasets",
    "deliveries", "idempotency_keys", "jobs", "manifests", "occurrences", "policies", "registries", "registry_versions",
    "schedules", "stage_outputs", "trail", "uploads", "web_sessions", "webhooks",
)  # fmt: skip
"""Tables with rows of projects, each guarded by row-level security."""

JOBS_BEFORE = "kind IN ('intake_classifier', 'intake_dataset', 'intake_autoencoder', 'audit')"
JOBS_AFTER = (
    "kind IN ('intake_classifier', 'intake_dataset', 'intake_autoencoder', 'audit', 'comparison', 'import_version')"
)
SCOPES_BEFORE = "scope IN ('viewer', 'submitter', 'admin')"
SCOPES_AFTER = "scope IN ('viewer', 'auditor', 'submitter', 'admin')"
GATES = "gate IN ('pass', 'fail', 'inconclusive')"


def upgrade() -> None:
    """Apply."""
    _make_role()
    op.create_table(
        "projects",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("max_audits_in_flight", sa.Integer(), nullable=True),
        sa.Column("max_gpu_seconds", sa.BigInteger(), nullable=True),
        sa.Column("max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("retention_days", sa.Integer(), nullable=True),
        _now("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
    )
    op.bulk_insert(
        sa.table("projects", sa.column("id"), sa.column("name")), [{"id": DEFAULT_PROJECT, "name": "default"}]
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        _now("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("sink_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _now("available_at"),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        _now("created_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        _project(),
        sa.CheckConstraint("sink IN ('webhook', 'mlflow', 'openlineage')", name=op.f("ck_deliveries_sink")),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name=op.f("ck_deliveries_state")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_deliveries_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(
        "ix_deliveries_order",
        "deliveries",
        ["sink", "sink_id", "sequence"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index("ix_deliveries_sink", "deliveries", ["sink_id", "created_at"], unique=False)
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["available_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "policies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        _now("created_at"),
        _project(),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_policies_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
        sa.UniqueConstraint("project_id", "name", "version", name="uq_policies_version"),
    )
    op.create_table(
        "registries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=True),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("sealed_previous", sa.Text(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        _now("created_at"),
        _project(),
        sa.CheckConstraint("kind IN ('mlflow')", name=op.f("ck_registries_kind")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_registries_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registries")),
    )
    op.create_index("ix_registries_newest", "registries", ["project_id", "created_at", "id"], unique=False)
    op.create_table(
        "schedules",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_because", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        _now("created_at"),
        _project(),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_schedules_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
    )
    op.create_index("ix_schedules_newest", "schedules", ["project_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_schedules_due",
        "schedules",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL AND paused_at IS NULL"),
    )
    op.create_table(
        "trail",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _now("at"),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        _project(),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_trail_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trail")),
    )
    op.create_index("ix_trail_newest", "trail", ["project_id", "id"], unique=False)
    op.create_index("ix_trail_subject", "trail", ["subject"], unique=False)
    op.create_table(
        "web_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("principal", JSON, nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        _now("created_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        _project(),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_web_sessions_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_sessions")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("sealed_previous", sa.Text(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_because", sa.Text(), nullable=True),
        _now("created_at"),
        _project(),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_webhooks_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index("ix_webhooks_newest", "webhooks", ["project_id", "created_at", "id"], unique=False)
    op.create_table(
        "comparisons",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("before_id", sa.Text(), nullable=False),
        sa.Column("after_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("progress", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("problem", JSON, nullable=True),
        sa.Column("result_digest", sa.Text(), nullable=True),
        sa.Column("pictures_digest", sa.Text(), nullable=True),
        sa.Column("gpu_seconds", sa.Double(), server_default=sa.text("0"), nullable=False),
        _now("created_at"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        _project(),
        sa.CheckConstraint("(state = 'succeeded') = (result_digest IS NOT NULL)", name=op.f("ck_comparisons_result")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("ck_comparisons_state")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_comparisons_progress")),
        sa.ForeignKeyConstraint(["after_id"], ["audits.id"], name=op.f("fk_comparisons_after_id")),
        sa.ForeignKeyConstraint(["before_id"], ["audits.id"], name=op.f("fk_comparisons_before_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_comparisons_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparisons")),
    )
    op.create_index("ix_comparisons_newest", "comparisons", ["project_id", "created_at", "id"], unique=False)
    op.create_table(
        "manifests",
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("original", sa.Boolean(), nullable=False),
        sa.Column("template_version", sa.Text(), nullable=False),
        sa.Column("page_digest", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        _now("signed_at"),
        _project(),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_manifests_project_id")),
        sa.PrimaryKeyConstraint("subject_id", "digest", name=op.f("pk_manifests")),
    )
    op.create_index(
        "uq_manifests_page",
        "manifests",
        ["subject_id", "template_version", sa.text("COALESCE(key_id, '')")],
        unique=True,
    )
    op.create_table(
        "collections",
        sa.Column("id", sa.Text(), nullable=False),
        _now("started_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found", JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collections")),
    )
    op.create_table(
        "occurrences",
        sa.Column("schedule_id", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("turn", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("audit_id", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        _now("created_at"),
        _project(),
        sa.CheckConstraint("kind IN ('cron', 'trigger', 'backfill')", name=op.f("ck_occurrences_kind")),
        sa.CheckConstraint(
            "state IN ('waiting', 'started', 'succeeded', 'failed', 'cancelled', 'skipped', 'missed')",
            name=op.f("ck_occurrences_state"),
        ),
        sa.CheckConstraint("turn IN ('queue', 'allow')", name=op.f("ck_occurrences_turn")),
        sa.ForeignKeyConstraint(["audit_id"], ["audits.id"], name=op.f("fk_occurrences_audit_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_occurrences_project_id")),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name=op.f("fk_occurrences_schedule_id")),
        sa.PrimaryKeyConstraint("schedule_id", "due_at", name=op.f("pk_occurrences")),
    )
    op.create_index(
        "ix_occurrences_open",
        "occurrences",
        ["schedule_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'started')"),
    )
    op.create_table(
        "registry_versions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("registry_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("classifier_id", sa.Text(), nullable=True),
        sa.Column("audit_id", sa.Text(), nullable=True),
        sa.Column("problem", JSON, nullable=True),
        _now("created_at"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        _project(),
        sa.CheckConstraint("state IN ('pending', 'imported', 'failed')", name=op.f("ck_registry_versions_state")),
        sa.ForeignKeyConstraint(["audit_id"], ["audits.id"], name=op.f("fk_registry_versions_audit_id")),
        sa.ForeignKeyConstraint(["classifier_id"], ["classifiers.id"], name=op.f("fk_registry_versions_classifier_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_registry_versions_project_id")),
        sa.ForeignKeyConstraint(["registry_id"], ["registries.id"], name=op.f("fk_registry_versions_registry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_versions")),
        sa.UniqueConstraint("registry_id", "model", "version", name="uq_registry_versions_version"),
    )
    op.create_index("ix_registry_versions_newest", "registry_versions", ["registry_id", "created_at", "id"])
    op.add_column("api_keys", _project())
    op.create_foreign_key(op.f("fk_api_keys_project_id"), "api_keys", "projects", ["project_id"], ["id"])
    op.add_column("audit_artifacts", _project())
    op.create_foreign_key(op.f("fk_audit_artifacts_project_id"), "audit_artifacts", "projects", ["project_id"], ["id"])
    op.add_column("audit_events", _project())
    op.create_foreign_key(op.f("fk_audit_events_project_id"), "audit_events", "projects", ["project_id"], ["id"])
    op.add_column("audits", sa.Column("policy_id", sa.Text(), nullable=True))
    op.add_column("audits", sa.Column("baseline_id", sa.Text(), nullable=True))
    op.add_column("audits", sa.Column("gate", sa.Text(), nullable=True))
    op.add_column("audits", sa.Column("origin", JSON, nullable=True))
    op.add_column("audits", sa.Column("gpu_seconds", sa.Double(), server_default=sa.text("0"), nullable=False))
    op.add_column("audits", _project())
    op.drop_index(op.f("ix_audits_newest"), table_name="audits")
    op.create_index("ix_audits_newest", "audits", ["project_id", "created_at", "id"], unique=False)
    op.create_foreign_key(op.f("fk_audits_policy_id"), "audits", "policies", ["policy_id"], ["id"])
    op.create_foreign_key(op.f("fk_audits_baseline_id"), "audits", "audits", ["baseline_id"], ["id"])
    op.create_foreign_key(op.f("fk_audits_project_id"), "audits", "projects", ["project_id"], ["id"])
    op.add_column("autoencoders", _project())
    op.drop_index(op.f("ix_autoencoders_newest"), table_name="autoencoders")
    op.create_index("ix_autoencoders_newest", "autoencoders", ["project_id", "created_at", "id"], unique=False)
    op.create_foreign_key(op.f("fk_autoencoders_project_id"), "autoencoders", "projects", ["project_id"], ["id"])
    op.add_column("classifiers", _project())
    op.drop_index(op.f("ix_classifiers_newest"), table_name="classifiers")
    op.create_index("ix_classifiers_newest", "classifiers", ["project_id", "created_at", "id"], unique=False)
    op.create_foreign_key(op.f("fk_classifiers_project_id"), "classifiers", "projects", ["project_id"], ["id"])
    op.add_column("datasets", _project())
    op.drop_index(op.f("ix_datasets_newest"), table_name="datasets")
    op.create_index("ix_datasets_newest", "datasets", ["project_id", "created_at", "id"], unique=False)
    op.create_foreign_key(op.f("fk_datasets_project_id"), "datasets", "projects", ["project_id"], ["id"])
    op.add_column("idempotency_keys", _project())
    op.create_foreign_key(
        op.f("fk_idempotency_keys_project_id"), "idempotency_keys", "projects", ["project_id"], ["id"]
    )
    op.drop_constraint(op.f("pk_idempotency_keys"), "idempotency_keys", type_="primary")
    op.create_primary_key(op.f("pk_idempotency_keys"), "idempotency_keys", ["principal", "key", "project_id"])
    op.add_column("jobs", sa.Column("traceparent", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("request_id", sa.Text(), nullable=True))
    op.add_column("jobs", _project())
    op.create_foreign_key(op.f("fk_jobs_project_id"), "jobs", "projects", ["project_id"], ["id"])
    op.add_column("stage_outputs", _now("used_at"))
    op.add_column("stage_outputs", _project())
    op.create_foreign_key(op.f("fk_stage_outputs_project_id"), "stage_outputs", "projects", ["project_id"], ["id"])
    op.add_column("uploads", _project())
    op.create_foreign_key(op.f("fk_uploads_project_id"), "uploads", "projects", ["project_id"], ["id"])
    _replace_check("jobs", "kind", JOBS_AFTER)
    _replace_check("api_keys", "scope", SCOPES_AFTER)
    op.create_check_constraint(op.f("ck_audits_gate"), "audits", GATES)
    for table in SCOPED:
        _guard(table)
    op.execute(f"GRANT SELECT ON projects TO {ROLE}")
    op.execute("ALTER TABLE projects ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own ON projects TO {ROLE} USING (id = current_setting('scotoma.project', true))")
    op.execute(f"GRANT USAGE ON SEQUENCE job_tokens TO {ROLE}")


def downgrade() -> None:
    """Undo. Projects but the default one, and everything that only they can hold, are lost. The role stays: another
    database of the server may use it.
    """
    for table in (*SCOPED, "projects"):
        op.execute(f"DROP POLICY own ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        op.execute(f"REVOKE ALL ON {table} FROM {ROLE}")
    op.execute(f"REVOKE ALL ON SEQUENCE job_tokens FROM {ROLE}")
    op.execute("DELETE FROM jobs WHERE kind IN ('comparison', 'import_version')")
    # Before projects, every key sees everything: no other project's key may outlive the way back.
    op.execute("DELETE FROM api_keys WHERE scope = 'auditor' OR project_id <> 'prj_000000000000000000000000'")
    _replace_check("jobs", "kind", JOBS_BEFORE)
    _replace_check("api_keys", "scope", SCOPES_BEFORE)

    op.drop_constraint(op.f("fk_uploads_project_id"), "uploads", type_="foreignkey")
    op.drop_column("uploads", "project_id")
    op.drop_constraint(op.f("fk_stage_outputs_project_id"), "stage_outputs", type_="foreignkey")
    op.drop_column("stage_outputs", "project_id")
    op.drop_column("stage_outputs", "used_at")
    op.drop_constraint(op.f("fk_jobs_project_id"), "jobs", type_="foreignkey")
    op.drop_column("jobs", "project_id")
    op.drop_column("jobs", "request_id")
    op.drop_column("jobs", "traceparent")
    op.execute("DELETE FROM idempotency_keys WHERE project_id <> 'prj_000000000000000000000000'")
    op.drop_constraint(op.f("fk_idempotency_keys_project_id"), "idempotency_keys", type_="foreignkey")
    op.drop_constraint(op.f("pk_idempotency_keys"), "idempotency_keys", type_="primary")
    op.create_primary_key(op.f("pk_idempotency_keys"), "idempotency_keys", ["principal", "key"])
    op.drop_column("idempotency_keys", "project_id")
    op.drop_constraint(op.f("fk_datasets_project_id"), "datasets", type_="foreignkey")
    op.drop_index("ix_datasets_newest", table_name="datasets")
    op.create_index(op.f("ix_datasets_newest"), "datasets", ["created_at", "id"], unique=False)
    op.drop_column("datasets", "project_id")
    op.drop_constraint(op.f("fk_classifiers_project_id"), "classifiers", type_="foreignkey")
    op.drop_index("ix_classifiers_newest", table_name="classifiers")
    op.create_index(op.f("ix_classifiers_newest"), "classifiers", ["created_at", "id"], unique=False)
    op.drop_column("classifiers", "project_id")
    op.drop_constraint(op.f("fk_autoencoders_project_id"), "autoencoders", type_="foreignkey")
    op.drop_index("ix_autoencoders_newest", table_name="autoencoders")
    op.create_index(op.f("ix_autoencoders_newest"), "autoencoders", ["created_at", "id"], unique=False)
    op.drop_column("autoencoders", "project_id")
    op.drop_constraint(op.f("fk_audits_project_id"), "audits", type_="foreignkey")
    op.drop_constraint(op.f("fk_audits_baseline_id"), "audits", type_="foreignkey")
    op.drop_constraint(op.f("fk_audits_policy_id"), "audits", type_="foreignkey")
    op.drop_index("ix_audits_newest", table_name="audits")
    op.create_index(op.f("ix_audits_newest"), "audits", ["created_at", "id"], unique=False)
    op.drop_column("audits", "project_id")
    op.drop_column("audits", "gpu_seconds")
    op.drop_column("audits", "origin")
    op.drop_column("audits", "gate")
    op.drop_column("audits", "baseline_id")
    op.drop_column("audits", "policy_id")
    op.drop_constraint(op.f("fk_audit_events_project_id"), "audit_events", type_="foreignkey")
    op.drop_column("audit_events", "project_id")
    op.drop_constraint(op.f("fk_audit_artifacts_project_id"), "audit_artifacts", type_="foreignkey")
    op.drop_column("audit_artifacts", "project_id")
    op.drop_constraint(op.f("fk_api_keys_project_id"), "api_keys", type_="foreignkey")
    op.drop_column("api_keys", "project_id")
    op.drop_index("ix_registry_versions_newest", table_name="registry_versions")
    op.drop_table("registry_versions")
    op.drop_index("ix_occurrences_open", table_name="occurrences")
    op.drop_table("occurrences")
    op.drop_index("uq_manifests_page", table_name="manifests")
    op.drop_table("manifests")
    op.drop_table("collections")
    op.drop_index("ix_comparisons_newest", table_name="comparisons")
    op.drop_table("comparisons")
    op.drop_index("ix_webhooks_newest", table_name="webhooks")
    op.drop_table("webhooks")
    op.drop_table("web_sessions")
    op.drop_index("ix_trail_subject", table_name="trail")
    op.drop_index("ix_trail_newest", table_name="trail")
    op.drop_table("trail")
    op.drop_index("ix_schedules_due", table_name="schedules")
    op.drop_index("ix_schedules_newest", table_name="schedules")
    op.drop_table("schedules")
    op.drop_index("ix_registries_newest", table_name="registries")
    op.drop_table("registries")
    op.drop_table("policies")
    op.drop_index("ix_deliveries_waiting", table_name="deliveries", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index("ix_deliveries_sink", table_name="deliveries")
    op.drop_index("ix_deliveries_order", table_name="deliveries", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_table("deliveries")
    op.drop_table("signing_keys")
    op.drop_table("projects")


def _project() -> sa.Column[str]:
    return sa.Column("project_id", sa.Text(), server_default=sa.text(CURRENT_PROJECT), nullable=False)


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _replace_check(table: str, column: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{column}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, condition)


def _make_role() -> None:
    """Roles belong to the whole server: another database's migration may make it at this very moment."""
    op.execute(
        """
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'scotoma_tenant') THEN
                CREATE ROLE scotoma_tenant NOLOGIN;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
        """
    )
    op.execute(
        """
        DO $$ BEGIN
            -- Before PostgreSQL 16, whoever is a member of a role may also act as it.
            IF NOT pg_has_role('scotoma_tenant', CASE
                WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END
            ) THEN
                EXECUTE format('GRANT scotoma_tenant TO %I', current_user);
            END IF;
        END $$
        """
    )
    op.execute(f"GRANT USAGE ON SCHEMA public TO {ROLE}")


def _guard(table: str) -> None:
    """The tenant role sees and writes rows of its transaction's project only; the trail it can but add to."""
    told = "principal, action, subject, request_id, project_id"  # number and time are the database's
    deeds = f"SELECT, INSERT ({told})" if table == "trail" else "SELECT, INSERT, UPDATE, DELETE"
    op.execute(f"GRANT {deeds} ON {table} TO {ROLE}")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    mine = "project_id = current_setting('scotoma.project', true)"
    op.execute(f"CREATE POLICY own ON {table} TO {ROLE} USING ({mine}) WITH CHECK ({mine})")
