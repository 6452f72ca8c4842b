"""What the pages of orders and batches tell who decides on them."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bulk_orders import orders
from bulk_orders.models import Batch
from bulk_orders.tests.forms import cart_item, order_form
from config.console.tests.world import make_batch
from config.lib.console.marks import record_url

Sessions = Callable[[User], Client]


def test_who_authorizes_sees_what(operations: User, partner: User, session: Sessions) -> None:
    items = [cart_item(schemeName="QUANTUM VALUE FUND", amount="1000000000000.50"), cart_item(amount="0.25")]
    order = orders.submit(user_id=partner.pk, form=order_form(cartItems=items), address=None)
    nothing = orders.submit(
        user_id=partner.pk,
        form=order_form(cartItems=[cart_item(transactionType="Full Redemption", amount=None)]),
        address=None,
    )
    client = session(operations)
    text, bare = (
        client.get(reverse("admin:bulk_orders_order_deed", args=[one.pk, "authorize"])).content.decode()
        for one in (order, nothing)
    )
    told = f"{order.model_order_id} of partner: Purchase QUANTUM VALUE FUND and 1 more, 1,000,000,000,000.75 INR"
    assert told in text
    assert "INR" not in bare


def test_a_batch_tells_its_rows_and_whose_it_is_before_it_is_run_again(
    operations: User, partner: User, session: Sessions
) -> None:
    batch = make_batch(partner)
    text = session(operations).get(reverse("admin:bulk_orders_batch_deed", args=[batch.pk, "retry"])).content.decode()
    assert f"{batch.pk}: 2 rows, submitted by partner" in text


def test_a_batch_tells_the_request_that_brought_it(admin: User, partner: User, session: Sessions) -> None:
    batch = make_batch(partner)
    Batch.objects.filter(pk=batch.pk).update(request_id="req-4711")
    assert "req-4711" in session(admin).get(record_url(batch, batch.pk)).content.decode()


def test_a_batch_says_how_many_of_its_rows_it_shows(admin: User, partner: User, session: Sessions) -> None:
    client = session(admin)
    many, few = make_batch(partner, *[order_form()] * 11), make_batch(partner, order_form(cartItems=[]))
    assert "The first 10 of 11" in client.get(record_url(many, many.pk)).content.decode()
    assert "No row became an order." in client.get(record_url(few, few.pk)).content.decode()
