SELECT
    item,
    place,
    CAST(date_trunc('week', day) AS DATE) AS week,
    sum(quantity) AS units,
    sum(amount) AS amount,
    sum(CASE WHEN promotion IS NOT NULL THEN quantity ELSE 0 END) AS promoted_units,
    count(*) AS lines
FROM sales_lines
GROUP BY item, place, CAST(date_trunc('week', day) AS DATE)
