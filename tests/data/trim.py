#!/usr/bin/env python3
"""Cuts Render's API description down to the routes that the simulator serves.

    tests/data/trim.py FULL.json > tests/data/render-openapi.json

FULL.json is what Render publishes at https://api-docs.render.com/openapi/render-public-api-1.json. The file here was cut
from the copy with the SHA-256 4e3d58371191351d42cfcfe8a1da7d961deb3be76656f22027efc711241b1ae8 (2026-05-02).

Parameters, bodies, answers and all they refer to are kept; prose, examples and vendor extensions are not. A reference that
points into the middle of something becomes a reference to a component of its own, named after where it pointed.
"""

import json
import re
import sys

ROUTES = [
    ("get", "/owners"),
    ("get", "/owners/{ownerId}"),
    ("get", "/services"),
    ("get", "/services/{serviceId}"),
    ("patch", "/services/{serviceId}"),
    ("post", "/services/{serviceId}/suspend"),
    ("post", "/services/{serviceId}/resume"),
    ("post", "/services/{serviceId}/restart"),
    ("post", "/services/{serviceId}/scale"),
    ("get", "/services/{serviceId}/instances"),
    ("get", "/services/{serviceId}/deploys"),
    ("post", "/services/{serviceId}/deploys"),
    ("get", "/services/{serviceId}/deploys/{deployId}"),
    ("post", "/services/{serviceId}/deploys/{deployId}/cancel"),
    ("post", "/services/{serviceId}/rollback"),
    ("get", "/services/{serviceId}/events"),
    ("get", "/services/{serviceId}/env-vars"),
    ("get", "/services/{serviceId}/env-vars/{envVarKey}"),
    ("put", "/services/{serviceId}/env-vars/{envVarKey}"),
    ("delete", "/services/{serviceId}/env-vars/{envVarKey}"),
    ("put", "/services/{serviceId}/env-vars"),
    ("get", "/postgres"),
    ("get", "/postgres/{postgresId}"),
    ("get", "/postgres/{postgresId}/connection-info"),
    ("get", "/postgres/{postgresId}/recovery"),
    ("post", "/postgres/{postgresId}/recovery"),
    ("get", "/logs"),
    ("get", "/maintenance"),
    ("get", "/webhooks"),
    ("post", "/webhooks"),
    ("get", "/webhooks/{webhookId}"),
    ("patch", "/webhooks/{webhookId}"),
    ("delete", "/webhooks/{webhookId}"),
    ("get", "/webhooks/{webhookId}/events"),
]

PROSE = {"description", "summary", "example", "examples", "externalDocs", "tags", "operationId"}

COMPONENT = re.compile(r"#/components/(\w+)/([^/]+)$")


def resolve(document, reference):
    found = document
    for part in reference.removeprefix("#/").split("/"):
        part = part.replace("%7B", "{").replace("%7D", "}").replace("~1", "/").replace("~0", "~")
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found


class Trimmer:
    def __init__(self, document):
        self.document = document
        self.components = {}

    def trim(self, node, names_are_keys=False):
        """A copy without prose. Among `properties`, a key is a name and never prose."""
        if isinstance(node, list):
            return [self.trim(item) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            return {"$ref": self.keep(node["$ref"])}
        return {
            key: self.trim(value, names_are_keys=key == "properties")
            for key, value in node.items()
            if names_are_keys or not (key in PROSE or key.startswith("x-"))
        }

    def keep(self, reference):
        """Takes the reference's target along; what the reference reads like afterwards."""
        component = COMPONENT.match(reference)
        if component:
            kind, name = component.groups()
        else:
            kind = "schemas"
            name = re.sub(r"\W+", "_", reference.replace("%7B", "").replace("%7D", "")).strip("_")
        kept = self.components.setdefault(kind, {})
        if name not in kept:
            kept[name] = None  # so that a circle ends
            kept[name] = self.trim(resolve(self.document, reference))
        return f"#/components/{kind}/{name}"


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        document = json.load(source)
    trimmer = Trimmer(document)
    paths = {}
    for method, path in ROUTES:
        item = document["paths"][path]
        operation = dict(item[method])
        operation["parameters"] = item.get("parameters", []) + operation.get("parameters", [])
        paths.setdefault(path, {})[method] = trimmer.trim(operation)
    trimmer.components["securitySchemes"] = trimmer.trim(document["components"]["securitySchemes"])
    # Returned by the API and described for requests only.
    trimmer.keep("#/components/schemas/autoDeployTrigger")
    trimmed = {
        "openapi": document["openapi"],
        "info": {key: document["info"][key] for key in ("title", "version")},
        "servers": trimmer.trim(document["servers"]),
        "security": document["security"],
        "paths": paths,
        "components": trimmer.components,
    }
    json.dump(trimmed, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


main()
