{{- define "receiver.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $parts := list .Release.Name $name -}}
{{- /* A Service's name begins with a letter. */ -}}
{{- if regexMatch "^[0-9]" .Release.Name -}}{{- $parts = list $name .Release.Name -}}{{- end -}}
{{- join "-" $parts | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "receiver.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Labels of context, and more of them: the user's win over the chart's, and nobody's over those that select. */}}
{{- define "receiver.labels" -}}
{{- $context := .context -}}
{{- $labels := dict
  "app.kubernetes.io/version" $context.Chart.AppVersion
  "app.kubernetes.io/part-of" "kargo"
  "app.kubernetes.io/managed-by" $context.Release.Service
  "helm.sh/chart" (printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
-}}
{{- $selecting := include "receiver.selectorLabels" $context | fromYaml -}}
{{- mergeOverwrite $labels $context.Values.labels (default dict .labels) $selecting | toYaml -}}
{{- end -}}

{{/* The metadata of an object: context, name, and optionally namespace, cluster (it has no namespace), labels, annotations. */}}
{{- define "receiver.metadata" -}}
{{- $context := .context -}}
{{- $annotations := mergeOverwrite dict $context.Values.annotations (default dict .annotations) -}}
name: {{ .name | quote }}
{{- if not .cluster }}
namespace: {{ default $context.Release.Namespace .namespace | quote }}
{{- end }}
labels:
  {{- include "receiver.labels" . | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "receiver.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ .Values.serviceAccount.name | quote }}
    namespace: {{ .Release.Namespace | quote }}
{{- end -}}

{{/* Rules of a file of config/rbac. */}}
{{- define "receiver.rules" -}}
{{- $role := .context.Files.Get (printf "files/rbac/%s.yaml" .file) | fromYaml -}}
{{- if not $role.rules -}}
{{- fail (printf "the chart is incomplete: files/rbac/%s.yaml contains no rules" .file) -}}
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
{{- $image := .Values.image -}}
{{- if not $image.repository -}}
{{- fail "image.repository is not set: no image is published yet; push one to your registry (`make release-push`) and set it" -}}
{{- end -}}
{{- $repository := list (default dict .Values.global).imageRegistry $image.repository | compact | join "/" -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Where the pods of the chart run, and as whom: the operator's, and that of `helm test`. Of context, enableServiceLinks. */}}
{{- define "receiver.pod" -}}
{{- $values := .context.Values -}}
enableServiceLinks: {{ .enableServiceLinks }}
automountServiceAccountToken: {{ not $values.kubeconfigSecret }}
{{- if or $values.serviceAccount.create (not $values.kubeconfigSecret) }}
serviceAccountName: {{ $values.serviceAccount.name | quote }}
{{- end }}
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $affinity := $values.affinity }}
{{- if and (eq (len $values.image.architectures) 1) (not (hasKey $affinity "nodeAffinity")) }}
{{- $is := dict "key" "kubernetes.io/arch" "operator" "In" "values" $values.image.architectures }}
{{- $terms := dict "nodeSelectorTerms" (list (dict "matchExpressions" (list $is))) }}
{{- $affinity = mergeOverwrite (dict "nodeAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" $terms)) $affinity }}
{{- end }}
{{- with $affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* What is the same in every container of the chart: the settings, and the way to the API server. */}}
{{- define "receiver.container" -}}
image: {{ include "receiver.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
terminationMessagePath: /dev/termination-log
terminationMessagePolicy: File
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
env:
  - name: CONFIG_FILE
    value: /etc/bitbucket-receiver/settings/settings.yaml
  - name: POD_NAME
    valueFrom:
      fieldRef:
        apiVersion: v1
        fieldPath: metadata.name
  - name: POD_NAMESPACE
    {{- if .Values.leaseNamespace }}
    value: {{ .Values.leaseNamespace | quote }}
    {{- else }}
    valueFrom:
      fieldRef:
        apiVersion: v1
        fieldPath: metadata.namespace
    {{- end }}
  {{- if .Values.kubeconfigSecret }}
  - name: KUBECONFIG
    value: /etc/bitbucket-receiver/kubeconfig/kubeconfig.yaml
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - name: settings
    mountPath: /etc/bitbucket-receiver/settings
    readOnly: true
  {{- if .Values.kubeconfigSecret }}
  - name: kubeconfig
    mountPath: /etc/bitbucket-receiver/kubeconfig
    readOnly: true
  {{- end }}
  {{- if .Values.tls.enabled }}
  - name: tls
    mountPath: /etc/bitbucket-receiver/tls
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Their volumes. Readable for any uid, as OpenShift chooses one: nobody else is in the pod. */}}
{{- define "receiver.volumes" -}}
- name: settings
  configMap:
    name: {{ include "receiver.fullname" . | quote }}
    defaultMode: 0444
{{- with .Values.kubeconfigSecret }}
- name: kubeconfig
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0444
{{- end }}
{{- if .Values.tls.enabled }}
- name: tls
  secret:
    secretName: {{ include "receiver.tlsSecretName" . | quote }}
    defaultMode: 0444
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
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
{{- with .Values.bitbucket.hosts -}}
{{- $_ := set $settings "BITBUCKET_HOSTS" (join "," .) -}}
{{- end -}}
{{- with .Values.bitbucket.proxy -}}
{{- $_ := set $settings "HTTPS_PROXY" . -}}
{{- end -}}
{{- with .Values.bitbucket.noProxy -}}
{{- $_ := set $settings "NO_PROXY" (join "," .) -}}
{{- end -}}
{{- range $name, $value := .Values.settings -}}
{{- if hasKey $settings $name -}}
{{- fail (printf "settings.%s: this setting has its own value in values.yaml" $name) -}}
{{- end -}}
{{- if kindIs "float64" $value -}}
{{- $value = ternary (int64 $value) $value (eq (float64 (int64 $value)) $value) -}}
{{- end -}}
{{- $_ := set $settings $name $value -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}
