"""OrderFormData: the form of one mutual-fund order, and beside every field the rule it must keep.

Pure: pydantic only. Fields stand in the order in which their problems are told; a rule that looks at other fields
comes after them. Where the form leaves room it is lenient: an absent or blank optional value is no problem, scalars may
be text or numbers, keys without a rule are kept as they came, and describing text (names, addresses) is not judged.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, cast, get_args

from pydantic import (
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

TransactionType = Literal["Purchase", "Redemption", "Switch", "Full Redemption", "Full Switch"]
Mode = Literal["Physical", "Email", "Telephone", "Online"]
MODES = get_args(Mode)
FULL_EXIT = ("Full Redemption", "Full Switch")  # the holding decides how much, so an amount is optional

# ASCII digits, and the text itself decides: 1e3 or a 16th digit is refused, not rounded. A minus is read to be refused
# as "not greater than 0".
AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,4})?")
# Shares, units and prices are often quotients (100 / 3) as partners' programs print them: up to 17 digits.
FIGURE = re.compile(r"[0-9]{1,15}(\.[0-9]{1,17})?")
FIGURES = ("amount", "units", "nav", "percentage")  # whose text is judged
PAN = re.compile(r"[A-Z]{5}[0-9]{4}[A-Z]")
EUIN = r"^(E[0-9A-Z]{6})?$"
CLIENT_REF_LENGTH = 100
AGE_OF_MAJORITY = 18
PERCENT, TOLERANCE = Decimal(100), Decimal("0.01")


class Says(NamedTuple):
    """Whatever is wrong with the value, the client reads this one sentence.

    Told by pydantic's core, so good rows pay nothing.
    """

    code: str
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return self.about(handler(source))

    def about(self, schema: CoreSchema) -> CoreSchema:
        return core_schema.custom_error_schema(schema, self.code, custom_error_message=self.message)

    def error(self, **context: str) -> PydanticCustomError:
        return PydanticCustomError(self.code, self.message, context)


class Gate(NamedTuple):
    """A first look at a container: failed, `says` is the whole story; passed, the members are judged one by one."""

    look: CoreSchema
    says: Says

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.chain_schema([self.says.about(self.look), handler(source)])

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema["steps"][-1])


def one_of(subject: str, choices: Any) -> str:
    return f"{subject} must be one of {', '.join(get_args(choices))}"


CART_ITEMS_REQUIRED = Says("required", "Cart items are required")
MODE_REQUIRED = Says("required", "Transaction mode is required")
MODE_UNKNOWN = Says("invalid_choice", one_of("Transaction mode", Mode))
TRANSACTION_TYPE_UNKNOWN = Says("invalid_choice", one_of("Transaction type", TransactionType))
AMOUNT_NOT_POSITIVE = Says("not_positive", "Amount must be greater than 0")
AMOUNT_NOT_A_NUMBER = Says("not_a_number", "Amount is not a valid number")
SCHEME_REQUIRED = Says("required", "Scheme name is required")
SOURCE_SCHEME_REQUIRED = Says("required", "Source scheme is required for a switch")
NOMINEES_REQUIRED = Says("required", "Nominee information is required")
NOMINEES_TOTAL = Says("nominee_total", "Nominee percentages must total 100%. Current: {total}%")
PAN_INVALID = Says("invalid_pan", "PAN is invalid")
GUARDIAN_REQUIRED = Says("guardian_required", "Guardian details are required for a minor")
BIRTH_INVALID = Says("invalid_date", "Date of birth is not a valid date")
PERCENTAGE_INVALID = Says("not_a_number", "Percentage is not a valid number")
EUIN_INVALID = Says("invalid_euin", "EUIN is invalid")
CLIENT_REF_INVALID = Says("invalid_client_ref", f"clientRef must be text of at most {CLIENT_REF_LENGTH} characters")


def exact_text(value: object) -> str:
    """The text of a JSON number or string; anything else, booleans too, is not a number and has none."""
    if type(value) is str:
        return value
    if type(value) is Decimal:  # which left to itself makes 1E-7 of 0.0000001
        return format(value, "f")
    if type(value) is int and abs(value) < 10**15:
        return str(value)
    return ""


def absent(value: object) -> bool:
    return value is None or value == ""


def names_something(value: object) -> bool:
    """Text that is not blank, or a number that is not 0: ids come as both."""
    if type(value) is str:
        return bool(value.strip())
    return isinstance(value, int | Decimal) and type(value) is not bool and value != 0


def judge_amount(value: Any, info: ValidationInfo) -> None:
    optional = info.data.get("transaction_type") in FULL_EXIT
    if absent(value) and optional:
        return
    text = "0" if absent(value) else exact_text(value)
    if not AMOUNT.fullmatch(text) or (optional and text[0] == "-"):
        raise AMOUNT_NOT_A_NUMBER.error()
    if not optional and Decimal(text) <= 0:
        raise AMOUNT_NOT_POSITIVE.error()


def figure(says: Says) -> PlainValidator:
    def judge_figure(value: Any) -> Decimal:
        text = "0" if absent(value) else exact_text(value)
        if not FIGURE.fullmatch(text):
            raise says.error()
        return Decimal(text)

    return PlainValidator(judge_figure, json_schema_input_type=Decimal | str | None)


def judge_source_scheme(value: Any, info: ValidationInfo) -> None:
    named = names_something(value) or names_something(info.data.get("source_scheme_name"))
    if info.data.get("transaction_type") == "Switch" and not named:
        raise SOURCE_SCHEME_REQUIRED.error()


def judge_mode(value: Any) -> None:
    if absent(value):
        raise MODE_REQUIRED.error()
    if value not in MODES:
        raise MODE_UNKNOWN.error()


def day_of_birth(value: Any) -> date | None:
    """ISO date, or an ISO instant whose day counts: browsers send both."""
    if absent(value):
        return None
    try:
        return date.fromisoformat(value[:10])
    except (TypeError, ValueError):
        raise BIRTH_INVALID.error() from None


def is_minor(info: ValidationInfo) -> bool:
    nominee, on = info.data, cast("dict[str, date]", info.context)["on"]
    born = nominee.get("date_of_birth")
    grown_up = born is None or (born.year + AGE_OF_MAJORITY, born.month, born.day) <= (on.year, on.month, on.day)
    return nominee.get("is_minor") is True or not grown_up


def judge_pan(value: Any, info: ValidationInfo) -> None:
    """A minor may have no PAN yet: the guardian's stands for it."""
    if absent(value) and is_minor(info):
        return
    judge_guardian_pan("-" if absent(value) else value)


