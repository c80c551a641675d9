"""What AWS makes of template.yaml, without AWS.

The SAM transform is done by the translator that AWS itself runs; then conditions
and the functions that only parameters decide are resolved, so that a test reads
plain resources.
"""

import copy
import json
import logging
import os
import pathlib

import yaml
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

logging.disable(logging.WARNING)  # the translator wants its metrics published

ROOT = pathlib.Path(__file__).resolve().parents[3]


class Loader(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation's functions."""


def short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    name = suffix if suffix in ("Ref", "Condition") else "Fn::" + suffix
    return {name: value}


Loader.add_multi_constructor("!", short_form)


def load(path):
    return yaml.load((ROOT / path).read_text(), Loader)


class NoPolicies(ManagedPolicyLoader):
    """The translator asks IAM for managed policies; these are the ones it needs."""

    def __init__(self):
        super().__init__(None)
        names = ["service-role/AWSLambdaBasicExecutionRole", "service-role/AWSLambdaVPCAccessExecutionRole",
                 "AWSXrayWriteOnlyAccess", "AWSXRayDaemonWriteAccess"]
        self._policy_map = {name.split("/")[-1]: "arn:aws:iam::aws:policy/" + name for name in names}

    def load(self):
        return self._policy_map


def translated(**parameters):
    """The resources of template.yaml under the given parameters, SAM and
    conditions resolved."""
    template = load("template.yaml")
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        # sam deploy uploads local files and puts their addresses here
        if isinstance(properties.get("CodeUri"), str):
            properties["CodeUri"] = "s3://bucket/" + properties["CodeUri"]
        if isinstance(properties.get("DefinitionUri"), str):
            properties["DefinitionUri"] = "s3://bucket/" + properties["DefinitionUri"]
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    return Stack(json.loads(json.dumps(transform(template, {}, NoPolicies()))), parameters)


class Stack:
    """A template whose parameters are known."""

    def __init__(self, template, parameters):
        self.template = template
        self.parameters = {name: p.get("Default") for name, p in template.get("Parameters", {}).items()}
        self.parameters |= {"AWS::Region": "us-east-1"} | parameters
        self.resources = {
            name: self.resolve(copy.deepcopy(resource))
            for name, resource in template["Resources"].items()
            if self.holds(resource.get("Condition"))
        }

    def holds(self, condition):
        if condition is None:
            return True
        return self.value(self.template["Conditions"][condition])

    def value(self, test):
        (name, of), = test.items()
        if name == "Condition":
            return self.holds(of)
        if name == "Fn::Equals":
            left, right = (self.plain(v) for v in of)
            return left == right
        if name == "Fn::Not":
            return not self.value(of[0])
        if name == "Fn::And":
            return all(self.value(v) for v in of)
        if name == "Fn::Or":
            return any(self.value(v) for v in of)
        raise ValueError(f"condition {name}")

    def plain(self, value):
        if isinstance(value, dict) and set(value) == {"Ref"}:
            return str(self.parameters[value["Ref"]])
        return str(value)

    def resolve(self, node):
        if isinstance(node, list):
            return [v for v in map(self.resolve, node) if v is not NOTHING]
        if not isinstance(node, dict):
            return node
        if set(node) == {"Fn::If"}:
            condition, yes, no = node["Fn::If"]
            return self.resolve(yes if self.holds(condition) else no)
        if node == {"Ref": "AWS::NoValue"}:
            return NOTHING
        if set(node) == {"Ref"} and node["Ref"] in self.parameters:
            return self.parameters[node["Ref"]]
        return {k: r for k, v in node.items() if (r := self.resolve(v)) is not NOTHING}

    def of(self, kind):
        return {name: r for name, r in self.resources.items() if r["Type"] == kind}

    def properties(self, name):
        return self.resources[name].get("Properties", {})


NOTHING = object()
