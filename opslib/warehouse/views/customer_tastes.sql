SELECT
    sales_lines.customer AS customer,
    products.category AS category,
    sum(sales_lines.amount) AS amount,
    sum(sales_lines.quantity) AS units
FROM sales_lines
LEFT JOIN products ON sales_lines.item = products.item
WHERE sales_lines.customer IS NOT NULL
GROUP BY sales_lines.customer, products.category
