{{/* Base name of every object of the release. */}}
{{- define "ip2a-operator.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What Services, budgets and policies select by. Never to change: selectors of a Deployment cannot. */}}
{{- define "ip2a-operator.selectorLabels" -}}
app.kubernetes.io/name: ip2a-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* Labels of every object but pods' selectors; takes (dict "root" $ "component" NAME). */}}
{{- define "ip2a-operator.labels" -}}
app.kubernetes.io/name: ip2a-operator
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* Namespaces to watch, as a JSON list; empty in cluster scope, where it means all. */}}
{{- define "ip2a-operator.namespaces" -}}
{{- if eq .Values.scope "cluster" -}}
{{- if .Values.namespaces -}}
{{- fail "values: `namespaces` needs `scope: namespaced`; remove the list or set the scope" -}}
{{- end -}}
[]
{{- else -}}
{{- .Values.namespaces | default (list .Release.Namespace) | toJson -}}
{{- end -}}
{{- end -}}

{{/* Pod Security Standard "restricted", for pods. The user is the image's. */}}
{{- define "ip2a-operator.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Pod Security Standard "restricted", for containers. */}}
{{- define "ip2a-operator.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Annotations of an object of the uninstall hook; takes its weight: rights before the Job that uses them. */}}
{{- define "ip2a-operator.cleanupHook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
