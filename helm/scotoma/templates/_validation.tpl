{{/* Combinations that the schema cannot see. One message names what to change. */}}
{{- define "scotoma.validate" -}}
{{- include "scotoma.validate.names" . -}}
{{- include "scotoma.validate.stores" . -}}
{{- include "scotoma.validate.api" . -}}
{{- include "scotoma.validate.ray" . -}}
{{- end -}}

{{- define "scotoma.validate.names" -}}
{{- if gt (len (include "scotoma.fullname" .)) 40 -}}
{{- fail "The release's name is too long for Ray's suffixes: set fullnameOverride to at most 40 characters." -}}
{{- end -}}
{{- if lt (float64 .Values.settings.leaseSeconds) (mulf 3 (float64 .Values.settings.heartbeatSeconds)) -}}
{{- fail "settings.leaseSeconds must be at least three times settings.heartbeatSeconds." -}}
{{- end -}}
{{- end -}}

{{- define "scotoma.validate.stores" -}}
{{- if and .Values.postgresql.bundled .Values.database.existingSecret -}}
{{- fail "postgresql.bundled and database.existingSecret exclude each other: choose one database." -}}
{{- end -}}
{{- if not (or .Values.postgresql.bundled .Values.database.existingSecret) -}}
{{- fail "No database: set database.existingSecret to a secret with its URL, or, for a trial, postgresql.bundled=true." -}}
{{- end -}}
{{- if and .Values.postgresql.bundled (not .Values.postgresql.existingSecret) -}}
{{- fail "postgresql.bundled needs postgresql.existingSecret: a secret with its password. The chart makes no secrets." -}}
{{- end -}}
{{- if and .Values.s3.bundled .Values.s3.endpoint -}}
{{- fail "s3.bundled and s3.endpoint exclude each other: choose one object storage." -}}
{{- end -}}
{{- if and .Values.s3.bundled (not .Values.s3.existingSecret) -}}
{{- fail "s3.bundled needs s3.existingSecret: a secret with its access key and secret key. The chart makes no secrets." -}}
{{- end -}}
{{- if and .Values.s3.createBucket (not .Values.migration.enabled) -}}
{{- fail "s3.createBucket needs migration.enabled: that job creates the bucket." -}}
{{- end -}}
{{- end -}}

{{- define "scotoma.validate.api" -}}
{{- if .Values.api.ingress.enabled -}}
{{- if not .Values.api.ingress.host -}}
{{- fail "api.ingress.enabled needs api.ingress.host." -}}
{{- end -}}
{{- if not (or .Values.api.ingress.tlsSecret .Values.api.ingress.allowPlainHttp) -}}
{{- fail "API keys travel in headers: set api.ingress.tlsSecret, or api.ingress.allowPlainHttp=true if TLS ends elsewhere." -}}
{{- end -}}
{{- end -}}
{{- if gt (int .Values.api.autoscaling.minReplicas) (int .Values.api.autoscaling.maxReplicas) -}}
{{- fail "api.autoscaling.minReplicas is larger than api.autoscaling.maxReplicas." -}}
{{- end -}}
{{- end -}}

{{- define "scotoma.validate.ray" -}}
{{- range $group := list "cpu" "gpu" -}}
{{- $values := index $.Values.ray $group -}}
{{- if gt (int $values.minReplicas) (int $values.maxReplicas) -}}
{{- fail (printf "ray.%s.minReplicas is larger than ray.%s.maxReplicas." $group $group) -}}
{{- end -}}
{{- if or (lt (int $values.replicas) (int $values.minReplicas)) (gt (int $values.replicas) (int $values.maxReplicas)) -}}
{{- fail (printf "ray.%s.replicas must lie between minReplicas and maxReplicas." $group) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.ray.gcs.existingSecret (not .Values.ray.gcs.redisAddress) -}}
{{- fail "ray.gcs.existingSecret is the password of a Redis: set ray.gcs.redisAddress too." -}}
{{- end -}}
{{- if and (not .Values.ray.autoscaling.enabled) (eq (int .Values.ray.cpu.replicas) 0) -}}
{{- fail "ray.cpu.replicas is 0 and ray.autoscaling is off: no stage would ever run." -}}
{{- end -}}
{{- end -}}