def judge_guardian_pan(value: Any) -> str:
    if not absent(value) and not (type(value) is str and PAN.fullmatch(value)):
        raise PAN_INVALID.error()
    return value or ""


def judge_guardian(value: Any, info: ValidationInfo) -> None:
    """A guardian's field that is itself at fault has been told already and does not count as missing."""
    others = (info.data.get("guardian_pan", "told"), info.data.get("guardian_relationship", "told"))
    if is_minor(info) and not all(map(names_something, (value, *others))):
        raise GUARDIAN_REQUIRED.error()


def judge_nominees_as_a_whole(value: Any, info: ValidationInfo) -> None:
    if info.data.get("opt_out_of_nomination") is True:
        return
    if type(value) is not list or not value:
        raise NOMINEES_REQUIRED.error()
    shares = (exact_text(nominee.get("percentage")) for nominee in value if isinstance(nominee, dict))
    total = sum((Decimal(share) for share in shares if FIGURE.fullmatch(share)), Decimal())
    if abs(total - PERCENT) > TOLERANCE:
        raise NOMINEES_TOTAL.error(total=plain(total))


def plain(number: Decimal) -> str:
    """99.50 → 99.5, 1E+2 → 100."""
    return format(number.normalize(), "f")


def if_any(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return handler(value) if type(value) is list and value else None  # the rule on the whole has told of it


def unless_opted_out(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    if info.data.get("opt_out_of_nomination") is True or type(value) is not list:
        return None  # no list at all has been told by the rule on the whole
    return handler(value)


def rule(judge: Callable[..., Any], reads: Any) -> Any:
    return PlainValidator(judge, json_schema_input_type=reads)


Scalar = Annotated[str | StrictInt | Decimal | None, Says("not_text", "must be text")]
Required: Any = Field(default=None, validate_default=True)  # absent and null are one case, told by the field's own rule
Account = Annotated[dict[str, Any] | str | None, Says("not_an_account", "must be an object")]


class Form(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")


class CartItem(Form):
    id: Scalar = None
    product_id: Scalar = None
    transaction_type: Annotated[TransactionType, TRANSACTION_TYPE_UNKNOWN] = Required
    amount: Annotated[None, rule(judge_amount, Decimal | str | None)] = Required
    scheme_name: Annotated[Annotated[str, Field(pattern=r"\S")], SCHEME_REQUIRED] = Required
    source_scheme_name: Scalar = None
    source_scheme_id: Annotated[None, rule(judge_source_scheme, Scalar)] = Required
    units: Annotated[Decimal | None, figure(Says("not_a_number", "Units is not a valid number"))] = None
    nav: Annotated[Decimal | None, figure(Says("not_a_number", "NAV is not a valid number"))] = None
    branch_code: Scalar = None
    mode: Scalar = None
    order_type: Scalar = None


class TransactionMode(Form):
    mode: Annotated[None, rule(judge_mode, Mode)] = Required
    email: Scalar = None
    phone_number: Scalar = None


class Nominee(Form):
    id: Scalar = None
    name: Scalar = None
    relationship: Scalar = None
    percentage: Annotated[Decimal, figure(PERCENTAGE_INVALID)] = Decimal()
    date_of_birth: Annotated[date | None, rule(day_of_birth, date | None)] = None
    is_minor: StrictBool | None = None
    pan: Annotated[None, rule(judge_pan, str | None)] = Required
    guardian_relationship: Scalar = None
    guardian_pan: Annotated[str, rule(judge_guardian_pan, str | None)] = ""
    guardian_name: Annotated[None, rule(judge_guardian, str | None)] = Required


class OrderForm(Form):
    # Two rules read the same key: what is missing altogether is told before what is wrong with an item.
    cart_items_as_a_whole: Annotated[Any, Gate(core_schema.list_schema(min_length=1), CART_ITEMS_REQUIRED)] = Field(
        default=None, validate_default=True, validation_alias=AliasPath("cartItems")
    )
    transaction_mode: Annotated[TransactionMode, Gate(core_schema.dict_schema(), MODE_REQUIRED)] = Required
    cart_items: Annotated[list[CartItem] | None, WrapValidator(if_any)] = None
    opt_out_of_nomination: StrictBool | None = None
    # Here, too: the list as a whole is told before its members.
    nominees_as_a_whole: Annotated[None, rule(judge_nominees_as_a_whole, Any)] = Field(
        default=None, validate_default=True, validation_alias=AliasPath("nominees")
    )
    nominees: Annotated[list[Nominee] | None, WrapValidator(unless_opted_out)] = None
    mode_euin: Annotated[Annotated[str, Field(pattern=EUIN)] | None, EUIN_INVALID] = Field(
        default=None, validation_alias=AliasPath("transactionMode", "euin")
    )
    euin: Annotated[Annotated[str, Field(pattern=EUIN)] | None, EUIN_INVALID] = None
    client_ref: Annotated[Annotated[StrictStr, Field(max_length=CLIENT_REF_LENGTH)] | None, CLIENT_REF_INVALID] = None
    investment_account: Account = None
    settlement_account: Account = None
    branch_code: Scalar = None
    full_switch_data: dict[str, Any] | None = None
    full_redemption_data: dict[str, Any] | None = None
