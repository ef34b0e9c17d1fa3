"""The gateway's own description, as its tests hold it, is valid OpenAPI 3.1."""

import json
from pathlib import Path

import pytest

validator = pytest.importorskip("openapi_spec_validator")

API = json.loads((Path(__file__).parents[3] / "tests" / "vectors" / "openapi.json").read_text())


def test_the_description_is_valid():
    assert API["openapi"].startswith("3.1")
    validator.OpenAPIV31SpecValidator(API).validate()


def test_a_broken_reference_would_be_found():
    broken = json.loads(json.dumps(API).replace("#/components/schemas/", "#/components/schema/"))
    assert broken != API
    # What it raises for a reference to nowhere depends on the library beneath it.
    with pytest.raises(Exception, match="components"):
        validator.OpenAPIV31SpecValidator(broken).validate()
