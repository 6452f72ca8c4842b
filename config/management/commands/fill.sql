-- Row n of N happened n/N of the span before now; n modulo something spreads everything else.
CREATE FUNCTION pg_temp.made(number int, days int, OUT n int, OUT at timestamptz, OUT tail text)
RETURNS SETOF record LANGUAGE sql ROWS 1000000 AS $$
  SELECT n, at, (extract(epoch FROM at) * 1000)::bigint || '_' || substr(md5(n::text), 1, 16)
  FROM (SELECT n, now() - (days * interval '1 day') * (1 - (n - 0.5) / number::float) AS at
        FROM generate_series(1, number) AS n) AS moments
$$;

-- What follows refers to what stands above it: looking up each reference would take most of the time.
SET LOCAL session_replication_role = replica;

INSERT INTO orders (model_order_id, client_id, order_form_data, status, submitted_at, trace_id)
SELECT 'MO-' || to_char(at, 'YYYYMMDD') || '-' || upper(substr(md5(tail), 1, 12)),
       (%(users)s::int[])[1 + n %% cardinality(%(users)s::int[])],
       jsonb_build_object('cartItems', jsonb_build_array(jsonb_build_object(
         'id', n::text, 'schemeName', 'Scheme ' || n %% 900, 'amount', 500 + n %% 99500,
         'transactionType', (ARRAY['Purchase', 'Redemption', 'Switch'])[1 + n %% 3]))),
       CASE WHEN n > %(orders)s - 40 THEN 'Pending Approval'
            ELSE (ARRAY['Settled', 'Settled', 'Settled', 'Executed', 'In Progress', 'Failed'])[1 + n %% 6] END,
       at, 'TRACE-' || n
FROM pg_temp.made(%(orders)s, %(days)s);

-- Batches of twenty; a row of every twentieth batch has failed.
INSERT INTO bulk_order_batches (batch_id, user_id, status, total, processed, succeeded, failed, created_at,
                                completed_at, judged_on, trace_id)
SELECT 'BATCH-' || to_char(at, 'YYYYMMDD') || '-' || upper(substr(md5(tail), 1, 8)),
       (%(users)s::int[])[1 + n / 20 %% cardinality(%(users)s::int[])],
       CASE WHEN failed = 0 THEN 'completed' ELSE 'partial' END, 20, 20, 20 - failed, failed, at,
       at + interval '4 s', at::date, 'TRACE-' || n
FROM (SELECT *, CASE WHEN n %% 400 = 0 THEN 1 ELSE 0 END AS failed
      FROM pg_temp.made(%(orders)s, %(days)s) WHERE n %% 20 = 0) AS made;

INSERT INTO bulk_order_results (batch_id, order_index, order_id, model_order_id, success, error, status, created_at)
SELECT 'BATCH-' || to_char(batch.at, 'YYYYMMDD') || '-' || upper(substr(md5(batch.tail), 1, 8)), (made.n - 1) %% 20,
       CASE WHEN good THEN orders.id END, CASE WHEN good THEN model_order_id END, good,
       CASE WHEN NOT good THEN 'Item 1: Amount must be greater than 0' END,
       CASE WHEN good THEN 'succeeded' ELSE 'failed' END, batch.at
FROM pg_temp.made(%(orders)s, %(days)s) AS made
JOIN pg_temp.made(%(orders)s, %(days)s) AS batch ON batch.n = made.n + (20 - made.n %% 20) %% 20
JOIN orders ON model_order_id = 'MO-' || to_char(made.at, 'YYYYMMDD') || '-' || upper(substr(md5(made.tail), 1, 12))
CROSS JOIN LATERAL (SELECT NOT (batch.n %% 400 = 0 AND made.n %% 20 = 7) AS good) AS verdict
ORDER BY made.n;

INSERT INTO order_payments (order_id, reference, status, amount, created_at, updated_at)
SELECT id, 'PAY-' || n, CASE WHEN n %% 50 = 0 THEN 'failed' ELSE 'received' END, 500 + n %% 99500,
       at + interval '60 s', at + interval '60 s'
FROM pg_temp.made(%(orders)s, %(days)s)
JOIN orders ON model_order_id = 'MO-' || to_char(at, 'YYYYMMDD') || '-' || upper(substr(md5(tail), 1, 12))
ORDER BY n;

INSERT INTO audit_log (at, actor_id, actor, address, action, target_type, target_id)
SELECT at, auth_user.id, username, '192.0.2.1', (ARRAY['user.logged_in', 'user.logged_out'])[1 + n %% 2], 'user',
       auth_user.id
FROM pg_temp.made(%(orders)s, %(days)s)
JOIN auth_user ON auth_user.id = (%(users)s::int[])[1 + n / 2 %% cardinality(%(users)s::int[])]
ORDER BY n;

