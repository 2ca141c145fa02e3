{{- define "receiver.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "receiver.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "receiver.labels" -}}
{{ include "receiver.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: kargo
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The metadata of an object: list of context, name, and optionally namespace ("-": none), labels, annotations. */}}
{{- define "receiver.metadata" -}}
{{- $context := .context -}}
{{- $annotations := mergeOverwrite dict $context.Values.annotations (default dict .annotations) -}}
name: {{ .name }}
{{- if not .cluster }}
namespace: {{ default $context.Release.Namespace .namespace }}
{{- end }}
labels:
  {{- include "receiver.labels" $context | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "receiver.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ .Values.serviceAccount.name }}
    namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* Rules of a file of config/rbac. */}}
{{- define "receiver.rules" -}}
{{- $role := .context.Files.Get (printf "files/rbac/%s.yaml" .file) | fromYaml -}}
{{- if not $role.rules -}}
{{- fail (printf "the chart is incomplete: files/rbac/%s.yaml holds no rules" .file) -}}
{{- end -}}
{{- toYaml $role.rules -}}
{{- end -}}

{{/* Host of the base URL, without its port. */}}
{{- define "receiver.host" -}}
{{- regexReplaceAll ":[0-9]+$" (urlParse .Values.baseURL).host "" -}}
{{- end -}}

{{/* All paths of receivers begin with it. */}}
{{- define "receiver.path" -}}
{{- $path := (urlParse .Values.baseURL).path -}}
{{- printf "%s/bitbucket/" (clean (printf "/%s" $path) | trimSuffix "/") -}}
{{- end -}}

{{- define "receiver.tlsSecretName" -}}
{{- default (printf "%s-tls" (include "receiver.fullname" .)) .Values.tls.secretName -}}
{{- end -}}

{{- define "receiver.servicePort" -}}
{{- default (ternary 443 80 .Values.tls.enabled) .Values.service.port -}}
{{- end -}}

{{- define "receiver.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What the operator is told, by the names of its settings. */}}
{{- define "receiver.settings" -}}
{{- $settings := dict
  "EXTERNAL_WEBHOOK_SERVER_BASE_URL" .Values.baseURL
  "SECRET_ACCESS" .Values.secretAccess
  "SYSTEM_RESOURCES_NAMESPACE" .Values.systemResourcesNamespace
  "GRACEFUL_SHUTDOWN_TIMEOUT" (printf "%ds" (int .Values.gracefulShutdownSeconds))
  "LOG_LEVEL" .Values.log.level
  "LOG_FORMAT" .Values.log.format
-}}
{{- if .Values.tls.enabled -}}
{{- $_ := set $settings "TLS_ENABLED" true -}}
{{- $_ := set $settings "TLS_CERT_PATH" "/etc/bitbucket-receiver/tls/tls.crt" -}}
{{- $_ := set $settings "TLS_KEY_PATH" "/etc/bitbucket-receiver/tls/tls.key" -}}
{{- end -}}
{{- range $name, $value := .Values.settings -}}
{{- if hasKey $settings $name -}}
{{- fail (printf "settings.%s: this setting has a value of its own in values.yaml" $name) -}}
{{- end -}}
{{- if kindIs "float64" $value -}}
{{- $value = ternary (int64 $value) $value (eq (float64 (int64 $value)) $value) -}}
{{- end -}}
{{- $_ := set $settings $name $value -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}
