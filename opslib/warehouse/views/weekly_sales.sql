SELECT
    CAST(date_trunc('week', sales_lines.day) AS DATE) AS week,
    places.region AS region,
    products.category AS category,
    sum(sales_lines.amount) AS amount,
    sum(sales_lines.quantity) AS units,
    count(DISTINCT sales_lines.sale) AS sales,
    min(sales_lines.day) AS first_day,
    max(sales_lines.day) AS last_day
FROM sales_lines
LEFT JOIN places ON sales_lines.place = places.place
LEFT JOIN products ON sales_lines.item = products.item
GROUP BY
    CAST(date_trunc('week', sales_lines.day) AS DATE),
    places.region,
    products.category
