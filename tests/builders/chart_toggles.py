"""One row per value of the chart: what to set, what must then stand in the manifests, what has to be on for that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .charts import BUNDLED, EXTERNAL, Values, at, merged


@dataclass(frozen=True)
class Toggle:
    """``path = value`` makes ``shows`` appear (or, with ``hides``, disappear) in the release of ``base``."""

    path: str
    value: Any
    shows: str = ""
    hides: str = ""
    base: Values = field(default_factory=lambda: EXTERNAL)


def _on(path: str, below: Values = EXTERNAL) -> Values:
    return merged(below, at(path, value=True))


GPU = _on("ray.gpu.enabled")
INGRESS = merged(_on("api.ingress.enabled"), at("api.ingress.host", "a.test"), at("api.ingress.tlsSecret", "t"))
PLAIN = merged(
    _on("api.ingress.enabled"), at("api.ingress.host", "a.test"), at("api.ingress.allowPlainHttp", value=True)
)
HPA = _on("api.autoscaling.enabled")
REDIS = merged(EXTERNAL, at("ray.gcs.redisAddress", "redis:6380"))
GITOPS = merged(EXTERNAL, at("migration.hook", value=False))
MONITOR = _on("monitoring.serviceMonitor.enabled")
RULES = _on("monitoring.prometheusRule.enabled")
DASHBOARD = _on("monitoring.dashboard.enabled")
KEYS = merged(EXTERNAL, at("keys.existingSecret", "mine"))
TRACES = merged(EXTERNAL, at("settings.otlpEndpoint", "http://collector:4318"))
METRICS = merged(EXTERNAL, at("networkPolicy.monitoring.from", [{"podSelector": {}}]))

PEER = [{"ipBlock": {"cidr": "203.0.113.0/24"}}]
CIDR = "cidr: 203.0.113.0/24"
RESOURCES = {"requests": {"cpu": "123m"}}
DIGEST = "sha256:" + "ab" * 32


def _image(name: str, repository: str, base: Values = EXTERNAL) -> list[Toggle]:
    path = f"images.{name}"
    return [
        Toggle(f"{path}.repository", "hub.test:5000/mine", "image: hub.test:5000/mine:0.1.0", base=base),
        Toggle(f"{path}.tag", "9.9.9", f"image: {repository}:9.9.9", base=base),
        Toggle(f"{path}.digest", DIGEST, f"image: {repository}@{DIGEST}", base=base),
    ]


def _placement(path: str, base: Values = EXTERNAL) -> list[Toggle]:
    terms = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "zone-mark", "operator": "Exists"}]}]}}}  # fmt: skip
    return [
        Toggle(f"{path}.resources", RESOURCES, "cpu: 123m", base=base),
        Toggle(f"{path}.podAnnotations", {"mark": "annotated"}, "mark: annotated", base=base),
        Toggle(f"{path}.nodeSelector", {"disk": "fast"}, "disk: fast", base=base),
        Toggle(f"{path}.tolerations", [{"key": "mine", "operator": "Exists"}], "key: mine", base=base),
        Toggle(f"{path}.affinity", terms, "key: zone-mark", base=base),
    ]


def _setting(name: str, value: Any) -> Toggle:
    return Toggle(f"settings.{name}", value, f'value: "{value}"')


TOGGLES = [
    Toggle("nameOverride", "other", "name: rel-other-api"),
    Toggle("fullnameOverride", "short", "name: short-api"),
    Toggle("imagePullSecrets", [{"name": "pull"}], "- name: pull"),
    Toggle("images.pullPolicy", "Always", "imagePullPolicy: Always"),
    *_image("api", "scotoma-api"),
    *_image("worker", "scotoma-worker"),
    *_image("workerCuda", "scotoma-worker-cuda", GPU),
    Toggle("database.existingSecret", "other-db", "name: other-db"),
    Toggle("database.urlKey", "dsn", "key: dsn"),
    Toggle("postgresql.bundled", value=True, shows="name: rel-scotoma-postgresql",
           base={"postgresql": {"existingSecret": "pg"}, "s3": EXTERNAL["s3"]}),
    Toggle("postgresql.existingSecret", "other", "name: other", base=BUNDLED),
    Toggle("postgresql.passwordKey", "pw", "key: pw", base=BUNDLED),
    Toggle("postgresql.image", "postgres:17.9", "image: postgres:17.9", base=BUNDLED),
    Toggle("postgresql.size", "77Gi", "storage: 77Gi", base=BUNDLED),
    Toggle("postgresql.storageClass", "ssd", "storageClassName: ssd", base=BUNDLED),
    Toggle("postgresql.resources", RESOURCES, "cpu: 123m", base=BUNDLED),
    Toggle("s3.endpoint", "http://minio:9000", "port: 9000"),
    Toggle("s3.publicEndpoint", "https://files.test", 'value: "https://files.test"'),
    Toggle("s3.bucket", "audits", 'value: "audits"'),
    Toggle("s3.region", "eu-central-1", 'value: "eu-central-1"'),
    Toggle("s3.prefix", "team/", 'value: "team/"'),
    Toggle("s3.existingSecret", "", hides="SCOTOMA_S3_ACCESS_KEY"),
    Toggle("s3.accessKeyKey", "id", "key: id"),
    Toggle("s3.secretKeyKey", "sk", "key: sk"),
    Toggle("s3.createBucket", value=True, shows="--bucket"),
    Toggle("s3.bundled", value=True, shows="name: rel-scotoma-s3",
           base={"database": {"existingSecret": "db"}, "s3": {"existingSecret": "s3"}}),
    Toggle("s3.image", "seaweedfs:5.0", "image: seaweedfs:5.0", base=BUNDLED),
    Toggle("s3.size", "78Gi", "storage: 78Gi", base=BUNDLED),
    Toggle("s3.storageClass", "hdd", "storageClassName: hdd", base=BUNDLED),
    Toggle("s3.resources", RESOURCES, "cpu: 123m", base=BUNDLED),
    _setting("leaseSeconds", 99),
    _setting("heartbeatSeconds", 7),
    _setting("pollSeconds", 0.25),
    _setting("maxAttempts", 9),
    _setting("auditSlots", 11),
    _setting("intakeSlots", 12),
    _setting("maxUploadBytes", 99_999_999_999),
    _setting("maxDirectUploadBytes", 100_000_001),
    _setting("partBytes", 5_242_881),
    _setting("uploadExpirySeconds", 3601),
    _setting("idempotencyExpirySeconds", 3602),
    Toggle("keys.existingSecret", "mine", "name: SCOTOMA_SIGNING_KEY"),
    Toggle("keys.secretKeyKey", "sealing", "key: sealing", base=KEYS),
    Toggle("keys.signingKeyKey", "other", "key: other", base=KEYS),
    Toggle("keys.openlineageApiKeyKey", "lineage", "name: SCOTOMA_OPENLINEAGE_API_KEY", base=KEYS),
    _setting("publicUrl", "https://scotoma.test"),
    Toggle("settings.oidcIssuer", "https://id.test", '"api","dispatcher"]'),
    _setting("oidcAudience", "scotoma"),
    _setting("oidcJwksUrl", "https://id.test/keys"),
    _setting("oidcProjectClaim", "team"),
    _setting("oidcScopeClaim", "role"),
    _setting("schedulerSeconds", 13),
    _setting("deliverySeconds", 14),
    Toggle("settings.privateNetworks", value=True, shows='value: "true"'),
    _setting("openlineageUrl", "https://lineage.test"),
    Toggle("settings.otlpEndpoint", "http://collector:4318", "name: rel-scotoma-to-telemetry"),
    _setting("collectorSeconds", 61),
    _setting("orphanSeconds", 7201),
    _setting("stageMemoryDays", 91),
    _setting("logFormat", "console"),
    _setting("logLevel", "DEBUG"),
    Toggle("api.replicas", 5, "replicas: 5"),
    Toggle("api.trustedProxies", "10.0.0.1", 'value: "10.0.0.1"'),
    Toggle("api.tmpSize", "9Gi", "sizeLimit: 9Gi"),
    *_placement("api"),
    Toggle("api.terminationGracePeriodSeconds", 77, "terminationGracePeriodSeconds: 77"),
    Toggle("api.serviceAccount.annotations", {"role": "api-role"}, "role: api-role"),
    Toggle("api.service.type", "LoadBalancer", "type: LoadBalancer"),
    Toggle("api.service.port", 8081, "port: 8081"),
    Toggle("api.service.annotations", {"lb": "internal"}, "lb: internal"),
    Toggle("api.ingress.enabled", value=True, shows="kind: Ingress", base=merged(
        EXTERNAL, at("api.ingress.host", "a.test"), at("api.ingress.tlsSecret", "t"))),
    Toggle("api.ingress.className", "nginx", "ingressClassName: nginx", base=INGRESS),
    Toggle("api.ingress.annotations", {"body": "256m"}, "body: 256m", base=INGRESS),
    Toggle("api.ingress.host", "b.test", 'value: "https://b.test"', base=INGRESS),
    Toggle("api.ingress.tlsSecret", "cert", "secretName: cert", base=PLAIN),
    Toggle("api.ingress.allowPlainHttp", value=True, shows="kind: Ingress", hides="tls:", base=merged(
        EXTERNAL, at("api.ingress.host", "a.test"), at("api.ingress.enabled", value=True))),
    Toggle("api.autoscaling.enabled", value=True, shows="kind: HorizontalPodAutoscaler"),
    Toggle("api.autoscaling.minReplicas", 4, "minReplicas: 4", base=HPA),
    Toggle("api.autoscaling.maxReplicas", 44, "maxReplicas: 44", base=HPA),
    Toggle("api.autoscaling.targetCPUUtilizationPercentage", 55, "averageUtilization: 55", base=HPA),
    Toggle("api.pdb.enabled", value=False, hides="kind: PodDisruptionBudget"),
    Toggle("api.pdb.maxUnavailable", "50%", "maxUnavailable: 50%"),
    Toggle("dispatcher.replicas", 3, "replicas: 3"),
    *_placement("dispatcher"),
    Toggle("dispatcher.tmpSize", "21Gi", "sizeLimit: 21Gi"),
    Toggle("dispatcher.objectStoreBytes", 987654321, "--object-store-memory=987654321"),
    Toggle("dispatcher.metricsPort", 9191, "containerPort: 9191"),
    Toggle("dispatcher.terminationGracePeriodSeconds", 99, "terminationGracePeriodSeconds: 99"),
    Toggle("dispatcher.serviceAccount.annotations", {"role": "driver-role"}, "role: driver-role"),
    Toggle("migration.enabled", value=False, hides="kind: Job"),
    Toggle("migration.hook", value=False, shows="name: rel-scotoma-migration-1", hides="post-install"),
    Toggle("migration.backoffLimit", 9, "backoffLimit: 9"),
    Toggle("migration.activeDeadlineSeconds", 111, "activeDeadlineSeconds: 111"),
    Toggle("migration.ttlSecondsAfterFinished", 222, "ttlSecondsAfterFinished: 222", base=GITOPS),
    Toggle("migration.resources", RESOURCES, "cpu: 123m"),
    Toggle("ray.version", "2.61.0", 'rayVersion: "2.61.0"'),
    Toggle("ray.auth.existingSecret", "token", "secretName: token"),
    Toggle("ray.autoscaling.enabled", value=False, shows="enableInTreeAutoscaling: false", hides="autoscalerOptions"),
    Toggle("ray.autoscaling.idleTimeoutSeconds", 61, "idleTimeoutSeconds: 61"),
    Toggle("ray.autoscaling.upscalingMode", "Conservative", "upscalingMode: Conservative"),
    Toggle("ray.autoscaling.resources", RESOURCES, "cpu: 123m"),
    Toggle("ray.gcs.redisAddress", "redis:6381", 'redisAddress: "redis:6381"'),
    Toggle("ray.gcs.existingSecret", "redis-secret", "name: redis-secret", base=REDIS),
    Toggle("ray.gcs.passwordKey", "rp", "key: rp", base=merged(REDIS, at("ray.gcs.existingSecret", "r"))),
    Toggle("ray.runtimeClassName", "gvisor", "runtimeClassName: gvisor"),
    Toggle("ray.serviceAccount.annotations", {"role": "ray-role"}, "role: ray-role"),
    Toggle("ray.head.tmpSize", "33Gi", "sizeLimit: 33Gi"),
    *_placement("ray.head"),
    Toggle("ray.cpu.replicas", 2, "replicas: 2\n      minReplicas: 1"),
    Toggle("ray.cpu.minReplicas", 0, "minReplicas: 0"),
    Toggle("ray.cpu.maxReplicas", 41, "maxReplicas: 41"),
    Toggle("ray.cpu.tmpSize", "34Gi", "sizeLimit: 34Gi"),
    *_placement("ray.cpu"),
    Toggle("ray.gpu.enabled", value=True, shows="groupName: gpu"),
    Toggle("ray.gpu.gpus", 4, "nvidia.com/gpu: 4", base=GPU),
    Toggle("ray.gpu.replicas", 2, "replicas: 2\n      minReplicas: 1\n      maxReplicas: 2", base=GPU),
    Toggle("ray.gpu.minReplicas", 2, "minReplicas: 2", base=merged(GPU, at("ray.gpu.replicas", 2))),
    Toggle("ray.gpu.maxReplicas", 42, "maxReplicas: 42", base=GPU),
    Toggle("ray.gpu.runtimeClassName", "nvidia", "runtimeClassName: nvidia", base=GPU),
    Toggle("ray.gpu.tmpSize", "35Gi", "sizeLimit: 35Gi", base=GPU),
    *_placement("ray.gpu", GPU),
    Toggle("networkPolicy.enabled", value=False, hides="kind: NetworkPolicy"),
    Toggle("networkPolicy.api.from", PEER, CIDR),
    Toggle("networkPolicy.monitoring.from", PEER, CIDR),
    Toggle("networkPolicy.dns.to", PEER, CIDR),
    Toggle("networkPolicy.database.to", PEER, CIDR),
    Toggle("networkPolicy.database.port", 6543, "port: 6543"),
    Toggle("networkPolicy.s3.to", PEER, CIDR),
    Toggle("networkPolicy.redis.to", PEER, CIDR, base=REDIS),
    Toggle("networkPolicy.outside.to", PEER, CIDR),
    Toggle("networkPolicy.outside.ports", [18443], "port: 18443"),
    Toggle("networkPolicy.telemetry.to", PEER, CIDR, base=TRACES),
    Toggle("networkPolicy.telemetry.port", 14318, "port: 14318", base=TRACES),
    Toggle("networkPolicy.kubernetesApi.to", PEER, CIDR),
    Toggle("networkPolicy.kubernetesApi.ports", [16443], "port: 16443"),
    Toggle("monitoring.serviceMonitor.enabled", value=True, shows="kind: PodMonitor"),
    Toggle("monitoring.serviceMonitor.labels", {"team": "ops"}, "team: ops", base=MONITOR),
    Toggle("monitoring.serviceMonitor.interval", "7s", "interval: 7s", base=MONITOR),
    Toggle("monitoring.prometheusRule.enabled", value=True, shows="kind: PrometheusRule"),
    Toggle("monitoring.prometheusRule.labels", {"team": "rules"}, "team: rules", base=RULES),
    Toggle("monitoring.prometheusRule.alertLabels", {"page": "me"}, "page: me", base=RULES),
    Toggle("monitoring.dashboard.enabled", value=True, shows="rel-scotoma.json"),
    Toggle("monitoring.dashboard.labels", {"dash": "board"}, "dash: board", base=DASHBOARD),
    Toggle("test.enabled", value=False, hides="test-ports-closed"),
    Toggle("test.timeoutSeconds", 17, '- "17"'),
]  # fmt: skip
