import pytest

from bulk_orders.states import REPORTS, STEPS, Status, Step, after_step, may_report

PATH = [Status.IN_PROGRESS, Status.SETTLEMENT_PENDING, Status.EXECUTED, Status.SETTLED]


def test_a_checker_claims_an_order_and_gives_it_back() -> None:
    assert after_step(Step.CLAIM, Status.PENDING_APPROVAL) is Status.PENDING_APPROVAL
    assert after_step(Step.RELEASE, Status.PENDING_APPROVAL) is Status.PENDING
    assert after_step(Step.CLAIM, Status.PENDING) is Status.PENDING_APPROVAL


@pytest.mark.parametrize(
    ("step", "result"),
    [(Step.AUTHORIZE, Status.IN_PROGRESS), (Step.REJECT, Status.FAILED), (Step.CANCEL, Status.CANCELLED)],
)
def test_an_order_awaiting_approval_is_decided(step: Step, result: Status) -> None:
    assert after_step(step, Status.PENDING_APPROVAL) is result


@pytest.mark.parametrize("step", Step)
def test_no_step_of_a_person_touches_an_order_already_decided(step: Step) -> None:
    decided = set(Status) - {Status.PENDING, Status.PENDING_APPROVAL}
    assert {after_step(step, status) for status in decided} == {None}


def test_the_registrar_reports_one_stage_after_the_other() -> None:
    for i, status in enumerate(PATH):
        allowed = {after for after in PATH if may_report(status, after)}
        assert allowed == set(PATH[i + 1 : i + 2])


@pytest.mark.parametrize("end", [Status.FAILED, Status.SETTLEMENT_REVERSAL])
def test_a_running_order_may_fail_or_be_reversed_at_any_stage_before_the_last(end: Status) -> None:
    assert [may_report(status, end) for status in PATH] == [True, True, True, False]


def test_the_registrar_never_reports_a_status_that_people_set() -> None:
    reported = frozenset[Status]().union(*REPORTS.values())
    assert reported.isdisjoint({Status.PENDING, Status.PENDING_APPROVAL, Status.IN_PROGRESS, Status.CANCELLED})


def test_every_step_has_its_line_in_the_table() -> None:
    assert set(STEPS) == set(Step)
