"""The manifests as kustomize builds them: valid for the API of several Kubernetes versions, and with every value required."""
import copy
import os
import re

from common import DEPLOY, Deploy, need_yaml, read, tool, yaml

LAYERS = ["base", "overlays/industrial", "overlays/single-node"]
VERSIONS = ["1.28", "1.31", "1.34"]
_built = {}


def build(layer):
    """The objects of a layer; built once."""
    if layer not in _built:
        kustomize = tool("kustomize", "script/bootstrap test, where Go is installed")
        from common import run
        status, output = run([kustomize, "build", os.path.join(DEPLOY, "kustomize", layer)])
        if status != 0:
            raise AssertionError(f"kustomize build {layer}:\n{output}")
        _built[layer] = list(yaml.safe_load_all(output))
    return _built[layer]


def one(layer, kind, name="iot-gateway"):
    found = [o for o in build(layer) if o["kind"] == kind and o["metadata"]["name"].startswith(name)]
    assert len(found) == 1, f"{layer} has {len(found)} of {kind} {name}"
    return found[0]


def at(value, path):
    """`spec.template.spec.containers.0.env.EDGE_NODE_ID`: by key, by index, or the member with that name."""
    for step in path.split("."):
        if isinstance(value, list):
            value = value[int(step)] if step.isdigit() else next(v for v in value if v["name"] == step)
        else:
            value = value[step.replace("~", ".")]  # ~ stands for a dot inside a key
    return value


POD, GATEWAY = "spec.template.spec", "spec.template.spec.containers.0"
# Requirement 3, one by one: the name of the test, where it stands in the built base, what it must be.
REQUIRED = {
    "namespace_is_iot_system": ("metadata.namespace", "iot-system"),
    "name_is_iot_gateway": ("metadata.name", "iot-gateway"),
    "replicas_1": ("spec.replicas", 1),
    "selector_app": ("spec.selector.matchLabels", {"app": "iot-gateway"}),
    "pod_label_app": ("spec.template.metadata.labels.app", "iot-gateway"),
    "node_selector": (f"{POD}.nodeSelector", {"kubernetes.io/arch": "arm64", "edge-zone": "industrial"}),
    "toleration": (f"{POD}.tolerations", [{"key": "edge-node", "operator": "Equal", "value": "true", "effect": "NoSchedule"}]),
    "request_memory_128Mi": (f"{GATEWAY}.resources.requests.memory", "128Mi"),
    "request_cpu_100m": (f"{GATEWAY}.resources.requests.cpu", "100m"),
    "limit_memory_512Mi": (f"{GATEWAY}.resources.limits.memory", "512Mi"),
    "limit_cpu_500m": (f"{GATEWAY}.resources.limits.cpu", "500m"),
    "edge_node_id": (f"{GATEWAY}.env.EDGE_NODE_ID.valueFrom.fieldRef.fieldPath", "spec.nodeName"),
    "port_mqtt_1883": (f"{GATEWAY}.ports.mqtt.containerPort", 1883),
    "port_http_8080": (f"{GATEWAY}.ports.http.containerPort", 8080),
    # And what makes it fit to run: issue 5, item 7.
    "recreate_since_one_process_owns_the_folder": ("spec.strategy", {"type": "Recreate"}),
    "startup_probe": (f"{GATEWAY}.startupProbe.httpGet", {"path": "/healthz", "port": "http"}),
    "liveness_probe": (f"{GATEWAY}.livenessProbe.httpGet", {"path": "/healthz", "port": "http"}),
    "readiness_probe": (f"{GATEWAY}.readinessProbe.httpGet", {"path": "/readyz", "port": "http"}),
    "non_root": (f"{POD}.securityContext.runAsNonRoot", True),
    "seccomp": (f"{POD}.securityContext.seccompProfile", {"type": "RuntimeDefault"}),
    "group_owns_the_volume": (f"{POD}.securityContext.fsGroup", 10001),
    "no_privilege_escalation": (f"{GATEWAY}.securityContext.allowPrivilegeEscalation", False),
    "not_privileged": (f"{GATEWAY}.securityContext.privileged", False),
    "read_only_root": (f"{GATEWAY}.securityContext.readOnlyRootFilesystem", True),
    "no_capabilities": (f"{GATEWAY}.securityContext.capabilities", {"drop": ["ALL"]}),
    "no_token_of_the_kubernetes_api": (f"{POD}.automountServiceAccountToken", False),
}


