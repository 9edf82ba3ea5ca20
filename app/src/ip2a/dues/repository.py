"""Dues in the database: sums are made by PostgreSQL, pages by keyset."""

from ip2a.database.pipeline import Statement

DUES = Statement(
    b"ip2a_dues_2",
    b"""
    WITH page AS (
        SELECT d.id, p.period_year, p.period_month, p.due_date, d.amount_due_cents, d.amount_paid_cents,
            d.status
        FROM dues_payments d JOIN dues_periods p ON p.id = d.period_id
        WHERE d.member_id = $1::integer
            AND ($2::integer IS NULL OR (p.period_year, p.period_month) < ($2::integer, $3::integer))
        ORDER BY p.period_year DESC, p.period_month DESC LIMIT $4::integer + 1),
    shown AS (SELECT * FROM page ORDER BY period_year DESC, period_month DESC LIMIT $4::integer)
    SELECT json_build_object(
        'summary', (
            SELECT json_build_object(
                'due_cents', coalesce(sum(amount_due_cents), 0),
                'paid_cents', coalesce(sum(amount_paid_cents), 0),
                'balance_cents', coalesce(sum(amount_due_cents - amount_paid_cents)
                    FILTER (WHERE status NOT IN ('waived', 'written_off')), 0),
                'overdue_periods', count(*) FILTER (WHERE status = 'overdue'),
                'last_payment_at', (SELECT max(recorded_at) FROM payments WHERE member_id = $1::integer))
            FROM dues_payments WHERE member_id = $1::integer),
        'items', coalesce(
            (SELECT json_agg(shown ORDER BY period_year DESC, period_month DESC) FROM shown), '[]'),
        'next', CASE WHEN (SELECT count(*) FROM page) > $4::integer THEN (
            SELECT to_char(period_year, 'FM0000') || '-' || to_char(period_month, 'FM00') FROM shown
            ORDER BY period_year, period_month LIMIT 1) END)::text
    """,
)
"""A member's totals and a page of months as DuesResponse's JSON: member, year and month (or null), page
size.
"""

RATES = Statement(
    b"ip2a_rates",
    b"""
    SELECT coalesce(json_agg(json_build_object('classification', classification,
        'monthly_amount_cents', monthly_amount_cents, 'effective_date', effective_date, 'end_date', end_date)
        ORDER BY classification, effective_date DESC), '[]')::text
    FROM dues_rates
    """,
)
"""Every rate, newest first within a classification, as a list of DuesRateItem."""
