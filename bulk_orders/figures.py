"""What is counted of orders by the hour; see `config.lib.figures`."""

from config.lib.figures import Source

_ORDERS = """
SELECT date_trunc('hour', submitted_at, 'UTC'), '', count(*), 0
FROM orders WHERE submitted_at >= %(since)s AND submitted_at < %(until)s GROUP BY 1"""

SOURCES = (Source("order", _ORDERS),)