INSERT INTO webhook_events (id, user_id, name, data, body, created_at)
SELECT 'evt_' || tail, (%(users)s::int[])[1 + n %% cardinality(%(users)s::int[])], 'order.created',
       jsonb_build_object('orderId', n), '{}', at
FROM pg_temp.made(%(deliveries)s, %(days)s);

-- One in a hundred fails for good; the newest few are still on their way.
INSERT INTO webhook_deliveries (id, webhook_id, event, payload, status, attempts, last_attempt_at, next_retry_at,
                                response_code, response_body, error, created_at, event_id, duration_ms)
SELECT 'del_' || tail, (%(endpoints)s::text[])[1 + n %% cardinality(%(endpoints)s::text[])], 'order.created',
       jsonb_build_object('orderId', n), state,
       CASE state WHEN 'pending' THEN 0 ELSE %(attempts)s END,
       CASE WHEN state <> 'pending' THEN at + %(attempts)s * interval '0.1 s' END,
       CASE WHEN state IN ('pending', 'retrying') THEN now() + interval '1 day' END,
       CASE state WHEN 'delivered' THEN 200 WHEN 'pending' THEN NULL ELSE 503 END,
       CASE WHEN state <> 'pending' THEN '{"ok":true}' END,
       CASE WHEN state IN ('failed', 'retrying') THEN 'HTTP 503: Service Unavailable' END, at, 'evt_' || tail,
       CASE WHEN state <> 'pending' THEN 5 + n %% 90 + CASE WHEN n %% 25 = 0 THEN 700 ELSE 0 END END
FROM (SELECT *, CASE WHEN n > %(deliveries)s - 20 THEN 'pending' WHEN n > %(deliveries)s - 60 THEN 'retrying'
                     WHEN n %% 100 = 0 THEN 'failed' ELSE 'delivered' END AS state
      FROM pg_temp.made(%(deliveries)s, %(days)s)) AS made;

-- All but the last attempt of a delivery have failed.
INSERT INTO webhook_delivery_attempts (delivery_id, at, response_code, duration_ms, response_body, error, remote_ip)
SELECT 'del_' || tail, made.at + attempt * interval '0.1 s', CASE WHEN good THEN 200 ELSE 503 END,
       5 + (n + attempt) %% 90 + CASE WHEN n %% 25 = 0 THEN 700 ELSE 0 END,
       CASE WHEN good THEN '{"ok":true}' END,
       CASE WHEN NOT good THEN 'HTTP ' || 500 + n %% 4 || ': Service Unavailable' END, '127.0.0.1'
FROM pg_temp.made(%(deliveries)s, %(days)s) AS made
CROSS JOIN generate_series(1, %(attempts)s) AS attempt
CROSS JOIN LATERAL (SELECT attempt = %(attempts)s AND n <= %(deliveries)s - 60 AND n %% 100 <> 0 AS good) AS result
WHERE n <= %(deliveries)s - 20;

-- The first paths are asked for most, and most calls are fast.
INSERT INTO integration_usage_logs (id, integration_id, endpoint, method, status_code, response_time, error,
                                    "timestamp")
SELECT 'log_' || tail, (%(systems)s::text[])[1 + n %% cardinality(%(systems)s::text[])],
       CASE WHEN chance %% 20 = 0 THEN '/api/webhooks/wh_' || tail || '/deliveries' ELSE path END,
       CASE WHEN path LIKE '%%bulk-orders' AND chance %% 2 = 0 THEN 'POST' ELSE 'GET' END,
       CASE WHEN n %% 50 = 0 THEN 429 ELSE 200 END, 2 + (exp((chance %% 1000) / 200.0) * 3)::int,
       CASE WHEN n %% 50 = 0 THEN 'Too many requests' END, at
FROM (SELECT *, abs(hashint4(n) %% 1000000) AS chance FROM pg_temp.made(%(calls)s, %(days)s)) AS made
CROSS JOIN LATERAL (
  SELECT (ARRAY['/api/order-management/orders', '/api/order-management/orders', '/api/order-management/orders',
                '/api/bulk-orders', '/api/bulk-orders', '/api/webhooks', '/api/webhooks/events', '/api/integrations/me'
               ])[1 + chance / 1000 %% 8] AS path) AS chosen;

UPDATE integrations SET usage_count = calls, last_used_at = last
FROM (SELECT integration_id, count(*) AS calls, max("timestamp") AS last FROM integration_usage_logs
      WHERE integration_id = ANY (%(systems)s::text[]) GROUP BY 1) AS made
WHERE id = integration_id;

UPDATE webhooks SET last_triggered_at = now() WHERE id = ANY (%(endpoints)s::text[]);