class Required(Deploy):
    """A test for each value; filled below."""

    def setUp(self):
        need_yaml()


def _required(path, expected):
    def test(self):
        deployment = one("base", "Deployment")
        self.assertEqual(at(deployment, path), expected)
        if not path.startswith(f"{POD}.nodeSelector"):  # an overlay changes where the gateway runs, nothing else
            for overlay in LAYERS[1:]:
                self.assertEqual(at(one(overlay, "Deployment"), path), expected, overlay)
    return test


for _name, (_path, _expected) in REQUIRED.items():
    setattr(Required, f"test_{_name}", _required(_path, _expected))


def problems(objects):
    """What schemas do not see, and the API server or a pod would: values out of range, and names that lead nowhere."""
    found = []
    names = {(o["kind"], o["metadata"]["name"]) for o in objects}
    pods = [o["spec"]["template"] for o in objects if o["kind"] in ("Deployment", "StatefulSet", "DaemonSet")]
    for o in objects:
        where = f"{o['kind']} {o['metadata']['name']}"
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", o["metadata"]["name"]):
            found.append(f"{where}: no name")
        if o["kind"] != "Namespace" and ("Namespace", o["metadata"].get("namespace")) not in names:
            found.append(f"{where}: its namespace is not here")
        found += [f"{where}: {p}" for p in {"Deployment": _deployment, "Service": _service, "NetworkPolicy": _policy,
                                            "RoleBinding": _binding}.get(o["kind"], lambda *_: [])(o, pods, names)]
    return found


def _labels_match(selector, pods):
    return any(selector.items() <= p["metadata"]["labels"].items() for p in pods)


def _deployment(o, _, names):
    spec, template = o["spec"], o["spec"]["template"]
    if not _labels_match(spec["selector"]["matchLabels"], [template]):
        yield "its selector does not select its own pods"
    if ("ServiceAccount", template["spec"].get("serviceAccountName", "default")) not in names:
        yield "its service account is not here"
    volumes = {v["name"]: v for v in template["spec"].get("volumes", [])}
    for v in volumes.values():
        if "configMap" in v and ("ConfigMap", v["configMap"]["name"]) not in names:
            yield f"the ConfigMap {v['configMap']['name']} is not here"
        if "persistentVolumeClaim" in v and ("PersistentVolumeClaim", v["persistentVolumeClaim"]["claimName"]) not in names:
            yield f"the claim {v['persistentVolumeClaim']['claimName']} is not here"
    for c in template["spec"]["containers"]:
        ports = {p["name"]: p["containerPort"] for p in c.get("ports", [])}
        yield from (f"port {n} {p} is none" for n, p in ports.items() if not 1 <= p <= 65535 or not re.fullmatch(r"(?=.*[a-z])[a-z0-9-]{1,15}", n))
        yield from (f"mounts {m['name']}, no volume" for m in c.get("volumeMounts", []) if m["name"] not in volumes)
        yield from (f"{k} asks port {c[k]['httpGet']['port']}, which it has not" for k in c if k.endswith("Probe") and c[k]["httpGet"]["port"] not in ports)
        limits, requests = c["resources"]["limits"], c["resources"]["requests"]
        yield from (f"requests more {k} than its limit" for k in requests if _quantity(requests[k]) > _quantity(limits[k]))


def _quantity(text):
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()
    return float(number) * {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}[unit]


def _container_ports(pods):
    return {p["name"] for pod in pods for c in pod["spec"]["containers"] for p in c.get("ports", [])}


