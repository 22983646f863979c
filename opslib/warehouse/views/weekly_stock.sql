SELECT
    item,
    place,
    CAST(date_trunc('week', day) AS DATE) AS week,
    count(*) AS days_seen,
    sum(CASE WHEN closing <= 0 THEN 1 ELSE 0 END) AS days_out,
    sum(received) AS received,
    sum(adjusted) AS adjusted,
    avg(closing) AS mean_stock
FROM stock_days
GROUP BY item, place, CAST(date_trunc('week', day) AS DATE)
