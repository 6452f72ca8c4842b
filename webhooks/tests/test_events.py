import jsonschema
import pytest

from webhooks.events import CATALOGUE, CatalogueEntry, EventName


def test_every_event_has_an_entry() -> None:
    assert set(CATALOGUE) == set(EventName)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=str)
def test_examples_satisfy_their_schemas(entry: CatalogueEntry) -> None:
    jsonschema.Draft202012Validator.check_schema(entry.schema)
    jsonschema.validate(entry.example, entry.schema, jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, entry.schema, jsonschema.Draft202012Validator)