def _service(o, pods, _):
    if not _labels_match(o["spec"]["selector"], pods):
        yield "selects no pod"
    for p in o["spec"]["ports"]:
        if not 1 <= p["port"] <= 65535 or p["targetPort"] not in _container_ports(pods):
            yield f"port {p['port']} -> {p['targetPort']} leads nowhere"
        if p.get("protocol", "TCP") not in ("TCP", "UDP", "SCTP"):
            yield f"protocol {p['protocol']}"
        if not 30000 <= p.get("nodePort", 30000) <= 32767:
            yield f"nodePort {p['nodePort']} is out of range"
    if o["spec"]["type"] not in ("ClusterIP", "NodePort", "LoadBalancer"):
        yield f"type {o['spec']['type']}"


def _policy(o, pods, _):
    if not _labels_match(o["spec"]["podSelector"].get("matchLabels", {}), pods):
        yield "selects no pod"
    yield from (f"policy type {t}" for t in o["spec"]["policyTypes"] if t not in ("Ingress", "Egress"))
    for rule in o["spec"].get("ingress", []) + o["spec"].get("egress", []):
        for p in rule.get("ports", []):
            if p.get("protocol", "TCP") not in ("TCP", "UDP", "SCTP"):
                yield f"protocol {p['protocol']}"
            if isinstance(p["port"], str) and p["port"] not in _container_ports(pods):
                yield f"port {p['port']} is no pod's"


def _binding(o, _, names):
    if (o["roleRef"]["kind"], o["roleRef"]["name"]) not in names:
        yield f"binds {o['roleRef']['name']}, which is not here"


