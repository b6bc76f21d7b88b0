import pytest

from cw_pipeline.sandbox.wire import Record
from cw_pipeline_tests.sandbox.conftest import Api, document

ITEM: Record = {
    "identifier": "NORDPASS-NEW",
    "description": "NordPass seat",
    "customerDescription": "NordPass seat",
    "subcategory": {"id": 3},
    "type": {"id": 2},
}


def test_a_created_item_has_names_category_and_defaults(api: Api) -> None:
    response = api.post("/procurement/catalog", ITEM | {"price": 4.99, "productClass": "Agreement"})
    assert response.status_code == 201
    item = document(response)
    assert item["category"] == {"id": 2, "name": "Software & Services"}
    assert item["type"] == {"id": 2, "name": "Subscription"}
    assert item["unitOfMeasure"] == {"id": 1, "name": "Each"}
    assert document(api.get(f"/procurement/catalog/{item['id']}")) == item


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"identifier": "nordpass-bus"}, "ObjectExists", "identifier"),
        ({"identifier": None}, "MissingRequiredField", "identifier"),
        ({"identifier": "x" * 76}, "MaxLengthField", "identifier"),
        ({"description": "x" * 61}, "MaxLengthField", "description"),
        ({"customerDescription": ""}, "MissingRequiredField", "customerDescription"),
        ({"subcategory": {"id": 99}}, "NotFound", "subcategory"),
        ({"type": {"name": "Labour"}}, "NotFound", "type"),
        ({"productClass": "Thing"}, "InvalidField", "productClass"),
    ],
)
def test_an_item_that_breaks_a_rule_is_not_created(reader: Api, change: Record, code: str, field: str) -> None:
    response = reader.post("/procurement/catalog", ITEM | change)
    assert (response.status_code, document(response)["code"]) == (400, "InvalidObject")
    assert [(error["code"], error["field"]) for error in document(response)["errors"]] == [(code, field)]


def test_an_unknown_member_is_refused(reader: Api) -> None:
    refused = reader.post("/procurement/catalog", ITEM | {"colour": "blue"})
    assert "'colour' on object of type 'CatalogItem'" in document(refused)["message"]
