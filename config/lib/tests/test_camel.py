"""Shapes: names change on the way in and out, and the fields of a shape are made once."""

import pytest
from rest_framework import serializers

from config.lib.camel import CamelSerializer
from config.lib.fields import TextField


class Part(CamelSerializer):
    file_name = serializers.CharField()


class Shape(CamelSerializer):
    given_name = TextField()
    all_parts = Part(many=True, required=False)
    shouted = serializers.SerializerMethodField()

    def get_shouted(self, value: dict[str, str]) -> str:
        return value["given_name"].upper()


class Wider(Shape):
    family_name = TextField()


def test_names_are_camel_case_outside_and_snake_case_inside() -> None:
    form = Shape(data={"givenName": "Asha"})
    assert form.is_valid()
    assert form.validated_data == {"given_name": "Asha"}
    shown = Shape({"given_name": "Asha", "all_parts": [{"file_name": "a.csv"}]}).data
    assert shown == {"givenName": "Asha", "allParts": [{"fileName": "a.csv"}], "shouted": "ASHA"}
    assert Shape.shown({"given_name": "Asha", "all_parts": [{"file_name": "a.csv"}]}) == shown


def test_fields_are_made_once_for_each_shape() -> None:
    assert Shape().fields["givenName"] is Shape(data={}).fields["givenName"]
    assert Wider().fields["givenName"] is not Shape().fields["givenName"]


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_what_may_be_missing_in_a_change_may_not_be_in_the_whole(order: tuple[bool, ...]) -> None:
    for partial in order:
        assert Wider(data={"givenName": "Asha"}, partial=partial).is_valid() is partial


def test_one_form_keeps_its_problems_to_itself() -> None:
    wrong, right = Wider(data={"givenName": 5}), Wider(data={"givenName": "Asha", "familyName": "Rao"})
    assert not wrong.is_valid()
    assert right.is_valid()
    assert set(wrong.errors) == {"givenName", "familyName"}