class Manifests(Deploy):
    def setUp(self):
        need_yaml()

    def test_schemas_strictly(self):
        import kubernetes_validate
        for layer in LAYERS:
            for version in VERSIONS:
                for o in build(layer):
                    with self.subTest(f"{layer} {version} {o['kind']} {o['metadata']['name']}"):
                        kubernetes_validate.validate(o, version, strict=True)

    def test_the_schema_check_can_fail(self):
        import kubernetes_validate
        wrong = copy.deepcopy(one("base", "Deployment"))
        wrong["spec"]["replica"] = 1
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)
        wrong = copy.deepcopy(one("base", "Deployment"))
        wrong["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "1883"
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)

    def test_names_ports_and_selectors_lead_somewhere(self):
        for layer in LAYERS:
            with self.subTest(layer):
                self.assertEqual(problems(build(layer)), [])

    def test_that_check_can_fail(self):
        faults = {
            "selects no pod": lambda o: o["Service"]["spec"].update(selector={"app": "gateway"}),
            "leads nowhere": lambda o: o["Service"]["spec"]["ports"][0].update(targetPort="mqt"),
            "out of range": lambda o: o["Service"]["spec"]["ports"][0].update(nodePort=1883),
            "policy type Egresss": lambda o: o["NetworkPolicy"]["spec"].update(policyTypes=["Egresss"]),
            "protocol TCPX": lambda o: o["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0].update(protocol="TCPX"),
            "the ConfigMap other": lambda o: at(o["Deployment"], f"{POD}.volumes.settings.configMap").update(name="other"),
            "the claim other": lambda o: at(o["Deployment"], f"{POD}.volumes.data.persistentVolumeClaim").update(claimName="other"),
            "than its limit": lambda o: at(o["Deployment"], f"{GATEWAY}.resources.requests").update(memory="1Gi"),
            "does not select its own": lambda o: o["Deployment"]["spec"]["selector"].update(matchLabels={"app": "x"}),
            "which it has not": lambda o: at(o["Deployment"], f"{GATEWAY}.livenessProbe.httpGet").update(port="web"),
        }
        for saying, spoil in faults.items():
            with self.subTest(saying):
                objects = copy.deepcopy(build("base"))
                spoil({o["kind"]: o for o in objects})
                self.assertIn(saying, "; ".join(problems(objects)))

    def test_namespace_refuses_what_is_not_restricted(self):
        self.assertEqual(at(one("base", "Namespace", "iot-system"), "metadata.labels.pod-security~kubernetes~io/enforce"), "restricted")

    def test_service_has_both_ports(self):
        ports = {p["name"]: (p["port"], p["targetPort"]) for p in one("base", "Service")["spec"]["ports"]}
        self.assertEqual(ports, {"mqtt": (1883, "mqtt"), "http": (8080, "http")})

    def test_nothing_comes_in_or_goes_out_that_no_policy_names(self):
        deny = one("base", "NetworkPolicy", "default-deny")["spec"]
        self.assertEqual(deny, {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
        gateway = one("base", "NetworkPolicy", "iot-gateway")["spec"]
        self.assertEqual(gateway.get("egress", []), [])
        for rule in gateway["ingress"]:
            self.assertTrue(rule["from"] and rule["ports"], "an empty from or ports lets everything in")

    def test_devices_outside_come_from_one_network_with_their_own_address(self):
        for layer in LAYERS[1:]:
            service = one(layer, "Service")["spec"]
            self.assertEqual((service["type"], service["externalTrafficPolicy"]), ("NodePort", "Local"))
            self.assertEqual({p["name"]: p["nodePort"] for p in service["ports"]}, {"mqtt": 31883, "http": 30080})
            rules = one(layer, "NetworkPolicy", "devices-outside")["spec"]["ingress"]
            self.assertNotIn("0.0.0.0/0", str(rules))

    def test_single_node_needs_no_label(self):
        self.assertEqual(at(one("overlays/single-node", "Deployment"), f"{POD}.nodeSelector"), {"kubernetes.io/arch": "amd64"})

    def test_image_is_of_the_version_that_is_built(self):
        version = re.search(r"project\(skerry VERSION ([0-9.]+)", read("CMakeLists.txt"))[1]
        self.assertEqual(at(one("base", "Deployment"), f"{GATEWAY}.image"), f"localhost/skerry:{version}")

    def test_first_lines_say_what_each_file_is_for(self):
        for folder, _, files in os.walk(DEPLOY):
            for name in (f for f in files if f.endswith((".yaml", ".yml"))):
                with self.subTest(name):
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        self.assertRegex(f.readline(), r"^# \S+ \S+ .*")


class Settings(Deploy):
    """skerry.yaml of the ConfigMap, against the schema in the program's source and, when it is built, the program."""

    def setUp(self):
        need_yaml()

    def text(self):
        return one("base", "ConfigMap", "iot-gateway-settings")["data"]["skerry.yaml"]

    def test_every_key_is_declared_with_that_type(self):
        declared = declared_keys()
        self.assertGreater(len(declared), 10)
        checks = {"text": str, "integer": int, "number": (int, float), "boolean": bool, "choice": str, "map": dict, "bytes": (str, int), "duration": str}
        for key, value in flatten(yaml.safe_load(self.text())):
            with self.subTest(key):
                self.assertIn(key, declared)
                self.assertIsInstance(value, checks[declared[key]])

    def test_it_listens_for_the_pod_and_says_that_it_does_so_unguarded(self):
        self.assertEqual(dict(flatten(yaml.safe_load(self.text())))["listen.host"], "0.0.0.0")
        self.assertEqual(dict(flatten(yaml.safe_load(self.text())))["listen.insecure"], True)
        self.assertTrue(any(o["kind"] == "NetworkPolicy" for o in build("base")))

    def test_environment_names_are_keys_too(self):
        variables = {"SKERRY_" + k.replace(".", "__").upper() for k in declared_keys()}
        for e in at(one("base", "Deployment"), f"{GATEWAY}.env"):
            if e["name"].startswith("SKERRY_"):
                self.assertIn(e["name"], variables)


def declared_keys():
    """{key: type} of the schema: a line a key, key::TYPE("NAME", …"""
    return {name: kind for kind, name in re.findall(r'key::(\w+)\("([a-z_.]+)"', read("src/edge/settings.cpp"))}


def flatten(node, prefix=""):
    for key, value in node.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
