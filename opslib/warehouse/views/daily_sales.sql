SELECT
    sales_lines.day AS day,
    coalesce(places.region, sales_lines.place) AS region,
    products.category AS category,
    sales_lines.promotion AS promotion,
    sum(sales_lines.amount) AS amount,
    sum(sales_lines.quantity) AS units,
    count(DISTINCT sales_lines.sale) AS sales
FROM sales_lines
LEFT JOIN places ON sales_lines.place = places.place
LEFT JOIN products ON sales_lines.item = products.item
GROUP BY
    sales_lines.day,
    coalesce(places.region, sales_lines.place),
    products.category,
    sales_lines.promotion
