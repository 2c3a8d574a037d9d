{{- define "scotoma.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- end -}}

{{/* Pods are found by these three. Not by app.kubernetes.io/name: KubeRay sets that one on Ray's pods itself. */}}
{{- define "scotoma.selector" -}}
app.kubernetes.io/part-of: scotoma
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "scotoma.labels" -}}
{{ include "scotoma.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* Name, namespace and labels of a resource: dict root, component, suffix. */}}
{{- define "scotoma.metadata" -}}
name: {{ include "scotoma.fullname" .root }}{{ with .suffix }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "scotoma.labels" . | nindent 2 }}
{{- end -}}

{{- define "scotoma.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "scotoma.containerImage" -}}
image: {{ include "scotoma.image" . }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
{{- end -}}

{{- define "scotoma.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "scotoma.containerSecurity" -}}
runAsNonRoot: true
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where pods go: the values of one component. */}}
{{- define "scotoma.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "scotoma.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A number as the service reads it: Helm's own printing would turn large ones into 8.58e+09. */}}
{{- define "scotoma.number" -}}
{{- if eq (float64 (int64 .)) (float64 .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* SCOTOMA_* of API, dispatcher and migration. Secrets by reference only. */}}
{{- define "scotoma.environment" -}}
{{- if .Values.postgresql.bundled }}
- name: POSTGRES_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.postgresql.existingSecret }}
      key: {{ .Values.postgresql.passwordKey }}
- name: SCOTOMA_DATABASE_URL
  value: postgresql://scotoma:$(POSTGRES_PASSWORD)@{{ include "scotoma.fullname" . }}-postgresql:5432/scotoma
{{- else }}
- name: SCOTOMA_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.existingSecret }}
      key: {{ .Values.database.urlKey }}
{{- end }}
{{- with include "scotoma.s3Endpoint" . }}
- name: SCOTOMA_S3_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.s3.publicEndpoint }}
- name: SCOTOMA_S3_PUBLIC_ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: SCOTOMA_S3_BUCKET
  value: {{ .Values.s3.bucket | quote }}
- name: SCOTOMA_S3_REGION
  value: {{ .Values.s3.region | quote }}
{{- with .Values.s3.prefix }}
- name: SCOTOMA_S3_PREFIX
  value: {{ . | quote }}
{{- end }}
{{- if .Values.s3.existingSecret }}
- name: SCOTOMA_S3_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.s3.existingSecret }}
      key: {{ .Values.s3.accessKeyKey }}
- name: SCOTOMA_S3_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.s3.existingSecret }}
      key: {{ .Values.s3.secretKeyKey }}
{{- end }}
{{- if .Values.keys.existingSecret }}
- name: SCOTOMA_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.keys.existingSecret }}
      key: {{ .Values.keys.secretKeyKey }}
- name: SCOTOMA_SIGNING_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.keys.existingSecret }}
      key: {{ .Values.keys.signingKeyKey }}
{{- with .Values.keys.openlineageApiKeyKey }}
- name: SCOTOMA_OPENLINEAGE_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.keys.existingSecret }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- if and (not .Values.settings.publicUrl) .Values.api.ingress.enabled }}
- name: SCOTOMA_PUBLIC_URL
  value: {{ printf "https://%s" .Values.api.ingress.host | quote }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- if ne (toString $value) "" }}
- name: SCOTOMA_{{ snakecase $name | upper }}
  value: {{ if kindIs "float64" $value }}{{ include "scotoma.number" $value | quote }}{{ else }}{{ toString $value | quote }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "scotoma.s3Endpoint" -}}
{{- if .Values.s3.bundled -}}
http://{{ include "scotoma.fullname" . }}-s3:8333
{{- else -}}
{{ .Values.s3.endpoint }}
{{- end -}}
{{- end -}}

{{/* Port of the external S3: of its URL, or of its scheme. */}}
{{- define "scotoma.s3Port" -}}
{{- $url := urlParse (.Values.s3.endpoint | default "https://aws") -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- end -}}

{{/* The secret with Ray's token; KubeRay names its own as the cluster. */}}
{{- define "scotoma.raySecret" -}}
{{ .Values.ray.auth.existingSecret | default (include "scotoma.fullname" .) }}
{{- end -}}
