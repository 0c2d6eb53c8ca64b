# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The Xcode project as data: no Xcode has opened it here, but what it refers to is there."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openstep_parser import OpenStepDecoder

HARNESS = Path(__file__).resolve().parents[2] / "ios_harness"
PROJECT = HARNESS / "mdeploy.xcodeproj" / "project.pbxproj"
IDENTIFIER = re.compile(r"[0-9A-F]{24}")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return OpenStepDecoder.ParseFromString(PROJECT.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def identifiers(value: Any) -> Iterator[str]:
    """Every identifier of an object that a value names."""
    if isinstance(value, dict):
        for item in value.values():
            yield from identifiers(item)
    elif isinstance(value, list):
        for item in value:
            yield from identifiers(item)
    elif IDENTIFIER.fullmatch(str(value)):
        yield str(value)


def problems(project: dict[str, Any]) -> list[str]:
    """What of the project hangs in the air."""
    objects = project["objects"]
    found = [f"{name} is not there" for name in sorted({*identifiers(objects)} - {*objects})]
    used = {*identifiers(objects), project["rootObject"]}
    found += [f"{name} ({objects[name]['isa']}) is used by nothing" for name in sorted({*objects} - used)]
    for item in objects.values():
        if item["isa"] == "PBXFileSystemSynchronizedRootGroup" and not (HARNESS / item["path"]).is_dir():
            found.append(f"folder {item['path']} is not there")
        place = HARNESS / item.get("relativePath", "..")
        if item["isa"] == "XCLocalSwiftPackageReference" and not (place / "Package.swift").is_file():
            found.append(f"no package in {item['relativePath']}")
        if item["isa"] == "XCSwiftPackageProductDependency":
            manifest = (HARNESS.parent / "Package.swift").read_text(encoding="utf-8")
            if f'.library(name: "{item["productName"]}"' not in manifest:
                found.append(f"the package has no product {item['productName']}")
    return found


def test_everything_it_refers_to_is_there(project: dict[str, Any]) -> None:
    assert problems(project) == []


@pytest.mark.parametrize(
    ("isa", "key", "value", "said"),
    [
        ("PBXNativeTarget", "productReference", "0" * 24, "0" * 24 + " is not there"),
        ("PBXFileSystemSynchronizedRootGroup", "path", "Elsewhere", "folder Elsewhere is not there"),
        ("XCLocalSwiftPackageReference", "relativePath", "../docs", "no package in ../docs"),
        ("XCSwiftPackageProductDependency", "productName", "MDeployToo", "the package has no product MDeployToo"),
        ("PBXNativeTarget", "buildConfigurationList", "nothing", "(XCConfigurationList) is used by nothing"),
    ],
)
def test_what_hangs_in_the_air_is_found(project: dict[str, Any], isa: str, key: str, value: str, said: str) -> None:
    broken = copy.deepcopy(project)
    next(item for item in broken["objects"].values() if item["isa"] == isa)[key] = value
    assert any(said in problem for problem in problems(broken))


def test_the_app_is_built_as_the_package_is(project: dict[str, Any]) -> None:
    settings = [item["buildSettings"] for item in project["objects"].values() if item["isa"] == "XCBuildConfiguration"]
    assert {s["IPHONEOS_DEPLOYMENT_TARGET"] for s in settings if "IPHONEOS_DEPLOYMENT_TARGET" in s} == {"16.0"}
    package = (HARNESS.parent / "Package.swift").read_text(encoding="utf-8")
    assert ".iOS(.v16)" in package
    # The report is found in the Files app, and by a host.
    assert all(s["INFOPLIST_KEY_UIFileSharingEnabled"] == "YES" for s in settings if "PRODUCT_BUNDLE_IDENTIFIER" in s)


def test_the_app_uses_the_products_that_it_links(project: dict[str, Any]) -> None:
    linked = {
        item["productName"] for item in project["objects"].values() if item["isa"] == "XCSwiftPackageProductDependency"
    }
    imported = {
        name
        for path in (HARNESS / "App").glob("*.swift")
        for name in re.findall(r"^import (MDeploy\w*)", path.read_text(encoding="utf-8"), re.M)
    }
    assert imported == linked
