CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.api_keys (
    id text NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    hash text NOT NULL,
    scope text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT ck_api_keys_scope CHECK ((scope = ANY (ARRAY['viewer'::text, 'submitter'::text, 'admin'::text])))
);
CREATE TABLE public.audit_artifacts (
    audit_id text NOT NULL,
    role text NOT NULL,
    digest text NOT NULL,
    bytes bigint NOT NULL,
    media_type text NOT NULL
);
CREATE TABLE public.audit_events (
    audit_id text NOT NULL,
    sequence integer NOT NULL,
    type text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    data jsonb NOT NULL
);
CREATE TABLE public.audits (
    id text NOT NULL,
    name text NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    classifier_id text NOT NULL,
    dataset_id text NOT NULL,
    config jsonb NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    cancel_requested boolean DEFAULT false NOT NULL,
    progress double precision DEFAULT 0 NOT NULL,
    stages jsonb DEFAULT '[]'::jsonb NOT NULL,
    problem jsonb,
    result_digest text,
    last_sequence integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT ck_audits_progress CHECK (((progress >= (0)::double precision) AND (progress <= (1)::double precision))),
    CONSTRAINT ck_audits_result CHECK (((state = 'succeeded'::text) = (result_digest IS NOT NULL))),
    CONSTRAINT ck_audits_state CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text])))
);
CREATE TABLE public.autoencoders (
    id text NOT NULL,
    name text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    encoder_upload_id text NOT NULL,
    decoder_upload_id text NOT NULL,
    encoder_digest text NOT NULL,
    decoder_digest text NOT NULL,
    value_range jsonb NOT NULL,
    facts jsonb,
    problem jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_autoencoders_state CHECK ((state = ANY (ARRAY['pending'::text, 'ready'::text, 'rejected'::text])))
);
CREATE TABLE public.blobs (
    digest text NOT NULL,
    bytes bigint NOT NULL,
    media_type text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.classifiers (
    id text NOT NULL,
    name text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    upload_id text NOT NULL,
    digest text NOT NULL,
    bytes bigint NOT NULL,
    filename text NOT NULL,
    input jsonb NOT NULL,
    classes jsonb,
    facts jsonb,
    problem jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_classifiers_state CHECK ((state = ANY (ARRAY['pending'::text, 'ready'::text, 'rejected'::text])))
);
CREATE TABLE public.datasets (
    id text NOT NULL,
    name text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    upload_id text NOT NULL,
    digest text NOT NULL,
    bytes bigint NOT NULL,
    filename text NOT NULL,
    attributes jsonb NOT NULL,
    facts jsonb,
    problem jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_datasets_state CHECK ((state = ANY (ARRAY['pending'::text, 'ready'::text, 'rejected'::text])))
);
CREATE TABLE public.idempotency_keys (
    principal text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    status integer,
    location text,
    body jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.job_tokens
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE public.jobs (
    id text NOT NULL,
    kind text NOT NULL,
    subject_id text NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    token bigint,
    worker text,
    lease_expires_at timestamp with time zone,
    available_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    last_error text,
    CONSTRAINT ck_jobs_kind CHECK ((kind = ANY (ARRAY['intake_classifier'::text, 'intake_dataset'::text, 'intake_autoencoder'::text, 'audit'::text]))),
    CONSTRAINT ck_jobs_state CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'failed'::text, 'cancelled'::text])))
);
CREATE TABLE public.stage_outputs (
    key text NOT NULL,
    stage text NOT NULL,
    outputs jsonb NOT NULL,
    summary jsonb NOT NULL,
    seconds double precision NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.uploads (
    id text NOT NULL,
    filename text NOT NULL,
    bytes bigint NOT NULL,
    declared_sha256 text,
    transfer text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    digest text,
    staging_key text,
    s3_upload_id text,
    part_bytes bigint,
    principal text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_uploads_state CHECK ((state = ANY (ARRAY['open'::text, 'complete'::text, 'aborted'::text]))),
    CONSTRAINT ck_uploads_transfer CHECK ((transfer = ANY (ARRAY['direct'::text, 'multipart'::text])))
);
INSERT INTO public.alembic_version VALUES ('0002');
INSERT INTO public.api_keys VALUES ('key_1b271529a46baf2989476bae', 'before projects', 'scot_bYFBWO', 'a71f3f15a8ae0c6aa113c903378176846e2143d6995dcfbd6a90e96ad8bc5302', 'admin', '2026-11-22 11:12:47.993148+00', NULL, NULL);
INSERT INTO public.audit_artifacts VALUES ('aud_448e9a0a7465a21c0bce7c01', 'result', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', 9, 'application/json');
INSERT INTO public.audit_events VALUES ('aud_448e9a0a7465a21c0bce7c01', 1, 'state', '2026-11-22 11:12:48.025386+00', '{"state": "running", "attempt": 1}');
INSERT INTO public.audit_events VALUES ('aud_448e9a0a7465a21c0bce7c01', 2, 'stage', '2026-11-22 11:12:48.025386+00', '{"stage": "taps", "state": "done", "detail": "", "seconds": 0.5, "fraction": 1.0}');
INSERT INTO public.audit_events VALUES ('aud_448e9a0a7465a21c0bce7c01', 3, 'state', '2026-11-22 11:12:48.025386+00', '{"state": "succeeded"}');
INSERT INTO public.audit_events VALUES ('aud_a802ff9ddd66b6c1cd32a3cd', 1, 'state', '2026-11-22 11:12:48.057389+00', '{"state": "running", "attempt": 1}');
INSERT INTO public.audit_events VALUES ('aud_a802ff9ddd66b6c1cd32a3cd', 2, 'stage', '2026-11-22 11:12:48.057389+00', '{"stage": "taps", "state": "done", "detail": "", "seconds": 0.5, "fraction": 1.0}');
INSERT INTO public.audit_events VALUES ('aud_a802ff9ddd66b6c1cd32a3cd', 3, 'state', '2026-11-22 11:12:48.057389+00', '{"state": "failed", "problem": {"code": "stage-failed", "type": "urn:scotoma:problem:stage-failed", "title": "Stage failed", "advice": "", "detail": "a stage failed", "errors": [], "status": 422, "instance": null}}');
INSERT INTO public.audits VALUES ('aud_be573f6080ed074ebbc98e86', 'waiting', 'queued', 'clf_0abf537ba73c50e2467bdeed', 'dat_16b71b47c2f9ff06ffd1ad0f', '{}', 0, false, 0, '[]', NULL, NULL, 0, '2026-11-22 11:12:47.993148+00', NULL, NULL);
INSERT INTO public.audits VALUES ('aud_448e9a0a7465a21c0bce7c01', 'done', 'succeeded', 'clf_0abf537ba73c50e2467bdeed', 'dat_16b71b47c2f9ff06ffd1ad0f', '{}', 1, false, 1, '[{"stage": "taps", "state": "done", "detail": "", "seconds": 0.5, "fraction": 1.0}]', NULL, 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', 3, '2026-11-22 11:12:47.993148+00', '2026-11-22 11:12:48.025386+00', '2026-11-22 11:12:48.025386+00');
INSERT INTO public.audits VALUES ('aud_a802ff9ddd66b6c1cd32a3cd', 'failed', 'failed', 'clf_0abf537ba73c50e2467bdeed', 'dat_16b71b47c2f9ff06ffd1ad0f', '{}', 1, false, 0.5, '[{"stage": "taps", "state": "done", "detail": "", "seconds": 0.5, "fraction": 1.0}]', '{"code": "stage-failed", "type": "urn:scotoma:problem:stage-failed", "title": "Stage failed", "advice": "", "detail": "a stage failed", "errors": [], "status": 422, "instance": null}', NULL, 3, '2026-11-22 11:12:47.993148+00', '2026-11-22 11:12:48.057389+00', '2026-11-22 11:12:48.057389+00');
INSERT INTO public.autoencoders VALUES ('aut_83dbf9951f8ac223b2b33441', 'own', 'ready', 'upl_3d66965574d0b6017e4fd81d', 'upl_492502cb28e3609e9aad0a74', 'abababababababababababababababababababababababababababababababab', 'abababababababababababababababababababababababababababababababab', '[0.0, 1.0]', '{"width": 8, "height": 8, "channels": 3, "code_dim": 6, "decoder_digest": "abababababababababababababababababababababababababababababababab", "encoder_digest": "abababababababababababababababababababababababababababababababab"}', NULL, '2026-11-22 11:12:47.993148+00');
INSERT INTO public.classifiers VALUES ('clf_0abf537ba73c50e2467bdeed', 'digits.onnx', 'ready', 'upl_0f4798d7a12ebce739adf56c', 'abababababababababababababababababababababababababababababababab', 3, 'model.onnx', '{}', NULL, '{"nodes": 3, "opset": 17, "layout": "nchw", "classes": 10, "input_name": "x", "parameters": 10, "input_shape": [null, 3, 8, 8], "output_kind": "logits", "output_name": "y", "deterministic": true, "dynamic_batch": true, "canonical_digest": "abababababababababababababababababababababababababababababababab"}', NULL, '2026-11-22 11:12:47.993148+00');
INSERT INTO public.classifiers VALUES ('clf_2f4a3fdaea6d8dfcb8263c00', 'pending.onnx', 'pending', 'upl_ea47816a9f5236f504f3c9b2', 'abababababababababababababababababababababababababababababababab', 3, 'model.onnx', '{}', NULL, NULL, NULL, '2026-11-22 11:12:47.993148+00');
INSERT INTO public.datasets VALUES ('dat_16b71b47c2f9ff06ffd1ad0f', 'digits.npz', 'ready', 'upl_1d79c5b7fadc55c4e252a5c4', 'abababababababababababababababababababababababababababababababab', 3, 'images.npz', '{}', '{"width": 8, "height": 8, "images": 100, "channels": 3, "labelled": false, "attributes": [], "canonical_digest": "abababababababababababababababababababababababababababababababab"}', NULL, '2026-11-22 11:12:47.993148+00');
INSERT INTO public.datasets VALUES ('dat_aa9798058d0031bfc38e6e6b', 'rejected.npz', 'rejected', 'upl_6829d1af7a1acbcb12f4310f', 'abababababababababababababababababababababababababababababababab', 3, 'images.npz', '{}', NULL, NULL, '2026-11-22 11:12:47.993148+00');
INSERT INTO public.idempotency_keys VALUES ('key_1b271529a46baf2989476bae', 'k', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', 202, '/v1/audits/aud_448e9a0a7465a21c0bce7c01', '{}', '2026-11-22 11:12:48.084902+00', '2026-11-22 11:12:48.084902+00');
INSERT INTO public.jobs VALUES ('job_752e6cc29eed91cc8f8ab288', 'audit', 'aud_448e9a0a7465a21c0bce7c01', 'done', 1, 1, 'frozen', NULL, '2026-11-22 11:12:48.057389+00', '2026-11-22 11:12:47.993148+00', '2026-11-22 11:12:48.025386+00', NULL);
INSERT INTO public.jobs VALUES ('job_b7df998e2819f42b23d0c6c9', 'audit', 'aud_be573f6080ed074ebbc98e86', 'queued', 0, NULL, NULL, NULL, '2026-11-22 11:12:48.057389+00', '2026-11-22 11:12:47.993148+00', NULL, NULL);
INSERT INTO public.jobs VALUES ('job_fce21e406f71d50ac985cb99', 'intake_classifier', 'clf_2f4a3fdaea6d8dfcb8263c00', 'queued', 0, NULL, NULL, NULL, '2026-11-22 11:12:48.057389+00', '2026-11-22 11:12:47.993148+00', NULL, NULL);
INSERT INTO public.jobs VALUES ('job_aa340f4b8c02371b7827cef9', 'audit', 'aud_a802ff9ddd66b6c1cd32a3cd', 'done', 1, 2, 'frozen', NULL, '2026-11-22 11:12:48.057389+00', '2026-11-22 11:12:47.993148+00', '2026-11-22 11:12:48.057389+00', NULL);
INSERT INTO public.stage_outputs VALUES ('efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef', 'taps', '{"taps": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"}', '{"taps": ["logits"]}', 0.5, '2026-11-22 11:12:48.084902+00');
INSERT INTO public.uploads VALUES ('upl_0f4798d7a12ebce739adf56c', 'file.bin', 3, NULL, 'direct', 'complete', 'abababababababababababababababababababababababababababababababab', NULL, NULL, NULL, 'key_test', '2026-11-22 11:12:47.993148+00', '2026-11-23 11:12:47.997767+00');
INSERT INTO public.uploads VALUES ('upl_1d79c5b7fadc55c4e252a5c4', 'file.bin', 3, NULL, 'direct', 'complete', 'abababababababababababababababababababababababababababababababab', NULL, NULL, NULL, 'key_test', '2026-11-22 11:12:47.993148+00', '2026-11-23 11:12:48.003502+00');
INSERT INTO public.uploads VALUES ('upl_ea47816a9f5236f504f3c9b2', 'file.bin', 3, NULL, 'direct', 'complete', 'abababababababababababababababababababababababababababababababab', NULL, NULL, NULL, 'key_test', '2026-11-22 11:12:47.993148+00', '2026-11-23 11:12:48.016868+00');
INSERT INTO public.uploads VALUES ('upl_6829d1af7a1acbcb12f4310f', 'file.bin', 3, NULL, 'direct', 'complete', 'abababababababababababababababababababababababababababababababab', NULL, NULL, NULL, 'key_test', '2026-11-22 11:12:47.993148+00', '2026-11-23 11:12:48.018732+00');
INSERT INTO public.uploads VALUES ('upl_3d66965574d0b6017e4fd81d', 'file.bin', 3, NULL, 'direct', 'complete', 'abababababababababababababababababababababababababababababababab', NULL, NULL, NULL, 'key_test', '2026-11-22 11:12:47.993148+00', '2026-11-23 11:12:48.020177+00');
INSERT INTO public.uploads VALUES ('upl_492502cb28e3609e9aad0a74', 'file.bin', 3, NULL, 'direct', 'complete', 'abababababababababababababababababababababababababababababababab', NULL, NULL, NULL, 'key_test', '2026-11-22 11:12:47.993148+00', '2026-11-23 11:12:48.020769+00');
SELECT pg_catalog.setval('public.job_tokens', 2, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT pk_api_keys PRIMARY KEY (id);
ALTER TABLE ONLY public.audit_artifacts
    ADD CONSTRAINT pk_audit_artifacts PRIMARY KEY (audit_id, role);
ALTER TABLE ONLY public.audit_events
    ADD CONSTRAINT pk_audit_events PRIMARY KEY (audit_id, sequence);
ALTER TABLE ONLY public.audits
    ADD CONSTRAINT pk_audits PRIMARY KEY (id);
ALTER TABLE ONLY public.autoencoders
    ADD CONSTRAINT pk_autoencoders PRIMARY KEY (id);
ALTER TABLE ONLY public.blobs
    ADD CONSTRAINT pk_blobs PRIMARY KEY (digest);
ALTER TABLE ONLY public.classifiers
    ADD CONSTRAINT pk_classifiers PRIMARY KEY (id);
ALTER TABLE ONLY public.datasets
    ADD CONSTRAINT pk_datasets PRIMARY KEY (id);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT pk_idempotency_keys PRIMARY KEY (principal, key);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (id);
ALTER TABLE ONLY public.stage_outputs
    ADD CONSTRAINT pk_stage_outputs PRIMARY KEY (key);
ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT pk_uploads PRIMARY KEY (id);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT uq_api_keys_hash UNIQUE (hash);
CREATE INDEX ix_audits_newest ON public.audits USING btree (created_at, id);
CREATE INDEX ix_autoencoders_newest ON public.autoencoders USING btree (created_at, id);
CREATE INDEX ix_classifiers_newest ON public.classifiers USING btree (created_at, id);
CREATE INDEX ix_datasets_newest ON public.datasets USING btree (created_at, id);
CREATE INDEX ix_jobs_open ON public.jobs USING btree (state, available_at) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));
CREATE INDEX ix_jobs_subject ON public.jobs USING btree (subject_id);
CREATE UNIQUE INDEX uq_jobs_open_subject ON public.jobs USING btree (subject_id) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));
ALTER TABLE ONLY public.audit_artifacts
    ADD CONSTRAINT fk_audit_artifacts_audit_id FOREIGN KEY (audit_id) REFERENCES public.audits(id);
ALTER TABLE ONLY public.audit_events
    ADD CONSTRAINT fk_audit_events_audit_id FOREIGN KEY (audit_id) REFERENCES public.audits(id);
ALTER TABLE ONLY public.audits
    ADD CONSTRAINT fk_audits_classifier_id FOREIGN KEY (classifier_id) REFERENCES public.classifiers(id);
ALTER TABLE ONLY public.audits
    ADD CONSTRAINT fk_audits_dataset_id FOREIGN KEY (dataset_id) REFERENCES public.datasets(id);
ALTER TABLE ONLY public.autoencoders
    ADD CONSTRAINT fk_autoencoders_decoder_upload_id FOREIGN KEY (decoder_upload_id) REFERENCES public.uploads(id);
ALTER TABLE ONLY public.autoencoders
    ADD CONSTRAINT fk_autoencoders_encoder_upload_id FOREIGN KEY (encoder_upload_id) REFERENCES public.uploads(id);
ALTER TABLE ONLY public.classifiers
    ADD CONSTRAINT fk_classifiers_upload_id FOREIGN KEY (upload_id) REFERENCES public.uploads(id);
ALTER TABLE ONLY public.datasets
    ADD CONSTRAINT fk_datasets_upload_id FOREIGN KEY (upload_id) REFERENCES public.uploads(id);
