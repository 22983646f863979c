SELECT
    customer,
    day,
    sum(amount) AS amount,
    sum(quantity) AS units
FROM sales_lines
WHERE customer IS NOT NULL
GROUP BY customer, day
